//! Verdicts into counts and latencies into sketches. Knows what counts for an objective, and no budget.

mod buckets;
mod clocks;
mod native;
mod promise;
mod quantiles;
mod sketch;
mod tally;

#[cfg(test)]
mod own_delay_tests;

pub use buckets::{Buckets, Exemplar, bounds_of};
pub use clocks::{Timed, clocks, has_clock};
pub use native::{NativeBuckets, Span};
pub use promise::{SloEvent, is_apart, is_inconclusive, slo_events};
pub use quantiles::{QUANTILES, Quantiles, interval_log};
pub use sketch::{Overflow, Series, Sketch, SketchKey, hour_of, latencies};
pub use tally::{Increment, of_events, of_orphan_release, of_run, of_tick, zeros};
