//! Verdicts into counts and latencies into sketches. Knows no objective.

mod buckets;
mod sketch;
mod tally;

pub use buckets::{BOUNDS_S, Buckets};
pub use sketch::{Overflow, Series, Sketch, SketchKey, hour_of, latencies};
pub use tally::{Increment, of_run, of_tick, zeros};
