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
#[cfg(test)]
mod rules;
mod withhold;
mod writer;

use serde_json::Value;

pub use provenance::transmitted;
pub use withhold::{Withheld, withheld};

use super::payer::Payer;
use super::person::Person;
use writer::Writer;
pub use writer::scale_for;

/// What the consent's policy lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everything but records that carry a sensitivity label.
    Regular,
    /// Everything.
    Sensitive,
}

/// All that is held about `person`, in a fixed order, the Provenance last.
pub fn record(payer: &Payer, person: &Person, seed: u64) -> Vec<Value> {
    let mut writer = Writer::new(payer, person, seed);
    let mut resources = demographic::resources(&writer);
    resources.extend(provider::resources(&mut writer));
    resources.extend(clinical::resources(&mut writer));
    resources.extend(measure::resources(&mut writer));
    resources.extend(medicine::resources(&mut writer));
    resources.extend(care::resources(&mut writer));
    resources.extend(claim::resources(&mut writer));
    resources.extend(authorization::resources(&mut writer));
    resources.push(provenance::resource(&writer));
    transmitted(resources)
}

/// What of a record the policy and the rule let out, with the Provenance of just that.
pub fn disclosed(record: Vec<Value>, policy: Policy) -> Vec<Value> {
    let due = |resource: &Value| withheld(resource, policy).is_none();
    transmitted(record.into_iter().filter(due).collect())
}
