//! The manifest of a finished job.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use fuzz::{answer, assert_short};
use libfuzzer_sys::fuzz_target;
use outrider_domain::judge::manifest;

fuzz_target!(|input: &[u8]| {
    let (read, findings) = manifest::read(&answer(200, BTreeMap::new(), input), &BTreeSet::new());
    assert_short(&findings);
    let Some(read) = read else {
        assert!(
            findings.iter().any(|finding| !finding.passed),
            "refused, and nothing says why"
        );
        return;
    };
    assert!(read.output.len() <= manifest::FILES_MAX);
    assert!(read.match_result().len() <= read.output.len());
});
