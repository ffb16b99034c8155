//! Hot reload. Only changed probes restart: counters, histories and runs in flight stay, a probe whose
//! times are the same keeps its next start, and every intended start has one disposition: of the old
//! plan up to now, of the new one from now on.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrider_domain::model::names;
use outrider_domain::model::{FixedSetting, Plan, PlanDiff, ProbeId};
use outrider_domain::sli;

use super::changes::{self, summary};
use super::permits::Permits;
use super::plan_series;
use super::recorder_events::RecorderEvent;
use super::reload::Loaded;
use super::restore::publish_rules_digest;
use super::scheduler::Scheduler;
use super::state::{ConfigState, SharedState};

impl Scheduler {
    /// Applies the plan that was read, or keeps the previous one and logs why.
    pub(super) async fn reload(&mut self, loaded: Loaded) {
        let source = loaded.trigger.name();
        let plan = match loaded.plan {
            Ok(plan) => plan,
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!(%mistake, "the files cannot be used; the previous plan stays in use");
                }
                let note = format!(
                    "refused: {} mistakes; the previous plan stays",
                    mistakes.len()
                );
                self.log_reload(note, source).await;
                return self.shared.set_config_state(ConfigState {
                    at: Some(self.clock.now()),
                    mistakes,
                    needs_restart: Vec::new(),
                });
            }
        };
        let diff = PlanDiff::between(&self.plan, &plan);
        self.log_reload(summary(&diff), source).await;
        for setting in &diff.fixed {
            tracing::warn!(
                setting = setting.name(),
                "changed in the file; a running agent keeps its value until it is restarted"
            );
        }
        let state = ConfigState {
            at: Some(self.clock.now()),
            mistakes: Vec::new(),
            needs_restart: diff.fixed.clone(),
        };
        if diff.is_empty() {
            tracing::info!("the files were read again; nothing changed");
            // Keys and trust may have, behind the same names.
            self.partners = self.partners.of(&self.plan, &self.clock);
        } else {
            self.apply_plan(*plan, &diff).await;
        }
        self.shared.set_config_state(state);
    }

    async fn log_reload(&self, note: String, source: &str) {
        let action = changes::reload(self.clock.now(), note, source);
        self.recorder.send(RecorderEvent::Action(action)).await;
    }

    async fn apply_plan(&mut self, mut plan: Plan, diff: &PlanDiff) {
        plan.keep_fixed(&self.plan);
        // Starts that are due by the previous plan get their disposition first.
        let now = self.run_due().await;
        let plan = Arc::new(plan);
        let settings = &plan.settings;
        let permits = |one: &outrider_domain::model::Settings| {
            (one.runs_in_flight_max, one.long_runs_in_flight_max)
        };
        if permits(settings) != permits(&self.plan.settings) {
            // Runs in flight give their permits back to the old ones.
            self.permits = Permits::new(settings);
        }
        self.partners = self.partners.of(&plan, &self.clock);
        self.plan = Arc::clone(&plan);
        let due = self
            .due_counter
            .count(&self.shared, now, Some(Arc::clone(&plan)));
        self.shared.apply_plan(&plan, diff);
        self.recorder.send(RecorderEvent::Due(due)).await;
        self.recorder
            .send(RecorderEvent::Planned(Arc::clone(&plan), now))
            .await;
        self.shared.await_watchdog(&plan, self.clock.instant());
        let begun: BTreeSet<&ProbeId> = diff.probes.added.union(&diff.rescheduled).collect();
        self.due
            .retain(|(_, id)| !begun.contains(id) && !diff.probes.removed.contains(id));
        let is_gone = |id: &&ProbeId| plan.renames.present(id).is_none();
        for id in diff.probes.removed.iter().filter(is_gone) {
            self.recorder
                .send(RecorderEvent::ProbeRemoved(id.clone()))
                .await;
        }
        for id in begun {
            let through = self
                .shared
                .recorded_through(id)
                .map_or(now, |through| through.max(now));
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
            "applied the changed files"
        );
    }
}

impl SharedState {
    /// Adds state for new probes, and drops the gauges of removed ones. Counters stay.
    fn apply_plan(&self, plan: &Arc<Plan>, diff: &PlanDiff) {
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
            // The recorder joins the rest of what is known by an old name, when it comes to the new plan. Until then no
            // run may begin, and no level say that a person resumed the journey.
            for id in plan.probes.keys() {
                for old in plan.renames.former(id) {
                    let pause = state.probes.get_mut(&old).and_then(|was| was.pause.take());
                    if pause.is_some() {
                        state.probes.entry(id.clone()).or_default().pause = pause;
                    }
                }
            }
        }
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
        publish_rules_digest(plan, self);
        self.publish_levels();
        plan_series::publish(plan, self);
    }

    /// Up to when the ticks of a probe are recorded.
    fn recorded_through(&self, id: &ProbeId) -> Option<chrono::DateTime<chrono::Utc>> {
        let state = self.state();
        state.probes.get(id).and_then(|probe| probe.through)
    }

    /// Keeps how reading the files went, for the page and for alerts.
    pub(super) fn set_config_state(&self, config: ConfigState) {
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
