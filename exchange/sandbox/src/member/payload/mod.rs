//! What a responder holds about a person, as FHIR R4 resources in profile: one file a part of the record.

mod authorization;
mod care;
mod claim;
mod clinical;
mod demographic;
mod measure;
mod medicine;
mod provenance;
mod provider;
mod record;
#[cfg(test)]
mod rules;
mod withhold;
mod writer;

pub(super) use demographic::address;
pub use provenance::transmitted;
pub use record::{disclosed, record};
pub use withhold::{Policy, WithholdReason, withheld};
pub use writer::scale_for;
