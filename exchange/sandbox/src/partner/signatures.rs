//! Signatures of addresses at another origin.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::trust::TrustError;

/// Signs addresses with a key that is gone when the process is.
pub(crate) struct Signatures(hmac::Key);

impl Signatures {
    pub(crate) fn new() -> Result<Self, TrustError> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(Self)
            .map_err(|_| TrustError::Unusable("there are no random bytes".to_owned()))
    }

    pub(crate) fn of(&self, job: &str, name: &str, until: i64) -> String {
        let text = format!("{job}\n{name}\n{until}");
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes()))
    }
}
