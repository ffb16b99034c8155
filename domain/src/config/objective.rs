//! Objectives against the rest of the plan: what they count must be scheduled, of one cadence, and able
//! to alert in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::diagnostic::near_or_all;
use super::partner::{PartnerFile, ProbeEntry};
use super::reading::Reading;
use super::slo::SloEntry;
use super::tree::{Each, Spanned};
use crate::model::{JourneyId, Layer, Measure, ProbeId, Slo, Threshold, format_duration};
use crate::sli;
use crate::slo::{Objective, Unwatchable};

impl Reading {
    /// An objective; none, and why not, when something about it is wrong.
    pub(super) fn slo(&mut self, file: &PartnerFile, entry: &SloEntry) -> Option<Slo> {
        let mut gaps = BTreeSet::new();
        for spanned in &entry.journeys {
            let probe = self.scheduled(file, spanned)?;
            gaps.insert(probe.timing.gap);
            if let Some((what, help)) = self.misfit(entry, &spanned.value) {
                self.report(file, &spanned.span, what, help);
                return None;
            }
        }
        if gaps.len() > 1 {
            let what = format!("[slo.{}] mixes journeys of different cadences", entry.name);
            let help = "keep journeys of one cadence: otherwise the fastest decides alone";
            self.report(file, &entry.place, what, help);
            return None;
        }
        if entry.journeys.is_empty() {
            return None;
        }
        let slo = Slo {
            name: entry.name,
            journeys: entry
                .journeys
                .iter()
                .map(|spanned| spanned.value.clone())
                .collect(),
            objective_ppm: entry.objective_ppm,
            window: entry.window,
            floor: entry.floor,
            tiers: entry.tiers.clone(),
            thresholds: self.thresholds(file, entry)?,
        };
        self.watchable(file, entry, &slo).then_some(slo)
    }

    fn scheduled<'f>(
        &mut self,
        file: &'f PartnerFile,
        spanned: &Spanned<JourneyId>,
    ) -> Option<&'f ProbeEntry> {
        let mut probes = file.probes.iter();
        let found = probes.find(|probe| probe.journey.value == spanned.value);
        if found.is_none() && !file.has_broken_probe {
            let wanted = spanned.value.as_str();
            let known: Vec<_> = file
                .probes
                .iter()
                .map(|probe| probe.journey.value.as_str())
                .collect();
            let help = near_or_all(wanted, &known, "journeys scheduled here");
            let what = format!("\"{wanted}\" is not scheduled here, so nothing would count");
            self.report(file, &spanned.span, what, help);
        }
        found
    }

    /// Why runs of a journey can be no events of this objective.
    fn misfit(&self, entry: &SloEntry, id: &JourneyId) -> Option<(String, String)> {
        let journey = self.plan.journeys.get(id)?;
        let told = |what: &str, help: &str| Some((format!("\"{id}\" {what}"), help.to_owned()));
        let wants_refusal = entry.name.measure() == Measure::Refusal;
        if journey.negative && !wants_refusal {
            return told(
                "expects a refusal: its runs feed conformance",
                "name it in [slo.conformance] alone",
            );
        }
        match entry.name.measure() {
            Measure::Layer(Layer::Business) if !journey.judges_business() => told(
                "does not look at the business layer",
                "name a journey with a check step",
            ),
            Measure::Refusal if !journey.negative => told(
                "expects no refusal",
                "name a journey whose file says negative = true",
            ),
            Measure::Clock(clock) if !sli::has_clock(journey, clock) => told(
                &format!("has no steps that begin and end the clock {clock}"),
                "name a journey that submits, polls and downloads",
            ),
            Measure::Layer(_) | Measure::Refusal | Measure::Duration | Measure::Clock(_) => None,
        }
    }

    /// The threshold of each journey, below its deadline: a run that is over the deadline is bad already.
    fn thresholds(
        &mut self,
        file: &PartnerFile,
        entry: &SloEntry,
    ) -> Option<BTreeMap<JourneyId, Threshold>> {
        let mut thresholds = BTreeMap::new();
        let Some(written) = &entry.threshold else {
            return Some(thresholds);
        };
        let journeys: Vec<&str> = entry
            .journeys
            .iter()
            .map(|spanned| spanned.value.as_str())
            .collect();
        let all: Vec<(&str, &Spanned<Threshold>)> = match written {
            Each::All(spanned) => journeys.iter().map(|name| (*name, spanned)).collect(),
            Each::ByName(named) => named
                .iter()
                .map(|(name, one)| (name.as_str(), one))
                .collect(),
        };
        for (name, spanned) in all {
            if !journeys.contains(&name) {
                let what = format!("a threshold for \"{name}\", which does not count here");
                let help = near_or_all(name, &journeys, "journeys that count here");
                self.report(file, &spanned.span, what, help);
                return None;
            }
            let id = JourneyId::new(name);
            self.threshold_fits(file, &id, spanned)?;
            thresholds.insert(id, spanned.value);
        }
        let left_out = journeys
            .iter()
            .find(|name| !thresholds.contains_key(&JourneyId::new(**name)));
        if let Some(name) = left_out {
            let what = format!("no threshold for \"{name}\"");
            let help = format!("add {name} = \"60s\" to `threshold`");
            self.report(file, &entry.place, what, help);
            return None;
        }
        Some(thresholds)
    }

    fn threshold_fits(
        &mut self,
        file: &PartnerFile,
        id: &JourneyId,
        spanned: &Spanned<Threshold>,
    ) -> Option<()> {
        let probe = self.plan.probes.get(&probe_id(file, id))?;
        let deadline = probe.deadline;
        if spanned.value.at_least() < deadline {
            return Some(());
        }
        let what = format!(
            "a threshold of {}, and a run of \"{id}\" ends after {} at the latest",
            spanned.value,
            format_duration(deadline)
        );
        self.report(file, &spanned.span, what, "set it below the deadline");
        None
    }

    /// Whether alerts on it could fire in time; reports it when not.
    fn watchable(&mut self, file: &PartnerFile, entry: &SloEntry, slo: &Slo) -> bool {
        let are_all_read = slo
            .journeys
            .iter()
            .all(|journey| self.plan.probes.contains_key(&probe_id(file, journey)));
        if !are_all_read {
            return false;
        }
        let Err(why) = Objective::new(&self.plan, &file.partner, slo) else {
            return true;
        };
        let (what, help) = unwatchable(slo, &why);
        self.report(file, &entry.place, what, help);
        false
    }
}

fn probe_id(file: &PartnerFile, journey: &JourneyId) -> ProbeId {
    ProbeId {
        partner: file.partner.id.clone(),
        journey: journey.clone(),
    }
}

/// What is wrong with an objective that nothing could watch, and the help.
fn unwatchable(slo: &Slo, why: &Unwatchable) -> (String, String) {
    let (name, window) = (slo.name, slo.window);
    match why {
        Unwatchable::TooRare { every, .. } => {
            let what = format!("[slo.{name}] can never alert in time: {why}");
            // A whole number of hours is no longer than what would suffice.
            let every = format_duration(
                Duration::from_secs(every.as_secs() / 3_600 * 3_600).max(Duration::from_secs(1)),
            );
            let help = format!(
                "leave it out, OutriderFailingInARow watches rare probes; or run every {every} or more often"
            );
            (what, help)
        }
        Unwatchable::BudgetBelowFloor {
            every,
            objective_ppm,
            ..
        } => {
            let what = format!(
                "[slo.{name}] can never alert in time: of {why} at {} bad runs",
                slo.floor
            );
            let promise = objective_ppm.map_or_else(String::new, |ppm| {
                format!("promise {} or less, ", f64::from(ppm) / 10_000.0)
            });
            let every = format_duration(*every);
            let help = format!(
                "run every {every} or more often, {promise}or count over more than {window}"
            );
            (what, help)
        }
        Unwatchable::WindowShorterThanTier { tier, long } => {
            let long = format_duration(*long);
            let what = format!(
                "a window of {window} is shorter than the {long} that the alert tier {tier} looks at"
            );
            (
                what,
                format!("set window = \"{long}\" or longer; \"30d\" is usual"),
            )
        }
    }
}
