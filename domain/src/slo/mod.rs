//! Objectives worked out: budgets in runs, when alerts fire and what that means, the status of a promise and
//! whether it will hold. Rules, tests, pages and reports take their numbers from here.

mod agent_slo;
mod alarm;
mod counts;
mod detection;
mod due_block;
mod due_window;
mod episodes;
mod epoch;
mod explain;
#[cfg(test)]
mod explain_tests;
mod false_alerts;
#[cfg(test)]
mod fixtures;
mod forecast;
mod objective;
mod period;
mod probability;
mod probe_limits;
mod run_rate;
mod status;
mod tier;
mod timetable;

pub use agent_slo::{AGENT_OBJECTIVE_PPM, AgentAlarm, agent_alarms};
pub use alarm::{Alarm, TierWindow};
pub use counts::{Counts, EpochCounts, LedgerCounts, LeftOut};
pub use detection::Detection;
pub use due_block::{RunVerdict, WindowCounts};
pub use due_window::DueWindow;
pub use epoch::{Epoch, Promise, Terms};
pub use explain::{Adjustment, Behaviour, Explained, Explainer, PARTIAL_PERCENT};
pub use false_alerts::{EPISODE_RUNS, FALSE_ALERTS_MIN, FalseAlerts};
pub use forecast::{BadRuns, Evidence, Forecast, exhausted_after, over_deadline};
pub use objective::{Objective, Unseen, Unwatchable, objectives};
pub use period::Period;
pub use probe_limits::{failures_in_row, has_long_gaps, is_counted, is_long_gap, probe_limits};
pub use run_rate::RunRate;
pub use status::{Burn, HORIZON, Net, Part, Scheduled, SloStatus, counted_periods};
pub use tier::{FLOOR, FLOOR_MAX, FLOOR_MIN, TIERS, Tier, Urgency};
