//! How a partner is: nine kinds, each as some real implementation behaves.
//!
//! The enum is closed and is matched without a wildcard, so that a new persona must be met everywhere.

mod behaviour;
mod kind;
mod matrix;

pub use behaviour::{
    Behaviour, Buckets, ConsentRule, ContainedStyle, DeleteStyle, ErrorStyle, ExpiredStyle,
    ExpiresStyle, ExportSlots, ExportTypes, FilePlace, JobReuse, MissingGroup, PartialStyle,
    ResultShape, RetryAfterStyle, SingleShape, Spec, StatusPlace, ThrottleStyle, TokenRule,
};
pub use kind::Persona;
pub use matrix::{PersonaEntry, entry};
