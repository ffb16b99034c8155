//! What the action log keeps of files that were read again, or that changed while no agent ran.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    ActionKind, Calendar, CalendarSpan, Changes, LoggedAction, Plan, PlanDiff, Retention,
    format_bytes, format_duration,
};

use crate::ledger::{Ledger, LedgerEntry, LedgerError};

/// What is read again.
const FILES: &str = "files";
/// The agent's own file.
const AGENT: &str = "agent";
/// Characters that are kept of a list of windows.
const WINDOWS_MAX: usize = 1_000;

/// A reload, with what came of it in words.
pub(super) fn reload(at: DateTime<Utc>, note: String, source: &str) -> LoggedAction {
    action(at, (ActionKind::Reload, FILES), note, source)
}

fn action(
    at: DateTime<Utc>,
    (kind, subject): (ActionKind, &str),
    note: String,
    source: &str,
) -> LoggedAction {
    LoggedAction {
        at,
        kind,
        subject: subject.to_owned(),
        by: None,
        note,
        source: source.to_owned(),
    }
}

/// What a plan changes, in words.
pub(super) fn summary(diff: &PlanDiff) -> String {
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

/// What a plan declares, in words: windows and retention. The ledger keeps it as JSON, so that a change is noticed
/// whenever it was made.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Declared {
    /// Windows of the agent and of partners that have any.
    windows: BTreeMap<String, String>,
    retention: String,
}

impl Declared {
    /// By a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let agent = (AGENT, &plan.settings.calendars);
        let partners = plan.partners.values();
        let partners = partners.map(|one| (one.id.as_str(), &one.calendars));
        let windows = [agent].into_iter().chain(partners);
        let windows = windows
            .filter(|(_, calendars)| !calendars.is_empty())
            .map(|(subject, calendars)| (subject.to_owned(), in_words(calendars)));
        Self {
            windows: windows.collect(),
            retention: kept(&plan.settings.retention),
        }
    }

    /// What sets it apart from what was declared before.
    pub(super) fn changes_since(
        &self,
        old: &Self,
        at: DateTime<Utc>,
        source: &str,
    ) -> Vec<LoggedAction> {
        let subjects = old.windows.keys().chain(self.windows.keys());
        let mut subjects: Vec<&String> = subjects.collect();
        subjects.sort();
        subjects.dedup();
        let mut all = Vec::new();
        for subject in subjects {
            let of = |declared: &Self| match declared.windows.get(subject) {
                Some(windows) => windows.clone(),
                None => "none".to_owned(),
            };
            if of(self) != of(old) {
                let note = format!("windows: {}; before: {}", of(self), of(old));
                all.push(action(at, (ActionKind::Calendar, subject), note, source));
            }
        }
        if self.retention != old.retention {
            let note = format!("{}; before: {}", self.retention, old.retention);
            all.push(action(at, (ActionKind::Retention, AGENT), note, source));
        }
        all
    }
}

/// What a plan declares as the ledger keeps it, and what that changes.
#[derive(Debug, Default)]
pub(super) struct DeclaredChange {
    /// None where it is what the ledger has.
    text: Option<String>,
    actions: Vec<LoggedAction>,
}

impl DeclaredChange {
    /// By a plan that is taken into use. `source` is how it came.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub(super) fn of(
        plan: &Plan,
        ledger: &Ledger,
        at: DateTime<Utc>,
        source: &str,
    ) -> Result<Self, LedgerError> {
        let declared = Declared::of(plan);
        let old = ledger.declared()?;
        // What another version wrote cannot be compared.
        let old: Option<Declared> = old.and_then(|text| serde_json::from_str(&text).ok());
        if old.as_ref() == Some(&declared) {
            return Ok(Self::default());
        }
        let actions = old.map(|old| declared.changes_since(&old, at, source));
        Ok(Self {
            text: serde_json::to_string(&declared).ok(),
            actions: actions.unwrap_or_default(),
        })
    }

    /// What is written of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = LedgerEntry<'_>> {
        let text = self.text.iter().map(|text| LedgerEntry::Declared(text));
        text.chain(self.actions.iter().map(LedgerEntry::Action))
    }
}

/// Windows by their reasons, with what each does and when.
fn in_words(calendars: &[Calendar]) -> String {
    let window = |one: &Calendar| {
        let effects: Vec<_> = one.effects.iter().map(|effect| effect.name()).collect();
        let span = match &one.span {
            CalendarSpan::Once(from, to) => format!("{} to {}", from.to_rfc3339(), to.to_rfc3339()),
            CalendarSpan::Weekly(weekly) => {
                let days: Vec<_> = weekly.days.iter().map(ToString::to_string).collect();
                let to = weekly.to.map_or("24:00".to_owned(), |to| to.to_string());
                format!("{} {} to {to}", days.join("+"), weekly.from)
            }
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
