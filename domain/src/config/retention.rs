//! `[retention]` of `outrider.toml`: how long the ledger keeps what.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile};
use super::tree::Table;
use crate::model::{Plan, Retention, format_bytes, format_duration};
use crate::schedule::expected_size;

/// A quarter of a small one is its log's, and less would not hold the largest transaction.
const LEDGER_MIN: u64 = 8 << 20;
const SIZE_HELP: &str = "write such as \"512MiB\" or \"4GiB\", at least 8MiB";

/// Of a bound as much is used before anything goes early: so many of so many parts.
const USABLE: (u64, u64) = (3, 4);

/// Where the keys stand that were written.
pub(super) type Places = BTreeMap<&'static str, Range<usize>>;

pub(super) fn read(root: &Table<'_>) -> (Retention, Places) {
    let default = Retention::default();
    let Some(table) = root.table("retention") else {
        return (default, Places::new());
    };
    let mut places = Places::new();
    let mut time = |key: &'static str, default: Duration| match table.duration(key) {
        Some(spanned) => {
            places.insert(key, spanned.span);
            spanned.value
        }
        None => default,
    };
    let runs = time("runs", default.runs);
    let evidence_passed = time("evidence_passed", default.evidence_passed.min(runs));
    let evidence_failed = time("evidence_failed", default.evidence_failed.min(runs));
    for (key, kept) in [
        ("evidence_passed", evidence_passed),
        ("evidence_failed", evidence_failed),
    ] {
        if let Some(span) = places.get(key).filter(|_| kept > runs) {
            let what = format!(
                "`{key}` is longer than `runs`, which are kept {}",
                format_duration(runs)
            );
            let help = "evidence goes with its run: shorten it, or lengthen `runs`";
            table.report(span.clone(), what, help);
        }
    }
    let ledger_max = table.text("ledger_max").and_then(|text| {
        let size = bytes(text.value).filter(|size| *size >= LEDGER_MIN);
        if size.is_none() {
            let what = format!("`ledger_max` = \"{}\" is no size", text.value);
            table.report(text.span, what, SIZE_HELP);
        }
        size
    });
    table.close();
    let retention = Retention {
        evidence_passed,
        evidence_failed,
        runs,
        ledger_max,
    };
    (retention, places)
}

/// A size such as `512MiB`; none for anything else.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let size: u64 = match unit.trim() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(size)
}

/// Reports a retention that is shorter than the window of an objective: its runs would be gone while they count.
pub(super) fn windows_fit(
    plan: &Plan,
    file: &Arc<SourceFile>,
    places: &Places,
    diagnostics: &mut Diagnostics,
) {
    let objectives = plan.partners.values().flat_map(|partner| {
        let slos = partner.slos.values();
        slos.map(move |slo| (slo.window.nominal(), partner, slo))
    });
    let Some((window, partner, slo)) = objectives.max_by_key(|(window, ..)| *window) else {
        return;
    };
    let kept = plan.settings.retention;
    for (key, time) in [
        ("runs", kept.runs),
        ("evidence_failed", kept.evidence_failed),
    ] {
        // What was not written follows from `runs`, which is named.
        let is_named = key == "runs" || places.contains_key(key);
        if time < window && is_named {
            let (time, window) = (format_duration(time), format_duration(window));
            let what = format!(
                "[retention] `{key}` = \"{time}\" is shorter than the window of {}/{}, {window}",
                partner.id, slo.name
            );
            let help = format!("write {key} = \"{window}\" or more, or shorten the window");
            diagnostics.add(file, places.get(key).cloned(), what, help);
        }
    }
}

/// A warning where the bound that `file` sets does not hold what the plan is expected to need.
pub fn ledger_fits(plan: &Plan, file: &Path, now: DateTime<Utc>) -> Option<Diagnostic> {
    let max = plan.settings.retention.ledger_max?;
    let needed = expected_size(plan, now).retained;
    let bound = needed.saturating_mul(USABLE.1) / USABLE.0;
    (bound > max).then(|| Diagnostic {
        source: Arc::new(SourceFile {
            path: file.display().to_string(),
            text: String::new(),
        }),
        span: None,
        severity: Severity::Warning,
        message: format!(
            "[retention] `ledger_max` = {} does not hold the {} that these probes need once runs are kept {}",
            format_bytes(max),
            format_bytes(needed),
            format_duration(plan.settings.retention.runs)
        ),
        help: format!(
            "write ledger_max = \"{}MiB\" or more, or shorten `evidence_passed` or `runs`: else evidence goes before \
             its time, then runs in brief, then sketches",
            bound.div_ceil(1 << 20)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(bytes("512MiB"), Some(512 << 20));
        assert_eq!(bytes("4 GiB"), Some(4 << 30));
        for text in ["", "4", "4GB", "-4GiB", "1.5GiB", "99999999999TiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
