//! The parameters of an export, from a Parameters resource or from a query string.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::filter::{self, Filter, echo};
use super::limits::PATIENTS_MAX;
use super::outcome::Refusal;
use super::types;
use crate::persona::ExportTypes;

const EXPORT_TYPE: &str = "hl7.fhir.us.davinci-pdex#payertopayer";
const EXPORT_TYPE_BARE: &str = "payertopayer";
/// The three spellings of the one format there is (Bulk Data).
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// The parameters of an export.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ExportQuery {
    pub(crate) types: Option<BTreeSet<String>>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// References to the Patients; empty for all.
    pub(crate) patients: BTreeSet<String>,
    filters: Vec<Filter>,
}

/// The export operation whose parameters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportOperation {
    /// `$davinci-data-export`, with these texts for `exportType`.
    DataExport(ExportTypes),
    /// `$export`.
    GroupExport,
}

impl ExportQuery {
    /// From a Parameters resource.
    pub(crate) fn of_parameters(
        parameters: &Value,
        operation: ExportOperation,
    ) -> Result<Self, Refusal> {
        if parameters["resourceType"] != "Parameters" {
            return Err(invalid("the body must be a Parameters resource".to_owned()));
        }
        let mut query = Self::default();
        let none = Vec::new();
        for parameter in parameters["parameter"].as_array().unwrap_or(&none) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = match name {
                "exportType" => parameter["valueCanonical"].as_str(),
                "_since" | "_until" => parameter["valueInstant"].as_str(),
                "patient" => parameter["valueReference"]["reference"].as_str(),
                _ => parameter["valueString"].as_str(),
            };
            query.take(name, value.unwrap_or_default(), operation)?;
        }
        Ok(query)
    }

    /// From the pairs of a query string.
    pub(crate) fn of_query(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for (name, value) in pairs {
            query.take(name, value, ExportOperation::GroupExport)?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str, operation: ExportOperation) -> Result<(), Refusal> {
        match (name, operation) {
            ("exportType", ExportOperation::DataExport(known)) => {
                let bare = known == ExportTypes::BareToo && value == EXPORT_TYPE_BARE;
                if value != EXPORT_TYPE && !bare {
                    return Err(invalid(format!("exportType must be {EXPORT_TYPE}")));
                }
            }
            ("_outputFormat", ExportOperation::GroupExport) => {
                if !FORMATS.contains(&value) {
                    return Err(invalid(format!("_outputFormat must be {}", FORMATS[0])));
                }
            }
            ("_type", _) => self.types.get_or_insert_default().extend(types(value)?),
            ("_since", _) => self.since = Some(instant(value)?),
            ("_until", _) => self.until = Some(instant(value)?),
            ("_typeFilter", _) => self.filters.extend(filter::type_filters(value)?),
            ("patient", _) => {
                self.patients.insert(value.to_owned());
                if self.patients.len() > PATIENTS_MAX {
                    let text = format!("more than {PATIENTS_MAX} patients in one export");
                    return Err(Refusal::too_large(text));
                }
            }
            // Passing one over would serve more than was asked for (PDex 180d).
            (other, _) => {
                let text = format!("the parameter {} is not supported", echo(other));
                return Err(Refusal::bad_request("not-supported", text));
            }
        }
        Ok(())
    }

    /// The requested types, when the request names any.
    pub(crate) fn type_list(&self) -> Option<Vec<String>> {
        self.types
            .as_ref()
            .map(|types| types.iter().cloned().collect())
    }

    /// Whether the request includes this record.
    pub(crate) fn has(&self, resource: &Value) -> bool {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let changed = resource["meta"]["lastUpdated"]
            .as_str()
            .and_then(|t| t.parse().ok());
        let changed: DateTime<Utc> = changed.unwrap_or_default();
        self.types.as_ref().is_none_or(|types| types.contains(kind))
            && self.since.is_none_or(|since| changed >= since)
            && self.until.is_none_or(|until| changed <= until)
            && filter::passes(&self.filters, kind, resource)
    }
}

fn invalid(text: String) -> Refusal {
    Refusal::bad_request("invalid", text)
}

fn types(list: &str) -> Result<BTreeSet<String>, Refusal> {
    list.split(',')
        .map(|kind| {
            let known = types::known(kind.trim());
            known.map(str::to_owned).ok_or_else(|| {
                let known = types::ALL.join(", ");
                let text = format!("_type names {}; known are {known}", echo(kind));
                Refusal::bad_request("not-supported", text)
            })
        })
        .collect()
}

/// An instant: date, time and offset.
fn instant(text: &str) -> Result<DateTime<Utc>, Refusal> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| invalid(format!("{} is not an instant", echo(text))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(
        name: &str,
        kind: &str,
        value: &Value,
        operation: ExportOperation,
    ) -> Result<ExportQuery, u16> {
        let body =
            json!({"resourceType": "Parameters", "parameter": [{"name": name, kind: value}]});
        ExportQuery::of_parameters(&body, operation).map_err(|refusal| refusal.status.as_u16())
    }

    /// Name, type and value of a parameter, who reads it, and whether it is taken.
    const TABLE: &str = "
        exportType valueCanonical hl7.fhir.us.davinci-pdex#payertopayer strict yes
        exportType valueCanonical payertopayer strict no
        exportType valueCanonical payertopayer lenient yes
        exportType valueCanonical other lenient no
        exportType valueCanonical hl7.fhir.us.davinci-pdex#payertopayer plain no
        _type valueString Patient,Coverage strict yes
        _type valueString Spaceship strict no
        _type valueCode Patient strict no
        _since valueInstant 2026-08-21T00:00:00Z strict yes
        _since valueInstant 2026-08-21 strict no
        _until valueInstant yesterday strict no
        _typeFilter valueString Encounter?date=ge2026 strict yes
        _typeFilter valueString Encounter?status=x strict no
        _outputFormat valueString ndjson plain yes
        _outputFormat valueString csv plain no
        _outputFormat valueString ndjson strict no
        _elements valueString id plain no
    ";

    #[test]
    fn parameters_are_taken_or_refused() {
        let rows: Vec<&str> = TABLE
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        assert_eq!(rows.len(), 17);
        for row in rows {
            let cells: Vec<&str> = row.split_whitespace().collect();
            let operation = match cells[3] {
                "strict" => ExportOperation::DataExport(ExportTypes::Canonical),
                "lenient" => ExportOperation::DataExport(ExportTypes::BareToo),
                _ => ExportOperation::GroupExport,
            };
            let outcome = parse(cells[0], cells[1], &json!(cells[2]), operation);
            assert_eq!(outcome.is_ok(), cells[4] == "yes", "{row}");
            assert!(outcome.is_ok() || outcome == Err(400), "{row}");
        }
        let person = json!({"reference": "Patient/1"});
        let query = parse(
            "patient",
            "valueReference",
            &person,
            ExportOperation::GroupExport,
        )
        .unwrap();
        assert!(query.patients.contains("Patient/1"));
    }

    #[test]
    fn a_query_string_reads_as_the_same_parameters() {
        let pairs = [
            ("_type", "Patient,Coverage"),
            ("_since", "2026-08-21T00:00:00+00:00"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_type", "valueString": "Patient"},
            {"name": "_type", "valueString": "Coverage"},
            {"name": "_since", "valueInstant": "2026-08-21T00:00:00Z"},
        ]});
        let parameters = ExportQuery::of_parameters(&body, ExportOperation::GroupExport).unwrap();
        assert_eq!(ExportQuery::of_query(&pairs).unwrap(), parameters);
        let mut many = vec![("patient".to_owned(), String::new()); PATIENTS_MAX + 1];
        for (n, (_, value)) in many.iter_mut().enumerate() {
            *value = n.to_string();
        }
        assert_eq!(ExportQuery::of_query(&many).unwrap_err().status, 413);
    }
}
