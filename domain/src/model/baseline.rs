//! The shape that a partner's records had when a person approved it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::closed::closed;

closed!(
    /// What stands at a place of a JSON document.
    JsonKind {
        /// Null.
        Null = "null",
        /// True or false.
        Flag = "boolean",
        /// A number.
        Number = "number",
        /// A string.
        Text = "string",
        /// A list.
        List = "list",
        /// An object.
        Object = "object",
    }
);

impl JsonKind {
    /// The kind of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Flag,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }
}

/// Shapes by resource type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(pub BTreeMap<String, TypeShape>);

/// The shape of one resource type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeShape {
    /// Records looked at.
    pub records: u64,
    /// Places, such as `code.coding[].system`.
    pub paths: BTreeMap<String, PathShape>,
}

/// What was seen at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathShape {
    /// What stood there.
    pub is: BTreeSet<JsonKind>,
    /// Records that have it.
    pub records: u64,
    /// Code systems and profiles that were named there.
    pub names: BTreeSet<String>,
}

impl Baseline {
    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (kind, shape) in &other.0 {
            let own = self.0.entry(kind.clone()).or_default();
            own.records += shape.records;
            for (path, seen) in &shape.paths {
                let place = own.paths.entry(path.clone()).or_default();
                place.is.extend(&seen.is);
                place.records += seen.records;
                place.names.extend(seen.names.iter().cloned());
            }
        }
    }
}
