//! How long the recorder is held up while a ledger of a million runs loses what is no longer kept, and while it becomes
//! smaller than its bound: one step of deletion, on the disk where the repository lies.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider::ledger::Ledger;
use outrider_domain::model::{Retention, Scale};

use super::folders::workshop;
use super::history::fill;
use super::table::{Bar, Row, Table};
use super::wait::{now, wall_us};

const PAUSE_MS_MAX: f64 = 50.0;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Steps that are timed at most.
const STEPS_MAX: usize = 20_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = workshop();
    let path = folder.path().join("ledger.db");
    fill(&path);
    let at = DateTime::from_timestamp_micros(wall_us()).expect("a time");
    let mut ledger = Ledger::open(&path, Scale::REAL, at).expect("a ledger");
    let kept = |days, ledger_max| Retention {
        evidence_passed: DAY * days,
        evidence_failed: DAY * days,
        runs: DAY * days,
        ledger_max,
    };
    let before = ledger.size().expect("a size").file;
    let bound = before / 2;
    let mut steps = Vec::new();
    // How full it is, and so what it gives up, is weighed again and again, as with each batch.
    for _ in 0..10 {
        ledger.set_bound(Some(bound)).expect("a bound");
        steps.extend(step_all(&mut ledger, &kept(10_000, Some(bound)), at));
    }
    say(
        table,
        "bound",
        "`ledger_max` becomes half of the file",
        steps,
        before,
        &ledger,
    );

    let before = ledger.size().expect("a size").file;
    ledger.set_bound(None).expect("no bound");
    let steps = step_all(&mut ledger, &kept(0, None), at);
    say(
        table,
        "retention",
        "nothing of what is left is kept",
        steps,
        before,
        &ledger,
    );
}

/// Takes every step that is due; how long each took, in milliseconds.
fn step_all(ledger: &mut Ledger, kept: &Retention, at: DateTime<Utc>) -> Vec<f64> {
    let mut steps = Vec::new();
    loop {
        let began = now();
        let is_more = ledger.retain(kept, at).expect("a step");
        steps.push(began.elapsed().as_secs_f64() * 1e3);
        if !is_more || steps.len() == STEPS_MAX {
            return steps;
        }
    }
}

fn say(
    table: &mut Table,
    key: &str,
    what: &str,
    mut steps: Vec<f64>,
    before: u64,
    ledger: &Ledger,
) {
    steps.sort_by(f64::total_cmp);
    let of = |thousandths: usize| steps[(steps.len() - 1) * thousandths / 1_000];
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let after = ledger.size().expect("a size").file;
    table.row(Row {
        what: format!("the longest pause of the recorder while {what}"),
        key: format!("care_{key}_ms"),
        bar: Some(Bar::AtMost(PAUSE_MS_MAX)),
        value: of(1_000),
        unit: "ms",
        more: format!(
            "{} steps, median {:.1}, 99 % {:.1}, 99.9 % {:.1}; {:.0} MiB before, {:.0} after, {}",
            steps.len(),
            of(500),
            of(990),
            of(999),
            mib(before),
            mib(after),
            ledger.fullness().name(),
        ),
    });
}
