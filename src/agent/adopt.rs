//! Taking over another plan while runs go on. Only what changed begins anew: counters, histories and
//! runs in flight stay, a probe whose times are the same keeps its next start, and every intended
//! start has one disposition: of the old plan up to now, of the new one from now on.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrider_domain::model::names;
use outrider_domain::model::{FixedSetting, Plan, PlanDiff, ProbeId};
use outrider_domain::sli;

use super::live::{ConfigState, Live};
use super::permits::Permits;
use super::recorder_events::RecorderEvent;
use super::reload::Loaded;
use super::restore::tell_digest;
use super::scheduler::Scheduler;

impl Scheduler {
    /// Takes over what was read, or keeps what holds and says why.
    pub(super) async fn reload(&mut self, loaded: Loaded) {
        let plan = match loaded.0 {
            Ok(plan) => plan,
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!(%mistake, "the files cannot be used; the plan of before holds");
                }
                return self.live.read(ConfigState {
                    at: Some(self.clock.now()),
                    mistakes,
                    needs_restart: Vec::new(),
                });
            }
        };
        let diff = PlanDiff::between(&self.plan, &plan);
        for setting in &diff.fixed {
            tracing::warn!(
                setting = setting.name(),
                "changed in the file, and a running agent keeps it: restart to change it"
            );
        }
        let state = ConfigState {
            at: Some(self.clock.now()),
            mistakes: Vec::new(),
            needs_restart: diff.fixed.clone(),
        };
        if diff.is_empty() {
            tracing::info!("the files were read anew; nothing changed");
            // Keys and trust may have, behind the same names.
            self.partners = self.partners.of(&self.plan, &self.clock);
        } else {
            self.adopt(*plan, &diff).await;
        }
        self.live.read(state);
    }

    async fn adopt(&mut self, mut plan: Plan, diff: &PlanDiff) {
        plan.keep_fixed(&self.plan);
        // Whatever is due by the plan of before gets its disposition first.
        let now = self.look().await;
        let plan = Arc::new(plan);
        let settings = &plan.settings;
        let permits = |one: &outrider_domain::model::Settings| {
            (one.runs_in_flight_max, one.long_runs_in_flight_max)
        };
        if permits(settings) != permits(&self.plan.settings) {
            // Runs that go on give back what they took of the old ones.
            self.permits = Permits::new(settings);
        }
        self.partners = self.partners.of(&plan, &self.clock);
        self.plan = Arc::clone(&plan);
        self.live.adopt(&plan, diff);
        self.live.await_watchdog(&plan, self.clock.instant());
        let begun: BTreeSet<&ProbeId> = diff.probes.added.union(&diff.rescheduled).collect();
        self.due
            .retain(|(_, id)| !begun.contains(id) && !diff.probes.removed.contains(id));
        for id in &diff.probes.removed {
            self.recorder
                .send(RecorderEvent::Forgotten(id.clone()))
                .await;
        }
        for id in begun {
            let through = self.live.begin(id).map_or(now, |through| through.max(now));
            self.recorder
                .send(RecorderEvent::Began(id.clone(), through))
                .await;
            self.plan_next(id, through);
        }
        tracing::info!(
            partners_added = diff.partners.added.len(),
            partners_removed = diff.partners.removed.len(),
            partners_changed = diff.partners.changed.len(),
            probes_added = diff.probes.added.len(),
            probes_removed = diff.probes.removed.len(),
            probes_changed = diff.probes.changed.len(),
            probes_rescheduled = diff.rescheduled.len(),
            "took over the files as they are now"
        );
    }
}

impl Live {
    /// Makes room for what is new, and forgets what is measured of what is gone. Counters stay.
    fn adopt(&self, plan: &Arc<Plan>, diff: &PlanDiff) {
        {
            let mut state = self.state();
            for id in &diff.probes.added {
                state.probes.entry(id.clone()).or_default();
            }
            for id in &diff.probes.removed {
                if let Some(probe) = state.probes.get_mut(id) {
                    probe.next_due = None;
                }
            }
        }
        self.hold(Arc::clone(plan));
        self.set_thresholds(plan);
        sli::zeros(plan).for_each(|zeros| self.count(&zeros));
        let mut numbers = self.numbers();
        for id in &diff.probes.removed {
            numbers.forget(&[id.partner.as_str(), id.journey.as_str()]);
        }
        for id in &diff.partners.removed {
            numbers.forget(&[id.as_str()]);
        }
        numbers.clear(&names::RULES_DIGEST);
        drop(numbers);
        tell_digest(plan, self);
    }

    /// A probe begins, anew or at other times; returns up to when its ticks are written.
    fn begin(&self, id: &ProbeId) -> Option<chrono::DateTime<chrono::Utc>> {
        let mut state = self.state();
        state.probes.get_mut(id).and_then(|probe| probe.through)
    }

    /// Notes how reading the files went, for the page and for alerts.
    pub(super) fn read(&self, config: ConfigState) {
        let is_good = f64::from(u8::from(config.mistakes.is_empty()));
        self.numbers().set(&names::CONFIG_RELOAD, &[], is_good);
        self.state().config = config;
    }
}

impl ConfigState {
    /// Settings that wait for a restart.
    pub(super) fn waiting(&self) -> Vec<&'static str> {
        self.needs_restart
            .iter()
            .map(|one: &FixedSetting| one.name())
            .collect()
    }
}
