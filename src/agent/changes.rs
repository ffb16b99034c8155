//! What the action log keeps of files that were read again.

use outrider_domain::model::{
    ActionKind, Calendar, CalendarSpan, Changes, Plan, PlanDiff, Retention, format_bytes,
    format_duration,
};

/// What is read again.
pub(super) const FILES: &str = "files";
/// The agent's own file.
const AGENT: &str = "agent";
/// Characters that are kept of a list of windows.
const WINDOWS_MAX: usize = 1_000;

/// A change: of which kind, to what, and in words.
pub(super) type Change = (ActionKind, String, String);

/// What sets a plan that was read apart from the one in use. There is always the reload itself.
pub(super) fn changes(old: &Plan, new: &Plan, diff: &PlanDiff) -> Vec<Change> {
    let mut all = vec![(ActionKind::Reload, FILES.to_owned(), summary(diff))];
    let mut calendars = |subject: &str, old: &[Calendar], new: &[Calendar]| {
        if old != new {
            let note = format!("windows: {}, before {}", windows(new), windows(old));
            all.push((ActionKind::Calendar, subject.to_owned(), note));
        }
    };
    calendars(AGENT, &old.settings.calendars, &new.settings.calendars);
    for (id, partner) in &new.partners {
        let before = old.partners.get(id);
        let before = before.map_or(&[][..], |before| &before.calendars);
        calendars(id.as_str(), before, &partner.calendars);
    }
    for (id, partner) in &old.partners {
        if !new.partners.contains_key(id) {
            calendars(id.as_str(), &partner.calendars, &[]);
        }
    }
    let (before, after) = (&old.settings.retention, &new.settings.retention);
    if before != after {
        let note = format!("{}; before {}", kept(after), kept(before));
        all.push((ActionKind::Retention, AGENT.to_owned(), note));
    }
    all
}

fn summary(diff: &PlanDiff) -> String {
    if diff.is_empty() {
        return "nothing changed".to_owned();
    }
    let settings = if diff.has_other_settings {
        ", settings"
    } else {
        ""
    };
    let (partners, probes) = (sizes(&diff.partners), sizes(&diff.probes));
    format!("partners {partners}, probes {probes}{settings}")
}

fn sizes<T>(of: &Changes<T>) -> String {
    let (added, removed, changed) = (of.added.len(), of.removed.len(), of.changed.len());
    format!("+{added} -{removed} ~{changed}")
}

/// Windows by their reasons, with what each does and when.
fn windows(calendars: &[Calendar]) -> String {
    if calendars.is_empty() {
        return "none".to_owned();
    }
    let window = |one: &Calendar| {
        let effects: Vec<_> = one.effects.iter().map(|effect| effect.name()).collect();
        let span = match &one.span {
            CalendarSpan::Once(from, to) => format!("{} to {}", from.to_rfc3339(), to.to_rfc3339()),
            CalendarSpan::Weekly(_) => "weekly".to_owned(),
        };
        format!("\"{}\" {} {span}", one.reason, effects.join("+"))
    };
    let all: Vec<_> = calendars.iter().map(window).collect();
    all.join(", ").chars().take(WINDOWS_MAX).collect()
}

fn kept(retention: &Retention) -> String {
    let [runs, passed, failed] = [
        retention.runs,
        retention.evidence_passed,
        retention.evidence_failed,
    ]
    .map(format_duration);
    let max = retention
        .ledger_max
        .map_or_else(|| "no bound".to_owned(), format_bytes);
    format!("runs {runs}, evidence_passed {passed}, evidence_failed {failed}, ledger_max {max}")
}
