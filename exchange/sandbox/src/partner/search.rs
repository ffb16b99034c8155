//! `GET Group?...`: a client finds the Groups of its own matches.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::Value;

use super::bundle::Search;
use super::filter::echo;
use super::headers::Caller;
use super::limits::GROUPS_SEARCHED_MAX;
use super::outcome::Refusal;
use super::scope::Grant;
use super::state::Partner;
use super::token;

/// One condition on a Group.
enum GroupCondition {
    /// A code in `Group.code`, with or without its system.
    Code(String),
    /// An identifier of the Group.
    Identifier(String),
    /// The code of a characteristic.
    Characteristic(String),
    /// The identifier to which a characteristic's reference points.
    ValueReference(String),
}

/// `GET Group?...`.
pub(crate) async fn groups(
    State(partner): State<Arc<Partner>>,
    RawQuery(query): RawQuery,
    caller: Caller,
) -> Result<Response, Refusal> {
    let session = token::authorise(&partner, &caller, Grant::MatchResult)?;
    let search = Search::read(query)?;
    let conditions = search
        .parameters
        .iter()
        .map(|(name, value)| condition(name, value))
        .collect::<Result<Vec<GroupCondition>, Refusal>>()?;
    let own = partner
        .store
        .groups(partner.payer.id, &session.client, GROUPS_SEARCHED_MAX)?;
    let found: Vec<Value> = own
        .iter()
        .filter_map(|group| serde_json::from_str(&group.body).ok())
        .filter(|group: &Value| conditions.iter().all(|condition| condition.fits(group)))
        .collect();
    Ok(search.answer(&partner.base_url, "Group", found))
}

fn condition(name: &str, value: &str) -> Result<GroupCondition, Refusal> {
    let value = value.to_owned();
    match name {
        "code" => Ok(GroupCondition::Code(value)),
        "identifier" => Ok(GroupCondition::Identifier(value)),
        "characteristic" => Ok(GroupCondition::Characteristic(value)),
        "characteristic-value-reference" | "characteristic-value-reference:identifier" => {
            Ok(GroupCondition::ValueReference(value))
        }
        other => {
            let text = format!("the search parameter {} is not supported", echo(other));
            Err(Refusal::bad_request("not-supported", text))
        }
    }
}

impl GroupCondition {
    fn fits(&self, group: &Value) -> bool {
        let none = Vec::new();
        let traits = group["characteristic"].as_array().unwrap_or(&none);
        match self {
            Self::Code(wanted) => has_code(&group["code"], wanted),
            Self::Identifier(wanted) => group["identifier"]
                .as_array()
                .is_some_and(|own| own.iter().any(|one| is_token(one, "value", wanted))),
            Self::Characteristic(wanted) => traits.iter().any(|one| has_code(&one["code"], wanted)),
            Self::ValueReference(wanted) => traits
                .iter()
                .any(|one| is_token(&one["valueReference"]["identifier"], "value", wanted)),
        }
    }
}

fn has_code(concept: &Value, wanted: &str) -> bool {
    concept["coding"]
        .as_array()
        .is_some_and(|all| all.iter().any(|coding| is_token(coding, "code", wanted)))
}

/// Whether `system|value` or `value` alone names it (FHIR token search). An empty system fits none of ours.
pub(crate) fn is_token(held: &Value, key: &str, wanted: &str) -> bool {
    match wanted.rsplit_once('|') {
        Some((system, value)) => held["system"] == system && held[key] == value,
        None => held[key] == wanted,
    }
}
