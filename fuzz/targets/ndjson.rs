//! NDJSON as a stream: however it is cut into pieces, it is judged alike, and both readers of lines take
//! whatever a line holds.
#![no_main]

use std::ops::ControlFlow;

use chrono::NaiveDate;

use fuzz::{assert_short, plan};
use libfuzzer_sys::fuzz_target;
use outrider_domain::judge::matches::{MatchResult, SubmittedMember};
use outrider_domain::judge::records::{Depth, ExpectedMembers, ExportedRecords};
use outrider_domain::judge::stream::{FileFold, LineSink};
use outrider_domain::model::{Finding, Limit, Plan};

thread_local!(static PLAN: Plan = plan());

/// What a fold says of a file that came in pieces of so many bytes.
fn fold(bytes: &[u8], piece: usize, lines: &mut impl LineSink) -> Result<Vec<Finding>, Limit> {
    let mut fold = FileFold::new("Patient");
    for part in bytes.chunks(piece) {
        if let ControlFlow::Break(limit) = fold.feed(part, lines) {
            fold.break_off(lines);
            return Err(limit);
        }
    }
    Ok(fold.finish(Some(2), lines))
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, bytes)) = input.split_first() else {
        return;
    };
    PLAN.with(|plan| {
        let set = &plan.members["two"];
        let member = &set.members[0];
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let depth = if piece % 2 == 0 {
            Depth::Summaries
        } else {
            Depth::Whole
        };
        let new = || {
            let expected = ExpectedMembers::one(member);
            ExportedRecords::new(&expected, set, "https://payer.example/fhir", today, depth)
        };
        let (mut whole, mut pieces) = (new(), new());
        let at_once = fold(bytes, bytes.len().max(1), &mut whole);
        let in_parts = fold(bytes, usize::from(*piece).max(1), &mut pieces);
        assert_eq!(at_once, in_parts);
        assert_eq!(whole.score(), pieces.score());
        assert!(whole.score().found <= whole.score().due);
        assert_short(&at_once.unwrap_or_default());
        let mut matched = MatchResult::new(SubmittedMember::new(member, set, today));
        drop(fold(bytes, 4096, &mut matched));
        assert!(matched.matched().count() <= bytes.len());
        std::hint::black_box(matched.bucket());
    });
});
