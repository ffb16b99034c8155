//! The whole record of a person, and what of it goes out.

use serde_json::Value;

use super::provenance::transmitted;
use super::withhold::{Policy, withheld};
use super::writer::Writer;
use super::{
    authorization, care, claim, clinical, demographic, measure, medicine, provenance, provider,
};
use crate::member::payer::Payer;
use crate::member::person::Person;

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
