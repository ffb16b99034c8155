//! Prior authorizations: B-19 which may come, B-20 their documents.

use chrono::{Months, NaiveDate};
use serde_json::Value;

use super::references::{Reference, ResourceName};
use super::resolution::Fingerprints;
use crate::model::{Finding, catalogue};

/// X12 data element 306: not certified.
const DENIED: &str = "A3";
const DRUG_SYSTEMS: &[&str] = &[
    "http://hl7.org/fhir/sid/ndc",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
];
/// An authorization that is over must have changed within so many months.
const MONTHS_KEPT: u32 = 12;

/// What prior authorizations say.
#[derive(Clone, Debug, Default)]
pub struct Authorizations {
    today: NaiveDate,
    denied: u64,
    drugs: u64,
    old: u64,
    /// Active or pending ones that name no document.
    bare: u64,
    named: Fingerprints,
    documents: Fingerprints,
}

impl Authorizations {
    /// Starts with no records, judged as of this day.
    pub fn on(today: NaiveDate) -> Self {
        Self {
            today,
            ..Self::default()
        }
    }

    /// Takes one record of a server at `base`.
    pub fn take(&mut self, kind: &str, record: &Value, base: &str) {
        match kind {
            "DocumentReference" if has_content(record) => {
                if let Some(id) = record["id"].as_str() {
                    self.documents.add(("DocumentReference", id));
                }
            }
            "ExplanationOfBenefit" if record["use"] == "preauthorization" => {
                self.authorization(record, base);
            }
            _ => {}
        }
    }

    fn authorization(&mut self, record: &Value, base: &str) {
        let is_denied = adjudications(record).any(is_denial);
        let is_over = is_over(record, self.today);
        self.denied += u64::from(is_denied);
        self.drugs += u64::from(is_drug(record));
        self.old += u64::from(is_over && self.is_quiet(record));
        if is_denied || is_over {
            return;
        }
        let infos = record["supportingInfo"].as_array().into_iter().flatten();
        let named: Vec<ResourceName> = infos
            .filter_map(|info| Reference::read(&info["valueReference"], base).own())
            .filter(|name| name.kind == "DocumentReference")
            .collect();
        self.bare += u64::from(named.is_empty());
        for name in named {
            self.named.add((name.kind.as_str(), name.id.as_str()));
        }
    }

    /// Whether nothing changed for a year. An authorization without dates counts as changed.
    fn is_quiet(&self, record: &Value) -> bool {
        let days = adjudications(record)
            .filter_map(|one| extension(one, "base-ext-when-adjudicated"))
            .filter_map(|one| day(&one["valueDateTime"]))
            .chain(day(&record["created"]));
        let a_year_ago = self.today.checked_sub_months(Months::new(MONTHS_KEPT));
        days.max()
            .zip(a_year_ago)
            .is_some_and(|(last, floor)| last < floor)
    }

    /// B-19.
    pub fn authorizations(&self) -> Finding {
        catalogue::AUTHORIZATIONS.finding(
            self.denied + self.drugs + self.old == 0,
            "none denied, none of a drug, each active or changed within a year",
            format!(
                "{} denied, {} of drugs, {} over and unchanged for a year",
                self.denied, self.drugs, self.old
            ),
        )
    }

    /// B-20.
    pub fn documents(&self) -> Finding {
        let loose = self.named.missing_in(&self.documents);
        catalogue::AUTHORIZATION_DOCUMENTS.finding(
            self.bare == 0 && loose == 0,
            "a document with content for each active or pending one",
            format!(
                "{} name none, {loose} documents missing or empty",
                self.bare
            ),
        )
    }
}

fn has_content(document: &Value) -> bool {
    let content = document["content"].as_array().into_iter().flatten();
    content.into_iter().any(|one| {
        let attachment = &one["attachment"];
        ["data", "url"].iter().any(|key| {
            attachment[*key]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        })
    })
}

fn is_drug(record: &Value) -> bool {
    let items = record["item"].as_array().into_iter().flatten();
    let mut services = items.flat_map(|item| codings(&item["productOrService"]));
    codings(&record["type"]).any(|coding| coding["code"] == "pharmacy")
        || services.any(|coding| {
            DRUG_SYSTEMS
                .iter()
                .any(|system| coding["system"] == *system)
        })
}

fn is_over(record: &Value, today: NaiveDate) -> bool {
    let periods = record["preAuthRefPeriod"].as_array().into_iter().flatten();
    let ends: Vec<NaiveDate> = periods.filter_map(|period| day(&period["end"])).collect();
    !ends.is_empty() && ends.iter().all(|end| *end < today)
}

fn is_denial(adjudication: &Value) -> bool {
    let action = extension(adjudication, "extension-reviewAction")
        .and_then(|action| extension(action, "extension-reviewActionCode"));
    action.is_some_and(|code| {
        codings(&code["valueCodeableConcept"]).any(|coding| coding["code"] == DENIED)
    }) || codings(&adjudication["category"]).any(|coding| coding["code"] == "denialreason")
}

fn adjudications(record: &Value) -> impl Iterator<Item = &Value> {
    let items = record["item"].as_array().into_iter().flatten();
    items.flat_map(|item| item["adjudication"].as_array().into_iter().flatten())
}

fn codings(concept: &Value) -> impl Iterator<Item = &Value> {
    concept["coding"].as_array().into_iter().flatten()
}

/// Extensions are named by the end of their URL: PAS and PDex both define some of them.
fn extension<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    let mut all = of["extension"].as_array()?.iter();
    all.find(|one| one["url"].as_str().is_some_and(|url| url.ends_with(name)))
}

fn day(value: &Value) -> Option<NaiveDate> {
    value.as_str()?.get(..10)?.parse().ok()
}
