//! the shape of a partner's records against the one that was recorded: places, what stands there, code
//! systems and profiles.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Baseline, Finding, JsonKind, PathShape, TypeShape, catalogue};

/// Records of one type whose shape is looked at in one run: a drift shows in the first as in the last.
pub const RECORDS_MAX: u64 = 1_000;
/// Places of one type that are remembered.
pub const PATHS_MAX: usize = 2_000;
/// Names remembered at one place.
pub const NAMES_MAX: usize = 64;
/// The longest path or name; longer ones are cut off.
pub const TEXT_BYTES_MAX: usize = 200;
/// Changes that are reported one by one.
const REPORTED_MAX: usize = 12;

/// The shape seen so far.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    seen: Baseline,
}

impl Drift {
    /// Takes one record.
    pub fn take(&mut self, kind: &str, record: &Value) {
        let shape = self.seen.0.entry(kind.to_owned()).or_default();
        if shape.records >= RECORDS_MAX {
            return;
        }
        shape.records += 1;
        let mut places = BTreeMap::new();
        if let Value::Object(fields) = record {
            for (name, value) in fields {
                walk(&mut places, element(name), value);
            }
        }
        for (path, place) in places {
            if shape.paths.len() >= PATHS_MAX && !shape.paths.contains_key(&path) {
                continue;
            }
            let known = shape.paths.entry(path).or_default();
            known.is.extend(place.is);
            known.records += 1;
            let room = NAMES_MAX.saturating_sub(known.names.len());
            known.names.extend(place.names.into_iter().take(room));
        }
    }

    /// The observed shape, to be recorded.
    pub fn into_seen(self) -> Baseline {
        self.seen
    }

    /// Each change by its name; one finding that holds when there is none.
    pub fn findings(&self, recorded: Option<&Baseline>) -> Vec<Finding> {
        let rule = &catalogue::DRIFT;
        let Some(recorded) = recorded else {
            let expected = "the recorded shape, where there is one";
            return vec![rule.finding(true, expected, "no baseline recorded")];
        };
        let mut changes = Vec::new();
        for (kind, seen) in &self.seen.0 {
            // A type that never came before is looked at by other checks; it has no shape to drift from.
            if let Some(known) = recorded.0.get(kind) {
                changes.extend(changes_of(kind, seen, known));
            }
        }
        let expected = "the recorded shape";
        if changes.is_empty() {
            return vec![rule.finding(true, expected, "as expected")];
        }
        let more = changes.len().saturating_sub(REPORTED_MAX);
        let mut findings: Vec<Finding> = changes
            .into_iter()
            .take(REPORTED_MAX)
            .map(|change| rule.finding(false, expected, change))
            .collect();
        if more > 0 {
            findings.push(rule.finding(false, expected, format!("{more} more changes")));
        }
        findings
    }
}

fn changes_of(kind: &str, seen: &TypeShape, known: &TypeShape) -> Vec<String> {
    let mut changes = Vec::new();
    for (path, place) in &seen.paths {
        let Some(before) = known.paths.get(path) else {
            let above = path.rsplit_once(['.', '[']).map(|(above, _)| above);
            // Of a new element only the topmost path is reported, not everything below it.
            if above.is_none_or(|above| known.paths.contains_key(above)) {
                changes.push(format!("path added: {kind}.{path}"));
            }
            continue;
        };
        let new: Vec<_> = place
            .is
            .difference(&before.is)
            .map(|is| is.name())
            .collect();
        if !new.is_empty() {
            changes.push(format!(
                "type changed: {kind}.{path} is {}",
                new.join(" and ")
            ));
        }
        let names = place.names.difference(&before.names).count();
        if names > 0 && before.names.len() < NAMES_MAX {
            changes.push(format!(
                "new code system or profile: {names} at {kind}.{path}"
            ));
        }
    }
    // Only what every record had can be missed: members differ.
    let always = known
        .paths
        .iter()
        .filter(|(_, place)| place.records == known.records);
    for (path, _) in always {
        let has = seen.paths.get(path).map_or(0, |place| place.records);
        let above = path.rsplit_once(['.', '[']).map(|(above, _)| above);
        let is_top = above.is_none_or(|above| {
            seen.paths
                .get(above)
                .is_some_and(|place| place.records == seen.records)
        });
        if has < seen.records && is_top {
            changes.push(format!("path removed: {kind}.{path}"));
        }
    }
    changes
}

/// Names of elements are the partner's text: a name that FHIR cannot have is not repeated.
fn element(name: &str) -> String {
    let is_name = name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        name.to_owned()
    } else {
        "?".to_owned()
    }
}

fn walk(places: &mut BTreeMap<String, PathShape>, path: String, value: &Value) {
    if path.len() > TEXT_BYTES_MAX {
        return;
    }
    let place = places.entry(path.clone()).or_default();
    place.is.insert(JsonKind::of(value));
    if let (Value::String(text), true) = (value, is_name_of_codes(&path)) {
        place
            .names
            .insert(text.chars().take(TEXT_BYTES_MAX).collect());
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(places, format!("{path}.{}", element(name)), value);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(places, format!("{path}[]"), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_name_of_codes(path: &str) -> bool {
    path.ends_with("coding[].system") || path == "meta.profile[]"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape(records: &[Value]) -> Drift {
        let mut drift = Drift::default();
        records
            .iter()
            .for_each(|record| drift.take("Observation", record));
        drift
    }

    #[test]
    fn each_change_has_its_name_and_the_same_shape_has_none() {
        let good =
            json!({"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]}});
        let known = shape(&[good.clone(), good.clone()]).into_seen();
        let told = |record: Value| {
            let findings = shape(&[record]).findings(Some(&known));
            let bad = findings.iter().filter(|one| !one.passed);
            bad.map(|one| one.seen.clone()).collect::<Vec<_>>()
        };
        let with = |edit: &dyn Fn(&mut Value)| {
            let mut record = good.clone();
            edit(&mut record);
            told(record)
        };
        assert!(told(good.clone()).is_empty());
        assert_eq!(
            with(&|one| one["extra"] = json!({"a": 1})),
            ["path added: Observation.extra"]
        );
        assert_eq!(
            with(&|one| one["status"] = json!(["final"]))[0],
            "type changed: Observation.status is list"
        );
        assert_eq!(
            with(&|one| {
                one.as_object_mut().unwrap().remove("status");
            }),
            ["path removed: Observation.status"]
        );
        assert_eq!(
            with(&|one| one["code"]["coding"][0]["system"] = json!("http://other")),
            ["new code system or profile: 1 at Observation.code.coding[].system"]
        );
        assert!(with(&|one| one["Ngozi Okafor"] = json!(1))[0].ends_with("Observation.?"));
        assert!(shape(&[good]).findings(None)[0].passed);
    }
}
