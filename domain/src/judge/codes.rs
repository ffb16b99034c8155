//! B-22: code systems are spelled as their owners spell them, and NPIs have a right check digit.

use serde_json::Value;

use crate::model::{Finding, catalogue};

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// Code systems, and the OIDs by which some still write them.
const SYSTEMS: &[(&str, &str)] = &[
    (
        "http://hl7.org/fhir/sid/icd-10-cm",
        "2.16.840.1.113883.6.90",
    ),
    (
        "http://www.cms.gov/Medicare/Coding/ICD10",
        "2.16.840.1.113883.6.4",
    ),
    ("http://www.ama-assn.org/go/cpt", "2.16.840.1.113883.6.12"),
    (
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "2.16.840.1.113883.6.285",
    ),
    ("http://hl7.org/fhir/sid/ndc", "2.16.840.1.113883.6.69"),
    (
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "2.16.840.1.113883.6.88",
    ),
    ("http://loinc.org", "2.16.840.1.113883.6.1"),
    ("http://snomed.info/sct", "2.16.840.1.113883.6.96"),
    ("http://hl7.org/fhir/sid/cvx", "2.16.840.1.113883.12.292"),
    (
        "https://codesystem.x12.org/005010/306",
        "2.16.840.1.113883.6.306",
    ),
    (
        "https://x12.org/codes/claim-adjustment-reason-codes",
        "2.16.840.1.113883.6.314",
    ),
    ("http://unitsofmeasure.org", "2.16.840.1.113883.6.8"),
];
/// Other names for the same, seen in the wild, in the loosened form of [`loose`].
const ALIASES: &[(&str, &str)] = &[
    (
        "hl7.org/fhir/sid/icd-10",
        "http://hl7.org/fhir/sid/icd-10-cm",
    ),
    (
        "hl7.org/fhir/sid/icd10-cm",
        "http://hl7.org/fhir/sid/icd-10-cm",
    ),
    ("snomed.org/sct", "http://snomed.info/sct"),
    (
        "rxnorm.info/rxnorm",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
    ),
];

/// What codes say.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    misspelt: u64,
    /// The first one, by the right name.
    first: Option<&'static str>,
    bad_npis: u64,
}

impl Codes {
    /// Takes one record, or a part of one.
    pub fn take(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(system) = fields.get("system").and_then(Value::as_str) {
                    self.system(system, fields.get("value").and_then(Value::as_str));
                }
                fields.values().for_each(|value| self.take(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn system(&mut self, system: &str, value: Option<&str>) {
        if system == NPI {
            self.bad_npis += u64::from(value.is_some_and(|npi| !is_npi(npi)));
        } else if let Some(right) = misspelt(system) {
            self.misspelt += 1;
            self.first.get_or_insert(right);
        }
    }

    /// B-22.
    pub fn finding(&self) -> Finding {
        let first = self.first.map(|right| format!(", first {right}"));
        catalogue::CODE_SYSTEMS.finding(
            self.misspelt == 0 && self.bad_npis == 0,
            "code systems by their own names, NPIs with their check digit",
            format!(
                "{} misspelt{}, {} wrong NPIs",
                self.misspelt,
                first.unwrap_or_default(),
                self.bad_npis
            ),
        )
    }
}

/// The right name of a system that is written otherwise.
fn misspelt(system: &str) -> Option<&'static str> {
    if SYSTEMS.iter().any(|(right, _)| *right == system) {
        return None;
    }
    let is_oid = |oid: &str| system.strip_prefix("urn:oid:").unwrap_or(system) == oid;
    let plain = loose(system);
    let alias = ALIASES
        .iter()
        .find(|(name, _)| *name == plain)
        .map(|(_, right)| *right);
    alias.or_else(|| {
        let mut all = SYSTEMS.iter();
        all.find(|(right, oid)| is_oid(oid) || loose(right) == plain)
            .map(|(right, _)| *right)
    })
}

/// Without scheme, `www.`, capitals and a slash at the end.
fn loose(system: &str) -> String {
    let text = system.trim().to_ascii_lowercase();
    let text = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let text = text.strip_prefix("www.").unwrap_or(text);
    text.trim_end_matches('/').to_owned()
}

/// Ten digits whose Luhn sum, behind 80840 as the issuer, is a multiple of ten (45 CFR 162.406).
fn is_npi(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 10) else {
        return false;
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    // 24 is what the prefix 80840 adds.
    (sum + 24).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_spellings_of_known_systems_are_misspelt() {
        for (system, wrong) in [
            ("http://loinc.org", false),
            ("https://loinc.org/", true),
            ("http://hl7.org/fhir/sid/icd-10", true),
            ("urn:oid:2.16.840.1.113883.6.96", true),
            ("http://www.loinc.org", true),
            ("https://own.example/codes", false),
        ] {
            assert_eq!(misspelt(system).is_some(), wrong, "{system}");
        }
        assert!(is_npi("1234567893") && !is_npi("1234567890") && !is_npi("123"));
    }
}
