//! Evidence in, findings and verdicts out. Pure: no I/O, no async, no clock, so that recorded
//! facts can be judged again.
//!
//! One file a subject: [`wire`] for whether an answer arrived, [`again`] for another attempt, [`mod@capture`]
//! for what is kept of it, [`answer`], [`token`], [`job`], [`manifest`], [`error_answer`], [`refusal`] for what it says,
//! [`stream`], [`head`], [`mod@matches`], [`records`] for files judged line by line, [`claims`] to
//! [`structure`] for what whole records tell, [`business`] for the oracle, [`quirks`] for what a partner does
//! differently, [`run()`] for the verdict. Ids are those of the catalogue
//! (T-, A-, B-); every rule stands in [`catalogue`].

pub mod again;
pub mod answer;
pub mod authorizations;
pub mod business;
pub mod capture;
#[cfg(test)]
mod cases;
pub mod catalogue;
pub mod claims;
pub mod codes;
pub mod drift;
pub mod error_answer;
pub mod exchange;
pub mod head;
pub mod job;
pub mod manifest;
pub mod matches;
pub mod normalise;
pub mod quirks;
pub mod records;
pub mod references;
pub mod refusal;
mod run;
pub mod sent;
pub mod stream;
pub mod structure;
pub mod token;
pub mod wire;

pub use catalogue::Rule;
pub use run::{Stop, Walked, outcome, run};
