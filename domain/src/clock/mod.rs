//! The only place that asks for the time.

mod lag;
mod time;

pub use lag::{HEARTBEAT, Lag, parks, woke};
pub use time::{CLOCK_STEP_MIN, Clock, StepWatch};
