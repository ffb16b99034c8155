//! Each query answers what looking at every run answers, page by page.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use outrider_domain::model::{
    Blame, BlameCause, Cause, Disposition, JourneyId, Layer, MemberId, Outcome, Owner, PartnerId,
    ProbeId, RunFilter, RunRecord,
};

use super::test_support::{run, tick};
use super::{Ledger, LedgerEntry, Marks};

/// Runs of three partners; every seventh fails, some members are rare.
fn ledger(count: i64) -> (Ledger, Vec<(u64, RunRecord)>) {
    let mut ledger = Ledger::in_memory().unwrap();
    let mut all = Vec::new();
    for number in 0..count {
        let place = usize::try_from(number).unwrap();
        let probe = ProbeId {
            partner: PartnerId::new(["keystone", "lakeside", "summit"][place % 3]),
            journey: JourneyId::new(["bulk-exchange", "liveness"][place / 3 % 2]),
        };
        // Not quite in the order of their intended starts, as runs overlap.
        let tick = tick(&probe, number * 10 + [0, 35, -20][place % 3] + 100);
        let mut run = run(&tick, &uuid::Uuid::new_v4().to_string());
        run.member = (number % 5 != 0).then(|| MemberId::new(format!("member-{}", number % 11)));
        run.duration = Duration::from_micros(number.unsigned_abs());
        if number % 7 == 0 {
            run.outcome = Outcome::Failed;
            let cause = [Cause::Timeout, Cause::Status, Cause::Deadline][place / 7 % 3];
            run.verdict.blame = Some(Blame {
                cause: BlameCause::Layer(cause),
                owner: Owner::Partner,
                step: None,
                summary: String::new(),
            });
        }
        // Ticks without a run lie between.
        let held = super::test_support::tick(&probe, number * 10 + 7);
        let entries = [
            LedgerEntry::Closed(&tick, Disposition::Ran, Some(&run), Marks::default()),
            LedgerEntry::Closed(&held, Disposition::Maintenance, None, Marks::default()),
        ];
        let places = ledger.commit(&entries).unwrap();
        all.push((places[0], run));
    }
    (ledger, all)
}

fn is_wanted(filter: &RunFilter, run: &RunRecord) -> bool {
    let is = |name: &Option<String>, of: &str| name.as_deref().is_none_or(|one| one == of);
    let cause = run.verdict.blame.as_ref().map(|blame| blame.cause);
    is(&filter.partner, run.partner.as_str())
        && is(&filter.journey, run.journey.as_str())
        && filter.outcome.is_none_or(|one| one == run.outcome)
        && filter
            .layer
            .is_none_or(|one| cause.and_then(BlameCause::layer) == Some(one))
        && filter
            .cause
            .is_none_or(|one| cause.map(BlameCause::name) == Some(one))
        && filter
            .member
            .as_ref()
            .is_none_or(|one| run.member.as_ref().map(MemberId::as_str) == Some(one))
        && filter.from.is_none_or(|from| run.due_at >= from)
        && filter.to.is_none_or(|to| run.due_at < to)
}

/// Every combination of some values.
fn filters() -> Vec<RunFilter> {
    let at = |minutes: i64| DateTime::from_timestamp(minutes * 60, 0);
    let text = |value: Option<&str>| value.map(str::to_owned);
    let mut all = Vec::new();
    for partner in [None, Some("lakeside"), Some("nobody")] {
        for journey in [None, Some("liveness")] {
            for outcome in [None, Some(Outcome::Passed), Some(Outcome::Failed)] {
                for (layer, cause) in [
                    (None, None),
                    (Some(Layer::Transport), None),
                    (None, Some("deadline")),
                    (Some(Layer::Transport), Some("deadline")),
                    (None, Some("tls")),
                ] {
                    for member in [None, Some("member-3"), Some("failed")] {
                        for (from, to) in [(None, None), (at(500), at(900)), (None, at(0))] {
                            all.push(RunFilter {
                                partner: text(partner),
                                journey: text(journey),
                                layer,
                                cause,
                                outcome,
                                member: text(member),
                                from,
                                to,
                                limit: 7,
                                ..RunFilter::default()
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

#[test]
fn pages_cover_every_run_that_a_query_is_about_once() {
    let (ledger, all) = ledger(150);
    let mut hits = 0;
    for filter in filters() {
        let wanted: Vec<u64> = all
            .iter()
            .filter(|(_, run)| is_wanted(&filter, run))
            .map(|(seq, _)| *seq)
            .collect();
        hits += wanted.len();
        for looked_at_max in [17, u64::MAX] {
            let mut found = Vec::new();
            let mut next = Some(0);
            while let Some(after) = next {
                let page = RunFilter {
                    after: Some(after),
                    ..filter.clone()
                };
                let page = ledger.find_runs(&page, looked_at_max).unwrap();
                assert!(page.places.len() <= 7 && page.older_before.is_none());
                found.extend(page.places);
                next = page.has_newer.then_some(page.through);
            }
            assert_eq!(found, wanted, "{filter:?}");
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = RunFilter {
                    before,
                    ..filter.clone()
                };
                let page = ledger.find_runs(&page, looked_at_max).unwrap();
                found.splice(0..0, page.places);
                before = page.older_before;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{filter:?}");
        }
    }
    assert!(hits > 500, "{hits}");
}

#[test]
fn a_page_ends_before_what_is_added_after_it() {
    let (mut ledger, all) = ledger(9);
    let last = RunFilter {
        partner: Some("keystone".to_owned()),
        limit: 50,
        ..RunFilter::default()
    };
    let page = ledger.find_runs(&last, u64::MAX).unwrap();
    assert_eq!(page.places.len(), 3);
    let tick = tick(&super::test_support::probe(), 10_000);
    let run = run(&tick, "later");
    let entry = LedgerEntry::Closed(&tick, Disposition::Ran, Some(&run), Marks::default());
    let place = ledger.commit(&[entry]).unwrap();
    let next = RunFilter {
        after: Some(page.through),
        ..last
    };
    let found = ledger.find_runs(&next, u64::MAX).unwrap();
    assert_eq!((&found.places, found.has_newer), (&place, false));
    assert!(
        page.through > all[8].0,
        "also ticks without a run were looked at"
    );
    let whole = ledger.read_runs(&found.places, true).unwrap();
    assert_eq!(whole[0].record.run, run.run);
    let brief = ledger.read_runs(&found.places, false).unwrap();
    assert_eq!(brief[0].record.duration, run.duration);
    assert_eq!(brief[0].record.due_at, run.due_at);
    assert!(run.started_at - run.due_at < TimeDelta::seconds(1));
}

#[test]
fn a_member_is_known_when_a_run_carried_it() {
    let (ledger, _) = ledger(12);
    assert!(ledger.has_member("member-3").unwrap());
    assert!(!ledger.has_member("failed").unwrap(), "another word");
    assert!(!ledger.has_member("member-99").unwrap());
    assert_eq!(ledger.probes().unwrap().len(), 6);
}

#[test]
fn places_and_times_at_the_ends_of_their_range_find_what_lies_between() {
    let (ledger, all) = ledger(9);
    let whole = all.len();
    let ends = [0, u64::MAX / 2 - 1, u64::MAX / 2, u64::MAX];
    let times = [
        DateTime::<chrono::Utc>::MIN_UTC,
        DateTime::<chrono::Utc>::MAX_UTC,
    ];
    for place in ends {
        for (from, to) in [(None, None), (Some(times[0]), Some(times[1]))] {
            for is_after in [true, false] {
                let filter = RunFilter {
                    after: is_after.then_some(place),
                    before: (!is_after).then_some(place),
                    from,
                    to,
                    limit: 100,
                    ..RunFilter::default()
                };
                let found = ledger.find_runs(&filter, u64::MAX).unwrap();
                let is_whole = is_after == (place == 0);
                let expected = if is_whole { whole } else { 0 };
                assert_eq!(found.places.len(), expected, "{filter:?}");
                assert!(!found.has_newer || !is_after, "{filter:?}: {found:?}");
            }
        }
    }
}
