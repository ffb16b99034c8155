//! Objectives worked out: budgets in runs, when alerts fire and what that means, how a promise stands and
//! whether it will hold. Rules, tests, pages and reports take their numbers from here.

mod alarm;
mod chance;
mod explain;
mod forecast;
mod noise;
mod objective;
mod own;
mod pace;
mod period;
mod standing;
mod tier;

pub use alarm::Alarm;
pub use explain::{Bent, Explained, PARTIAL_PERCENT};
pub use forecast::{BadRuns, Evidence, Forecast, exhausted_after, over_deadline};
pub use noise::MONTHS;
pub use objective::{Objective, Unwatchable, objectives};
pub use own::{OWN_OBJECTIVE_PPM, OwnAlarm, own_alarms};
pub use pace::Pace;
pub use period::Period;
pub use standing::{Burn, Due, HORIZON, LeftOut, Net, Seen, Standing, asked};
pub use tier::{FLOOR, FLOOR_MAX, FLOOR_MIN, TIERS, Tier, Urgency};
