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

/// Parameters that a server need not support: a client may ask to have them passed over.
const OPTIONAL: [&str; 5] = [
    "_typeFilter",
    "_elements",
    "includeAssociatedData",
    "organizeOutputBy",
    "allowPartialManifests",
];

/// The parameters of an export.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ExportQuery {
    pub(crate) types: Option<BTreeSet<String>>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// References to the Patients; empty for all.
    pub(crate) patients: BTreeSet<String>,
    filters: Vec<Filter>,
    /// What `Prefer: handling=lenient` let pass over, in our words and quoted.
    pub(crate) ignored: Vec<String>,
}

/// Whether parameters that are not supported refuse the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// They do.
    Strict,
    /// They are passed over, and the manifest's errors say so (Bulk Data: `Prefer: handling=lenient`).
    Lenient,
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
    pub(crate) fn of_query(
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for (name, value) in pairs {
            match query.take(name, value, ExportOperation::GroupExport) {
                Err(_) if handling == Handling::Lenient && OPTIONAL.contains(&name.as_str()) => {
                    query
                        .ignored
                        .push(format!("{}={}", echo(name), echo(value)));
                }
                taken => taken?,
            }
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
                let is_one = |value: &str| {
                    FORMATS
                        .iter()
                        .any(|format| format.eq_ignore_ascii_case(value))
                };
                if !is_one(value.trim()) {
                    let hint = plus_hint(value, |value| is_one(value).then_some(()));
                    return Err(invalid(format!(
                        "_outputFormat must be {}{hint}",
                        FORMATS[0]
                    )));
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
        .map_err(|_| {
            let hint = plus_hint(text, |text| DateTime::parse_from_rfc3339(text).ok());
            invalid(format!("{} is not an instant{hint}", echo(text)))
        })
}

/// What to write in place of a `+`, where one is all that is wrong: in a query it means a space.
fn plus_hint<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> &'static str {
    let is_it = text.contains(' ') && read(&text.replace(' ', "+")).is_some();
    if is_it {
        "; a + in a query string means a space: write it as %2B"
    } else {
        ""
    }
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
        assert_eq!(
            ExportQuery::of_query(&pairs, Handling::Strict).unwrap(),
            parameters
        );
        let mut many = vec![("patient".to_owned(), String::new()); PATIENTS_MAX + 1];
        for (n, (_, value)) in many.iter_mut().enumerate() {
            *value = n.to_string();
        }
        let refusal = ExportQuery::of_query(&many, Handling::Strict).unwrap_err();
        assert_eq!(refusal.status, 413);
    }

    #[test]
    fn a_plus_is_named_and_media_types_have_no_case() {
        let read = |name: &str, value: &str| {
            let fields = exchange_kit::http::form_fields(format!("{name}={value}").as_bytes());
            ExportQuery::of_query(&fields, Handling::Strict)
        };
        for (name, value, wanted) in [
            ("_since", "2026-01-01T00:00:00%2B00:00", ""),
            ("_since", "2026-01-01T00:00:00-05:00", ""),
            ("_since", "2026-01-01T00:00:00+00:00", "%2B"),
            ("_until", "2026-01-01T00:00:00+05:30", "%2B"),
            ("_since", "yesterday+noon", "is not an instant"),
            ("_outputFormat", "application/fhir+ndjson", "%2B"),
            ("_outputFormat", "application%2Ffhir%2Bndjson", ""),
            ("_outputFormat", "Application%2FFHIR%2BNDJSON", ""),
            ("_outputFormat", "NDJSON", ""),
            ("_outputFormat", "text/csv", "_outputFormat must be"),
        ] {
            match read(name, value) {
                Ok(_) => assert_eq!(wanted, "", "{name}={value}"),
                Err(refusal) => {
                    assert!(!wanted.is_empty(), "{name}={value}: {}", refusal.text);
                    assert!(
                        refusal.text.contains(wanted),
                        "{name}={value}: {}",
                        refusal.text
                    );
                    assert_eq!(
                        wanted == "%2B",
                        refusal.text.contains("%2B"),
                        "{}",
                        refusal.text
                    );
                }
            }
        }
        // Generated: every offset east of Greenwich needs it, none west of it does.
        for hours in 0..=14 {
            let east = format!("2026-01-01T00:00:00+{hours:02}:00");
            let refusal = read("_since", &east).unwrap_err();
            assert!(refusal.text.contains("%2B"), "{east}");
            assert!(read("_since", &east.replace('+', "-")).is_ok());
            assert!(read("_since", &east.replace('+', "%2B")).is_ok());
        }
    }

    #[test]
    fn what_is_optional_is_answered_refused_or_passed_over_as_the_client_asks() {
        for (name, value, strict, lenient) in [
            ("_typeFilter", "Encounter?date=ge2026", true, true),
            (
                "_typeFilter",
                "Encounter?date=ge2026,Procedure?date=ge2026",
                true,
                true,
            ),
            (
                "_typeFilter",
                "Patient?_lastUpdated=ge2020-01-01",
                true,
                true,
            ),
            ("_typeFilter", "Patient?gender=female", false, true),
            ("_typeFilter", "Patient", false, true),
            (
                "_typeFilter",
                "MedicationRequest?status=active",
                false,
                true,
            ),
            ("_elements", "id", false, true),
            (
                "includeAssociatedData",
                "LatestProvenanceResources",
                false,
                true,
            ),
            // These change what is served in ways that a client must know.
            ("_type", "Spaceship", false, false),
            ("_since", "yesterday", false, false),
            ("unknown", "x", false, false),
        ] {
            let pairs = [(name.to_owned(), value.to_owned())];
            let read = |handling| ExportQuery::of_query(&pairs, handling);
            assert_eq!(read(Handling::Strict).is_ok(), strict, "{name}={value}");
            let seen = read(Handling::Lenient);
            assert_eq!(seen.is_ok(), lenient, "{name}={value}");
            if let Ok(query) = seen {
                assert_eq!(query.ignored.is_empty(), strict, "{name}={value}");
            }
        }
    }
}
