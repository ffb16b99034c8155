//! Header fields that steer us: `Content-Location`, `Retry-After`, `X-Progress`.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use fuzz::{answer, assert_short};
use libfuzzer_sys::fuzz_target;
use outrider_domain::judge::job;
use outrider_domain::judge::retry_after::{poll_wait, retry_after, retry_after_sane};

/// The longest wait that the journey allows, and what is left of its deadline.
const CAP: Duration = Duration::from_secs(120);
const LEFT: Duration = Duration::from_secs(300);

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let status = [200, 202, 404, 410, 429, 503][usize::from(*kind) % 6];
    let text = String::from_utf8_lossy(rest);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        let values = headers.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.to_owned());
    }
    let answer = answer(status, headers, body.as_bytes());
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
    let (location, findings) = job::accepted(&answer);
    assert_short(&findings);
    assert!(location.is_none() || status == 202, "a job without 202");
    let asked = retry_after(answer.header("retry-after"), now);
    for poll in [0, 1, 7, u32::MAX] {
        let wait = poll_wait(asked, poll, CAP, LEFT).wait;
        assert!(wait <= CAP.max(LEFT / 4), "{wait:?} is longer than allowed");
    }
    assert!(
        job::progress_percent(answer.header("x-progress")).is_none_or(|percent| percent <= 100)
    );
    let (_, findings) = job::poll(&answer, now);
    assert_short(&findings);
    assert_short(&[job::released(&answer)]);
    assert_short(retry_after_sane(asked).as_slice());
});
