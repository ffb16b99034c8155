//! Evidence in, findings and verdicts out. Pure: no I/O, no async, no clock, so that recorded
//! facts can be judged again.
//!
//! One file for each subject: [`wire`] judges whether an answer arrived, [`retry`] whether there is another attempt,
//! [`mod@capture`] what is kept of an answer; [`answer`], [`token`], [`job`], [`manifest`], [`error_answer`] and
//! [`refusal`] judge what it says; [`stream`], [`line_summary`], [`mod@matches`], [`records`] and [`owners`] judge files line by
//! line, [`files_read`] knows where in them a value stood, [`references`] reads what one record calls another, [`claims`] to [`structure`] whole records; [`business`] compares with the oracle, [`quirks`] knows what a
//! partner does differently, and [`run()`] gives the verdict. Ids are those of the catalogue (T-, A-, B-); every rule
//! is in [`catalogue`].

pub mod answer;
pub mod authorizations;
pub mod business;
pub mod capture;
pub mod claims;
pub mod codes;
pub mod drift;
pub mod error_answer;
pub mod exchange;
#[cfg(test)]
mod field_tests;
pub mod files_read;
#[cfg(test)]
mod fixtures;
pub mod instant;
pub mod job;
mod json_place;
pub mod json_text;
pub mod line_summary;
pub mod manifest;
pub mod matches;
pub mod normalise;
pub mod owners;
pub mod provenance;
pub mod quirks;
pub mod records;
pub mod references;
pub mod refusal;
pub mod resolution;
pub mod retry;
pub mod retry_after;
#[cfg(test)]
mod rule_tests;
mod run;
#[cfg(test)]
mod run_tests;
pub mod stream;
pub mod structure;
pub mod token;
#[cfg(test)]
mod unknown_tests;
pub mod wire;

pub use crate::model::catalogue;
pub use run::{EarlyStop, RunEvidence, outcome, run};
