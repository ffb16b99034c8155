//! Faults of a job's status and manifest.

use serde_json::{Value, json};

use crate::fault::{Fault, Hits};

/// The file of errors that the fault `partial-errors` adds to a manifest.
pub(super) const ERRORS_FILE: &str = "Errors-1.ndjson";

/// Whether the manifest is of a match: its files are Groups, or the 2.1 Parameters.
pub(super) fn is_of_match(manifest: &Value) -> bool {
    let files = manifest["output"].as_array().into_iter().flatten();
    let request = manifest["request"].as_str().unwrap_or_default();
    request.contains("bulk-member-match") || files.into_iter().any(|file| file["type"] == "Group")
}

/// Injects the faults of a data manifest; returns whether it changed the manifest.
pub(super) fn inject(manifest: &mut Value, hits: &Hits) -> bool {
    let mut changed = false;
    if hits.has(Fault::SilentPartial) {
        changed |= drop_file(manifest).is_some();
    }
    if hits.has(Fault::PartialErrors)
        && let Some(file) = drop_file(manifest)
    {
        let url = file["url"].as_str().unwrap_or_default();
        let folder = url.rsplit_once('/').map_or("", |(folder, _)| folder);
        manifest["error"] = json!([{"type": "OperationOutcome", "url": format!("{folder}/{ERRORS_FILE}"), "count": 1}]);
        changed = true;
    }
    if hits.has(Fault::WrongCount)
        && let Some(count) = manifest["output"][0]["count"].as_u64()
    {
        manifest["output"][0]["count"] = (count + 1).into();
        changed = true;
    }
    if hits.has(Fault::StaleData) {
        manifest["transactionTime"] = "2026-01-01T00:00:00Z".into();
        changed = true;
    }
    changed
}

/// Takes the first file of clinical records out.
fn drop_file(manifest: &mut Value) -> Option<Value> {
    const DISPENSABLE: [&str; 4] = ["Observation", "Immunization", "Procedure", "Condition"];
    let files = manifest["output"].as_array_mut()?;
    let place = files
        .iter()
        .position(|file| DISPENSABLE.iter().any(|kind| file["type"] == *kind))?;
    Some(files.remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Hit;

    fn injected(fault: Fault) -> Value {
        let file = |kind: &str| json!({"type": kind, "url": format!("https://p/jobs/j/files/{kind}-1.ndjson"), "count": 2});
        let mut manifest = json!({
            "transactionTime": "2026-11-22T05:00:00Z",
            "output": [file("Patient"), file("Condition")],
            "error": [],
        });
        assert!(inject(&mut manifest, &Hits(vec![Hit::of(fault)])));
        manifest
    }

    #[test]
    fn each_fault_changes_only_its_own_part() {
        let silent = injected(Fault::SilentPartial);
        assert_eq!(
            (silent["output"].as_array().unwrap().len(), &silent["error"]),
            (1, &json!([]))
        );
        let partial = injected(Fault::PartialErrors);
        assert_eq!(partial["output"].as_array().unwrap().len(), 1);
        assert_eq!(
            partial["error"][0]["url"],
            "https://p/jobs/j/files/Errors-1.ndjson"
        );
        assert_eq!(injected(Fault::WrongCount)["output"][0]["count"], 3);
        assert_eq!(
            injected(Fault::StaleData)["transactionTime"],
            "2026-01-01T00:00:00Z"
        );
    }
}
