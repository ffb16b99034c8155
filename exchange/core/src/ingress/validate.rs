//! A request to open an exchange, from what is written to what is meant, with every mistake at once. No message
//! repeats what a request says of a person.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::Mistake;
use super::types::is_type;
use crate::adapter::Partner;
use crate::exchange::{
    Cohort, Criticality, LegalBasis, LegalKind, Metadata, Purpose, Traffic, Trigger,
};
use crate::free_text::{MemberData, TextFault, is_hidden};
use crate::grants::Grant;
use crate::limits::{TEXT_BYTES_MAX, TYPES_MAX};

/// A request as meant.
#[derive(Debug)]
pub struct ExchangeRequest {
    /// Its metadata.
    pub metadata: Metadata,
    /// The requester's ids, one a bundle.
    pub ids: Vec<String>,
    /// `{patient, coverage, consent}` of each bundle.
    pub bundles: Vec<Value>,
}

/// The requesting client and the partners that can be queried.
pub struct Parties<'a> {
    /// The client, and what it may do.
    pub grant: &'a Grant,
    /// Whom we know.
    pub partners: &'a BTreeMap<String, &'a Partner>,
}

const KEYS: [&str; 12] = [
    "trigger",
    "source_payer",
    "target_payer",
    "purpose",
    "legal_basis",
    "correlation_id",
    "requested_at",
    "criticality",
    "cohort",
    "traffic",
    "types",
    "members",
];
const MEMBER_KEYS: [&str; 6] = [
    "id",
    "cohort",
    "patient",
    "coverage_to_match",
    "more_coverages",
    "consent",
];

struct Reader<'a> {
    document: &'a Value,
    mistakes: Vec<Mistake>,
}

/// Reads a request.
///
/// # Errors
/// Every mistake, with its place and fix.
pub fn read(document: &Value, parties: &Parties<'_>) -> Result<ExchangeRequest, Vec<Mistake>> {
    let mut reader = Reader {
        document,
        mistakes: Vec::new(),
    };
    reader.keys("", document, &KEYS);
    let metadata = reader.metadata(parties);
    let partner = metadata
        .as_ref()
        .and_then(|one| parties.partners.get(&one.target_payer));
    let mut ids = Vec::new();
    let mut bundles = Vec::new();
    let mut seen = BTreeSet::new();
    let members = document["members"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if members.is_empty() {
        reader.wrong("/members", "there are no members", "name at least one");
    }
    for (n, member) in members.iter().enumerate() {
        reader.member(n, member, partner.copied());
        let id = member["id"].as_str().unwrap_or_default().to_owned();
        let patient = &member["patient"];
        if !id.is_empty() && !seen.insert(id.clone()) {
            let help = "name each member once, with further cards in more_coverages";
            let what = "a member with this id was named before";
            reader.wrong(&format!("/members/{n}/id"), what, help);
        }
        let more = member["more_coverages"].as_array().into_iter().flatten();
        for coverage in std::iter::once(&member["coverage_to_match"]).chain(more) {
            ids.push(id.clone());
            bundles.push(json!({
                "patient": patient, "coverage": coverage, "consent": member["consent"],
            }));
        }
    }
    reader.names_nobody(&bundles, &ids);
    match metadata {
        Some(metadata) if reader.mistakes.is_empty() => Ok(ExchangeRequest {
            metadata,
            ids,
            bundles,
        }),
        _ => Err(reader.mistakes),
    }
}

impl Reader<'_> {
    fn wrong(&mut self, at: &str, what: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake {
            at: at.to_owned(),
            what: what.into(),
            help: help.into(),
        });
    }

    fn keys(&mut self, at: &str, object: &Value, known: &[&str]) {
        let Some(fields) = object.as_object() else {
            return self.wrong(at, "it is no object", "send a JSON object");
        };
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = known
                .iter()
                .max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
            let near = near.copied().unwrap_or_default();
            // The key itself may be a member's name.
            let what = "it has a key that is not known here";
            let help = format!("perhaps {near:?} is meant; known: {}", known.join(", "));
            self.wrong(at, what, help);
        }
    }

    /// What is written into the trail and sent to the partner in clear names no member.
    fn names_nobody(&mut self, bundles: &[Value], ids: &[String]) {
        let data = MemberData::of(bundles, ids.iter().map(String::as_str));
        for at in ["/correlation_id", "/legal_basis/reference"] {
            let text = self.document.pointer(at).and_then(Value::as_str);
            if text.is_some_and(|text| data.is_in(text)) {
                let help = "use a number or name of your own that leads back to the member only at your side";
                self.wrong(at, TextFault::Member.to_string(), help);
            }
        }
    }

    /// A short text that must be there.
    fn text(&mut self, name: &str) -> Option<String> {
        let at = format!("/{name}");
        self.short(&at, &self.document[name], 1)
    }

    fn short(&mut self, at: &str, value: &Value, least: usize) -> Option<String> {
        let text = value.as_str().filter(|text| {
            (least..=TEXT_BYTES_MAX).contains(&text.len()) && !text.contains(is_hidden)
        });
        if text.is_none() {
            let help = format!(
                "give a text of 1 to {TEXT_BYTES_MAX} bytes without control or invisible characters"
            );
            self.wrong(at, "it is missing, empty, too long or no text", help);
        }
        text.map(str::to_owned)
    }

    /// One of a closed list of words; `default` where it may be left out.
    fn word<T: DeserializeOwned>(
        &mut self,
        at: &str,
        value: &Value,
        known: &[&str],
        default: Option<T>,
    ) -> Option<T> {
        if value.is_null() && default.is_some() {
            return default;
        }
        let read = serde_json::from_value(value.clone()).ok();
        if read.is_none() {
            let help = format!("one of: {}", known.join(", "));
            self.wrong(at, "it is missing or not known", help);
        }
        read
    }

    fn metadata(&mut self, parties: &Parties<'_>) -> Option<Metadata> {
        let document = self.document;
        let trigger = self.word(
            "/trigger",
            &document["trigger"],
            &Trigger::ALL.map(Trigger::name),
            None,
        );
        let purpose = self.word(
            "/purpose",
            &document["purpose"],
            &Purpose::ALL.map(Purpose::name),
            None,
        );
        let criticality = self.word(
            "/criticality",
            &document["criticality"],
            &Criticality::ALL.map(Criticality::name),
            Some(Criticality::Routine),
        );
        let cohort = self.word(
            "/cohort",
            &document["cohort"],
            &Cohort::ALL.map(Cohort::name),
            Some(self.cohort_of_members()),
        );
        let traffic = self.word(
            "/traffic",
            &document["traffic"],
            &Traffic::ALL.map(Traffic::name),
            Some(parties.grant.traffic),
        );
        if (traffic, parties.grant.traffic) == (Some(Traffic::Synthetic), Traffic::Real) {
            let help =
                "leave it out, or send invented members as a client that is registered for them";
            let what = "this client is registered for real members, whose records must be kept";
            self.wrong("/traffic", what, help);
        }
        let source_payer = self.source(parties);
        let target_payer = self.target(parties);
        let legal_basis = self.legal_basis();
        let correlation_id = self.text("correlation_id");
        let requested_at = self.instant();
        let types = self.types();
        Some(Metadata {
            trigger: trigger?,
            source_payer: source_payer?,
            target_payer: target_payer?,
            purpose: purpose?,
            legal_basis: legal_basis?,
            correlation_id: correlation_id?,
            requested_at: requested_at?,
            criticality: criticality?,
            cohort: cohort?,
            traffic: traffic?,
            types: types?,
        })
    }

    /// The cohort of the members; one that is not known is a mistake of its member.
    fn cohort_of_members(&self) -> Cohort {
        let members = self.document["members"].as_array().into_iter().flatten();
        let mut cohorts: Vec<Cohort> = members
            .filter_map(|member| serde_json::from_value(member["cohort"].clone()).ok())
            .collect();
        cohorts.dedup();
        match cohorts.as_slice() {
            [one] => *one,
            [] | [_, _, ..] => Cohort::Mixed,
        }
    }

    fn source(&mut self, parties: &Parties<'_>) -> Option<String> {
        let source = self.text("source_payer")?;
        if !parties.grant.source_payers.contains(&source) {
            let help = "name a payer for which this client is registered";
            self.wrong("/source_payer", "it is no payer of this client", help);
        }
        Some(source)
    }

    fn target(&mut self, parties: &Parties<'_>) -> Option<String> {
        let target = self.text("target_payer")?;
        if !parties.partners.contains_key(&target) {
            let known: Vec<&str> = parties.partners.keys().map(String::as_str).collect();
            let help = format!("one of: {}", known.join(", "));
            self.wrong("/target_payer", "there is no such partner", help);
        }
        Some(target)
    }

    fn legal_basis(&mut self) -> Option<LegalBasis> {
        let basis = &self.document["legal_basis"];
        self.keys("/legal_basis", basis, &["kind", "reference"]);
        let kind = self.word(
            "/legal_basis/kind",
            &basis["kind"],
            &LegalKind::ALL.map(LegalKind::name),
            None,
        );
        let reference = self.short("/legal_basis/reference", &basis["reference"], 1);
        Some(LegalBasis {
            kind: kind?,
            reference: reference?,
        })
    }

    fn instant(&mut self) -> Option<String> {
        let text = self.text("requested_at")?;
        if DateTime::parse_from_rfc3339(&text).is_err() {
            let help = "write it as 2026-11-22T09:00:00Z";
            self.wrong("/requested_at", "it is no instant", help);
        }
        Some(text)
    }

    fn types(&mut self) -> Option<Vec<String>> {
        let list = &self.document["types"];
        if list.is_null() {
            return Some(Vec::new());
        }
        let is_name = |value: &Value| value.as_str().is_some_and(is_type);
        let names = list
            .as_array()
            .filter(|names| names.len() <= TYPES_MAX && names.iter().all(is_name));
        if names.is_none() {
            let help = format!(
                "give a list of at most {TYPES_MAX} resource types of FHIR R4, or leave it out for all"
            );
            self.wrong("/types", "it is no list of resource types", help);
        }
        let names = names?.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect())
    }

    fn member(&mut self, n: usize, member: &Value, partner: Option<&Partner>) {
        let at = format!("/members/{n}");
        self.keys(&at, member, &MEMBER_KEYS);
        let Some(id) = self.short(&format!("{at}/id"), &member["id"], 1) else {
            return;
        };
        self.word(
            &format!("{at}/cohort"),
            &member["cohort"],
            &Cohort::ALL.map(Cohort::name),
            Some(Cohort::Mixed),
        );
        self.patient(&at, &id, &member["patient"]);
        let own = format!("Patient/{id}");
        self.coverage(
            &format!("{at}/coverage_to_match"),
            &own,
            &member["coverage_to_match"],
        );
        if !member["more_coverages"].is_null() && !member["more_coverages"].is_array() {
            let help = "send a list of FHIR Coverages, or leave it out";
            self.wrong(&format!("{at}/more_coverages"), "it is no list", help);
        }
        for (c, coverage) in member["more_coverages"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            self.coverage(&format!("{at}/more_coverages/{c}"), &own, coverage);
        }
        self.consent(&format!("{at}/consent"), &own, &member["consent"], partner);
    }

    /// The least by which a person can be found: id, family and given name, day of birth, gender.
    fn patient(&mut self, at: &str, id: &str, patient: &Value) {
        let at = format!("{at}/patient");
        if patient["resourceType"] != "Patient" {
            return self.wrong(&at, "it is no Patient", "send the member as a FHIR Patient");
        }
        if patient["id"] != id {
            self.wrong(
                &format!("{at}/id"),
                "it is not the member's id",
                "give both the same id",
            );
        }
        let name = &patient["name"][0];
        let has = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        let help = "a member needs family name, given name, day of birth and gender";
        if !has(&name["family"]) {
            self.wrong(
                &format!("{at}/name/0/family"),
                "there is no family name",
                help,
            );
        }
        if !has(&name["given"][0]) {
            self.wrong(
                &format!("{at}/name/0/given"),
                "there is no given name",
                help,
            );
        }
        let birth = patient["birthDate"].as_str();
        if birth
            .and_then(|text| text.parse::<NaiveDate>().ok())
            .is_none()
        {
            self.wrong(&format!("{at}/birthDate"), "there is no day of birth", help);
        }
        if !has(&patient["gender"]) {
            self.wrong(&format!("{at}/gender"), "there is no gender", help);
        }
    }

    fn coverage(&mut self, at: &str, own: &str, coverage: &Value) {
        if coverage["resourceType"] != "Coverage" {
            return self.wrong(at, "it is no Coverage", "send the card as a FHIR Coverage");
        }
        if coverage["beneficiary"]["reference"] != own {
            let help = "refer to the member's own Patient by its id";
            self.wrong(
                &format!("{at}/beneficiary"),
                "it does not name the member",
                help,
            );
        }
        let mut identifiers = coverage["identifier"].as_array().into_iter().flatten();
        let has_number =
            identifiers.any(|one| one["value"].as_str().is_some_and(|text| !text.is_empty()));
        let has_subscriber = coverage["subscriberId"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        if !has_number && !has_subscriber {
            let help = "a card needs its member number (an identifier of type MB) or subscriberId";
            self.wrong(at, "the card has no number", help);
        }
    }

    fn consent(&mut self, at: &str, own: &str, consent: &Value, partner: Option<&Partner>) {
        if consent["resourceType"] != "Consent" {
            return self.wrong(
                at,
                "it is no Consent",
                "send the member's consent as a FHIR Consent",
            );
        }
        if consent["patient"]["reference"] != own {
            let help = "refer to the member's own Patient by its id";
            self.wrong(
                &format!("{at}/patient"),
                "it does not name the member",
                help,
            );
        }
        let names = |code: &str, npi: &str| {
            let mut actors = consent["provision"]["actor"]
                .as_array()
                .into_iter()
                .flatten();
            actors.any(|actor| {
                actor["role"]["coding"][0]["code"] == code
                    && actor["reference"]["identifier"]["value"] == npi
            })
        };
        let actor = format!("{at}/provision/actor");
        let source = self.document["source_payer"].as_str();
        if !source.is_some_and(|source| names("IRCP", source)) {
            let help = "the recipient (IRCP) must be the source payer";
            self.wrong(&actor, "the consent is for another recipient", help);
        }
        if let Some(partner) = partner
            && !names("performer", &partner.npi)
        {
            let help = "the discloser (performer) must be the target payer";
            self.wrong(&actor, "the consent is for another payer", help);
        }
    }
}
