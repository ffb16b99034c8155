//! Verdicts into counts and latencies into sketches. Knows what counts for an objective, and no budget.

mod buckets;
mod clocks;
mod promise;
mod sketch;
mod tally;

pub use buckets::{Buckets, bounds_with};
pub use clocks::{Timed, clocks, has_clock};
pub use promise::{SloEvent, slo_bucket, slo_events};
pub use sketch::{Overflow, Series, Sketch, SketchKey, hour_of, latencies};
pub use tally::{Increment, of_events, of_run, of_tick, zeros};
