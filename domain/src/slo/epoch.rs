//! Epochs: stretches of history under one promise and one schedule. No edit of a file rewrites what was.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{Cadence, Partner, Plan, ProbeId, Slo, format_duration, stable_hash};

/// What an objective promised, and which runs it counted when. A change of any of it begins an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Good events per million that are promised.
    pub objective_ppm: u32,
    /// The window, in words.
    pub window: String,
    /// Its journeys, with the terms of each.
    pub journeys: BTreeMap<String, Terms>,
}

/// The terms of one journey within a promise, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When it is due, such as `every 1m`.
    pub schedule: String,
    /// The longest that is good; none where nothing is timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
}

/// One epoch of an objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// It holds what was due after this.
    pub from: DateTime<Utc>,
    /// What was promised in it.
    pub promise: Promise,
}

impl Promise {
    /// What an objective promises by a plan.
    pub fn of(plan: &Plan, partner: &Partner, slo: &Slo) -> Self {
        let terms = slo.journeys.iter().filter_map(|journey| {
            let id = ProbeId {
                partner: partner.id.clone(),
                journey: journey.clone(),
            };
            let probe = plan.probes.get(&id)?;
            let threshold = slo.thresholds.get(journey);
            let terms = Terms {
                schedule: schedule(&probe.cadence),
                threshold: threshold.map(ToString::to_string),
            };
            Some((journey.to_string(), terms))
        });
        Self {
            objective_ppm: slo.objective_ppm,
            window: slo.window.to_string(),
            journeys: terms.collect(),
        }
    }

    /// The promised share in words, such as `99.95 %`.
    pub fn share(&self) -> String {
        format!("{} %", f64::from(self.objective_ppm) / 10_000.0)
    }

    /// The share of its runs that may be bad.
    pub fn may_be_bad(&self) -> f64 {
        (1e6 - f64::from(self.objective_ppm)) / 1e6
    }

    /// What of it differs from the promise before, in words such as `objective 99 % (was 99.5 %)`.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.objective_ppm != before.objective_ppm {
            changes.push(format!(
                "objective {} (was {})",
                self.share(),
                before.share()
            ));
        }
        if self.window != before.window {
            changes.push(format!("window {} (was {})", self.window, before.window));
        }
        for (journey, terms) in &self.journeys {
            let Some(old) = before.journeys.get(journey) else {
                changes.push(format!("{journey} added, {}", terms.schedule));
                continue;
            };
            if terms.schedule != old.schedule {
                let (new, old) = (&terms.schedule, &old.schedule);
                changes.push(format!("{journey} {new} (was {old})"));
            }
            if terms.threshold != old.threshold {
                let words = |one: &Terms| one.threshold.clone().unwrap_or("none".to_owned());
                let (new, old) = (words(terms), words(old));
                changes.push(format!("{journey} within {new} (was {old})"));
            }
        }
        let gone = before.journeys.keys();
        let gone = gone.filter(|one| !self.journeys.contains_key(*one));
        changes.extend(gone.map(|journey| format!("{journey} removed")));
        changes
    }
}

/// A cadence in words; the same words for the same starts, whatever the probe is called.
fn schedule(cadence: &Cadence) -> String {
    match cadence {
        Cadence::Every(every) => format!("every {}", format_duration(*every)),
        Cadence::Profile(profile) => {
            // A week of factors is too long to show; its hash tells two of them apart.
            let hours = format!("{:?}", profile.factors);
            format!(
                "every {} by hours {:08x} in {}",
                format_duration(profile.every),
                stable_hash(&hours) & 0xffff_ffff,
                profile.zone.name()
            )
        }
        Cadence::Cron(civil) => format!("cron \"{}\" in {}", civil.source(), civil.zone().name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(objective_ppm: u32, journeys: &[(&str, &str, Option<&str>)]) -> Promise {
        let journeys = journeys.iter().map(|(journey, schedule, threshold)| {
            let terms = Terms {
                schedule: (*schedule).to_owned(),
                threshold: threshold.map(str::to_owned),
            };
            ((*journey).to_owned(), terms)
        });
        Promise {
            objective_ppm,
            window: "30d".to_owned(),
            journeys: journeys.collect(),
        }
    }

    #[test]
    fn what_changed_is_named_with_what_it_was() {
        let before = promise(
            990_000,
            &[("a", "every 1m", None), ("b", "every 1m", Some("20s"))],
        );
        assert_eq!(before.changes_since(&before), Vec::<String>::new());
        let after = promise(
            995_000,
            &[("b", "every 5m", Some("10s")), ("c", "every 5m", None)],
        );
        assert_eq!(
            after.changes_since(&before),
            [
                "objective 99.5 % (was 99 %)",
                "b every 5m (was every 1m)",
                "b within 10s (was 20s)",
                "c added, every 5m",
                "a removed",
            ]
        );
    }

    #[test]
    fn a_stored_promise_reads_back_and_the_same_promise_is_the_same() {
        let promise = promise(999_500, &[("a", "every 1m", Some("20s"))]);
        let text = serde_json::to_string(&promise).unwrap();
        assert_eq!(serde_json::from_str::<Promise>(&text).unwrap(), promise);
    }
}
