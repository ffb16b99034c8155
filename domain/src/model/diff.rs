//! The differences between two plans, so that only changed probes restart.

use std::collections::{BTreeMap, BTreeSet};

use super::closed::closed;
use super::{JourneyId, PartnerId, Plan, ProbeId};

closed!(
    /// A setting that a running agent keeps.
    FixedSetting {
        /// Where pages and metrics are served.
        Listen = "listen",
        /// The ledger's file.
        Ledger = "ledger",
        /// The agent's name, a label of every series.
        Agent = "agent",
        /// Where it runs, a label of every series.
        Location = "location",
        /// The paths of the listener's certificate and key; what they hold is read again.
        Tls = "access.tls",
    }
);

/// Names that came, went, or mean something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<T> {
    /// Only in the new plan.
    pub added: BTreeSet<T>,
    /// Only in the old one.
    pub removed: BTreeSet<T>,
    /// In both, and not the same.
    pub changed: BTreeSet<T>,
}

impl<T: Ord + Clone> Changes<T> {
    fn between<V: PartialEq>(old: &BTreeMap<T, V>, new: &BTreeMap<T, V>) -> Self {
        let not_in = |here: &BTreeMap<T, V>, there: &BTreeMap<T, V>| {
            let names = here.keys().filter(|name| !there.contains_key(*name));
            names.cloned().collect()
        };
        let changed = old
            .iter()
            .filter(|(name, value)| new.get(*name).is_some_and(|other| other != *value));
        Self {
            added: not_in(new, old),
            removed: not_in(old, new),
            changed: changed.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Whether nothing came, went or changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What sets two plans apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDiff {
    /// Partners.
    pub partners: Changes<PartnerId>,
    /// Journeys.
    pub journeys: Changes<JourneyId>,
    /// Member sets.
    pub members: Changes<String>,
    /// Probes.
    pub probes: Changes<ProbeId>,
    /// Of the changed probes, those that are due at other times.
    pub rescheduled: BTreeSet<ProbeId>,
    /// Settings that differ and that a running agent keeps.
    pub fixed: Vec<FixedSetting>,
    /// Whether other settings differ.
    pub has_other_settings: bool,
    /// Whether other old names are carried on.
    pub has_other_renames: bool,
}

impl PlanDiff {
    /// From an old plan to a new one.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let probes = Changes::between(&old.probes, &new.probes);
        let is_rescheduled = |id: &&ProbeId| {
            let timing = |plan: &Plan| {
                let probe = plan.probes.get(*id);
                probe.map(|probe| (probe.cadence.clone(), probe.jitter))
            };
            timing(old) != timing(new)
        };
        let rescheduled = probes.changed.iter().filter(is_rescheduled);
        let differs = |one: &&FixedSetting| match one {
            FixedSetting::Listen => old.settings.listen != new.settings.listen,
            FixedSetting::Ledger => old.settings.ledger != new.settings.ledger,
            FixedSetting::Agent => old.settings.agent != new.settings.agent,
            FixedSetting::Location => old.settings.location != new.settings.location,
            FixedSetting::Tls => old.settings.access.tls != new.settings.access.tls,
        };
        let mut kept = new.clone();
        kept.keep_fixed(old);
        Self {
            partners: Changes::between(&old.partners, &new.partners),
            journeys: Changes::between(&old.journeys, &new.journeys),
            members: Changes::between(&old.members, &new.members),
            rescheduled: rescheduled.cloned().collect(),
            probes,
            fixed: FixedSetting::ALL.iter().filter(differs).copied().collect(),
            has_other_settings: kept.settings != old.settings,
            has_other_renames: new.renames != old.renames,
        }
    }

    /// Whether there is nothing to take over.
    pub fn is_empty(&self) -> bool {
        self.partners.is_empty()
            && self.journeys.is_empty()
            && self.members.is_empty()
            && self.probes.is_empty()
            && !self.has_other_settings
            && !self.has_other_renames
    }
}

impl Plan {
    /// Takes from an old plan what a running agent keeps.
    pub fn keep_fixed(&mut self, old: &Self) {
        self.settings.listen = old.settings.listen;
        self.settings.ledger.clone_from(&old.settings.ledger);
        self.settings.agent.clone_from(&old.settings.agent);
        self.settings.location.clone_from(&old.settings.location);
        let tls = &old.settings.access.tls;
        self.settings.access.tls.clone_from(tls);
    }
}
