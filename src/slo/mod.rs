//! Objectives worked out: budgets in runs, and when alerts fire. Rules, tests and pages take their
//! numbers from here.

mod alarm;
mod objective;
mod pace;
mod tier;

pub use alarm::Alarm;
pub use objective::{Objective, Unwatchable, objectives};
pub use pace::Pace;
pub use tier::{FLOOR, FLOOR_MAX, FLOOR_MIN, TIERS, Tier, Urgency};
