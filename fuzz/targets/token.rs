//! The token endpoint's answer: what it holds goes into a header field, and into no finding.
#![no_main]

use std::collections::BTreeMap;

use fuzz::{answer, assert_short};
use libfuzzer_sys::fuzz_target;
use outrider_domain::judge::token;

fuzz_target!(|input: &[u8]| {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    let status = [200, 400, 401, 429, 503][usize::from(*kind) % 5];
    let answer = answer(status, BTreeMap::new(), body);
    let (granted, findings) = token::granted(&answer);
    assert_short(&findings);
    let Some(granted) = granted else {
        assert!(
            findings.iter().any(|finding| !finding.passed),
            "refused, and nothing says why"
        );
        return;
    };
    assert_eq!(status, 200);
    let text = granted.token.reveal();
    assert!(!text.is_empty() && text.len() <= token::TOKEN_BYTES_MAX);
    assert!(
        text.bytes().all(|byte| byte.is_ascii_graphic()),
        "no field of a head"
    );
    assert!(granted.lifetime <= token::LIFETIME_MAX || findings.iter().any(|one| !one.passed));
    let is_told = |finding: &outrider_domain::model::Finding| finding.seen.contains(text);
    assert!(
        text.len() < 8 || !findings.iter().any(is_told),
        "a finding shows the token"
    );
});
