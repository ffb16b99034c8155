//! Record linkage: a matching service that explains its decisions and never discloses the wrong person.
//!
//! In reading order:
//!
//! | module | what it does |
//! |---|---|
//! | [`record`], [`person`] | a person as written, and as meant |
//! | [`normalise`] | from the one to the other; with `date`, `address`, `names`, `fold`, `marks`, `placeholder` |
//! | [`csv`] | files of people, and every mistake in them at once |
//! | [`field`], [`fact`], [`compare`], [`jaro`], `same_name` | two persons in, facts out: nothing is judged, nothing is disclosed |
//! | [`rules`] | a versioned rule set: bands, weights, thresholds, rules, guards |
//! | [`decide`], [`guard`], [`assign`] | how a pair stands, alone and among others |
//! | [`block`], [`em`], [`link`] | which pairs are compared, weights from the data, two files at once |
//! | [`explain`], [`log`], [`replay`] | decisions as they are kept, and again under other rules |
//! | [`kpi`], [`verdict`] | numbers about decisions; what a person decides |
//! | [`resolve`], [`keep`], [`service`], [`api`] | one person among candidates, over HTTP |
//! | [`mod@bench`] | two files whose truth is known |
//!
//! Precision comes first: a false match discloses another person's record, a false non-match costs a review.

pub mod record;

mod address;
pub mod date;
mod fold;
mod marks;
mod names;
pub mod person;
mod placeholder;

pub mod normalise;

pub mod csv;

pub mod compare;
pub mod fact;
pub mod field;
pub mod jaro;
mod same_name;

pub mod rules;

pub mod assign;
pub mod decide;
pub mod guard;

pub mod block;
pub mod em;
pub mod link;

pub mod explain;
pub mod log;
pub mod replay;

pub mod kpi;

pub mod verdict;

pub mod keep;
pub mod resolve;
pub mod service;

pub mod api;

pub mod bench;

#[cfg(test)]
mod properties;
