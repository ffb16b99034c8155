//! Claims: B-15 dates of service, B-18 no financial amounts, B-21 insurer, provider and coverage.

use chrono::{Months, NaiveDate};
use serde_json::Value;

use super::references::Reference;
use super::resolution::Fingerprints;
use crate::model::{Finding, catalogue};

/// Elements that hold money in a claim's item (CARIN Basis has none of them).
const MONEY_IN_ITEM: &[&str] = &["net", "unitPrice"];
/// Years of data that are due (CMS-0057-F): the requester gets at least these, the responder may send more.
const YEARS_DUE: u32 = 5;

/// What claims say.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    today: NaiveDate,
    /// Claims.
    pub claims: u64,
    money: u64,
    older: u64,
    future: u64,
    without_party: u64,
    focal_twice: u64,
    coverages: Fingerprints,
    named_coverages: Fingerprints,
}

impl Claims {
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
            "Coverage" => {
                if let Some(id) = record["id"].as_str() {
                    self.coverages.add(("Coverage", id));
                }
            }
            "Encounter" => self.day(&record["period"]["start"]),
            "ExplanationOfBenefit" => self.explanation(record, base),
            _ => {}
        }
    }

    fn explanation(&mut self, record: &Value, base: &str) {
        self.parties(record, base);
        if record["use"] == "claim" {
            self.claims += 1;
            self.money += u64::from(holds_money(record));
            self.day(&record["billablePeriod"]["start"]);
        }
    }

    fn day(&mut self, value: &Value) {
        let day = value
            .as_str()
            .and_then(|text| text.get(..10)?.parse::<NaiveDate>().ok());
        let Some(day) = day else { return };
        let floor = self.today.checked_sub_months(Months::new(12 * YEARS_DUE));
        self.older += u64::from(floor.is_some_and(|floor| day < floor));
        // A day more, for the partner's time zone.
        self.future += u64::from((day - self.today).num_days() > 1);
    }

    fn parties(&mut self, record: &Value, base: &str) {
        let insurances = record["insurance"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let mut is_whole = is_named(&record["insurer"]) && is_named(&record["provider"]);
        is_whole &= !insurances.is_empty();
        for insurance in insurances {
            is_whole &= is_named(&insurance["coverage"]);
            if let Some(name) = Reference::read(&insurance["coverage"], base).own() {
                self.named_coverages
                    .add((name.kind.as_str(), name.id.as_str()));
            }
        }
        let focal = insurances.iter().filter(|one| one["focal"] == true).count();
        self.without_party += u64::from(!is_whole);
        self.focal_twice += u64::from(focal > 1);
    }

    /// B-15. What is due of the last five years is B-13's.
    pub fn service_dates(&self) -> Finding {
        catalogue::SERVICE_DATES.finding(
            self.older == 0 && self.future == 0,
            format!("dates of service of the last {YEARS_DUE} years"),
            format!("{} older, {} in the future", self.older, self.future),
        )
    }

    /// B-18.
    pub fn no_money(&self) -> Finding {
        let seen = format!("{} claims with amounts", self.money);
        catalogue::NO_MONEY.finding(self.money == 0, "no amounts in claims", seen)
    }

    /// B-21.
    pub fn claim_parties(&self) -> Finding {
        let loose = self.named_coverages.missing_in(&self.coverages);
        let passed = self.without_party == 0 && self.focal_twice == 0 && loose == 0;
        catalogue::CLAIM_PARTIES.finding(
            passed,
            "insurer, provider, a Coverage that came along, one focal",
            format!(
                "{} without a party, {} with two focal, {loose} Coverages missing",
                self.without_party, self.focal_twice
            ),
        )
    }
}

fn is_named(reference: &Value) -> bool {
    reference["reference"].is_string() || reference["identifier"].is_object()
}

fn holds_money(claim: &Value) -> bool {
    let has = |value: &Value| !value.is_null();
    let any = |list: &Value, test: &dyn Fn(&Value) -> bool| {
        list.as_array().is_some_and(|list| list.iter().any(test))
    };
    let priced = |one: &Value| has(&one["amount"]);
    has(&claim["total"])
        || has(&claim["payment"]["amount"])
        || any(&claim["adjudication"], &priced)
        || any(&claim["item"], &|item| {
            MONEY_IN_ITEM.iter().any(|key| has(&item[*key])) || any(&item["adjudication"], &priced)
        })
}
