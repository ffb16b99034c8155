//! Objectives worked out: budgets in runs, when alerts fire and what that means, the status of a promise and
//! whether it will hold. Rules, tests, pages and reports take their numbers from here.

mod agent_slo;
mod alarm;
mod explain;
mod false_alerts;
mod forecast;
mod objective;
mod period;
mod probability;
mod run_rate;
mod status;
mod tier;

pub use agent_slo::{AGENT_OBJECTIVE_PPM, AgentAlarm, agent_alarms};
pub use alarm::Alarm;
pub use explain::{Adjustment, Explained, PARTIAL_PERCENT};
pub use false_alerts::MONTHS;
pub use forecast::{BadRuns, Evidence, Forecast, exhausted_after, over_deadline};
pub use objective::{Objective, Unwatchable, objectives};
pub use period::Period;
pub use run_rate::RunRate;
pub use status::{Burn, Due, HORIZON, LedgerCounts, LeftOut, Net, SloStatus, counted_periods};
pub use tier::{FLOOR, FLOOR_MAX, FLOOR_MIN, TIERS, Tier, Urgency};
