//! Files of keys and certificates, and the certificate that a partner shows.
#![no_main]

use fuzz::Site;
use libfuzzer_sys::fuzz_target;
use outrider_domain::secret::{SecretRef, SigningKey, expires_at, read_private_key, read_trust};

thread_local!(static SITE: Site = Site::new());

fuzz_target!(|input: &[u8]| {
    std::hint::black_box(expires_at(input));
    SITE.with(|site| {
        let file = site.file("input.pem");
        std::fs::write(&file, input).unwrap();
        if let Ok(certificates) = read_trust(&file) {
            assert!(!certificates.is_empty(), "an empty file is trusted");
            for certificate in &certificates {
                std::hint::black_box(expires_at(certificate));
            }
        }
        drop(read_private_key(&SecretRef::File(file.clone())));
        if let Ok(key) = SigningKey::read(&SecretRef::File(file.clone())) {
            assert_eq!(
                key.thumbprint().len(),
                43,
                "SHA-256, base64url without padding"
            );
            assert!(!format!("{key:?}").contains("PRIVATE"));
        }
    });
});
