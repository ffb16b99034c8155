//! Evidence in, findings and verdicts out. Pure: no I/O, no async, no clock, so that recorded
//! facts can be judged again.
//!
//! One file a subject: [`wire`] for whether an answer arrived, [`again`] for another attempt, [`mod@capture`]
//! for what is kept of it, [`answer`], [`token`], [`job`],
//! [`manifest`] for what it says, [`stream`], [`mod@matches`], [`records`] for files judged line by
//! line, [`business`] for the oracle, [`run()`] for the verdict. Ids are those of the catalogue
//! (T-, A-, B-); every rule stands in [`catalogue`].

pub mod again;
pub mod answer;
pub mod business;
pub mod capture;
pub mod catalogue;
pub mod job;
pub mod manifest;
pub mod matches;
pub mod normalise;
pub mod records;
mod run;
pub mod stream;
pub mod token;
pub mod wire;

pub use catalogue::Rule;
pub use run::{Stop, Walked, outcome, run};
