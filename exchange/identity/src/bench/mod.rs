//! A benchmark: two files whose truth is known, and how the matcher does on them.

mod generator;
mod people;
mod pools;
mod score;

pub use generator::{Benchmark, Class, Numbered, Truth, generate};
pub use score::{ClassScore, Decided, Score, score};
