//! What a start means: its member, its cost, and the calendars that hold it back. Pure functions of the plan
//! and a time; when a start is due, the probe itself says (`crate::model`). Nothing here sleeps or
//! asks for the time.

mod agenda;
mod cost;
mod count;
mod due;
mod ledger_size;
mod rotation;

pub use agenda::{Agenda, ClockChange, HourAgenda, PartnerAgenda, ProbeAgenda, Window, agenda};
pub use cost::{Cost, Range, cost, likely_requests};
pub use count::count_judged;
pub use due::{DueCount, due_counts};
pub use ledger_size::{ExpectedSize, expected_size};
pub use rotation::member_of;
