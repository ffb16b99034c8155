//! What of a record stays with the responder: by the consent, and by the rule on prior authorizations.

use chrono::NaiveDate;
use serde_json::Value;

use super::authorization::{DENIED, PDEX};
use super::clinical::{SENSITIVE_CODE, SENSITIVE_SYSTEM};
use crate::member::person::ANCHOR;

/// What the consent's policy lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everything but records that carry a sensitivity label.
    Regular,
    /// Everything.
    Sensitive,
}

/// Why a record stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithholdReason {
    /// A sensitivity label that the consent does not cover.
    Sensitive,
    /// A prior authorization that was denied.
    Denied,
    /// A prior authorization of a drug.
    Drug,
    /// A prior authorization that is over and has not changed within a year.
    Old,
}

impl WithholdReason {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sensitive => "a label that the consent does not cover",
            Self::Denied => "a denied prior authorization",
            Self::Drug => "a prior authorization of a drug",
            Self::Old => "a prior authorization that ended more than a year ago",
        }
    }
}

/// Why `resource` may not go out under `policy`; nothing when it may. The year ends on the anchor day.
pub fn withheld(resource: &Value, policy: Policy) -> Option<WithholdReason> {
    if policy == Policy::Regular && is_sensitive(resource) {
        return Some(WithholdReason::Sensitive);
    }
    if resource["use"] != "preauthorization" {
        return None;
    }
    let is_drug = resource["type"]["coding"][0]["code"] == "pharmacy";
    let is_denied = adjudications(resource).any(|one| action(one) == Some(DENIED));
    if is_drug {
        Some(WithholdReason::Drug)
    } else if is_denied {
        Some(WithholdReason::Denied)
    } else if is_old(resource) {
        Some(WithholdReason::Old)
    } else {
        None
    }
}

fn is_sensitive(resource: &Value) -> bool {
    let labels = resource["meta"]["security"].as_array();
    labels.is_some_and(|labels| {
        labels
            .iter()
            .any(|label| label["system"] == SENSITIVE_SYSTEM && label["code"] == SENSITIVE_CODE)
    })
}

/// Over on the anchor day, and last changed more than a year before it.
fn is_old(authorization: &Value) -> bool {
    let periods = authorization["preAuthRefPeriod"].as_array();
    let ends: Vec<NaiveDate> = periods
        .into_iter()
        .flatten()
        .filter_map(|period| day(&period["end"]))
        .collect();
    let is_over = !ends.is_empty() && ends.iter().all(|end| *end < ANCHOR);
    let a_year_ago = ANCHOR
        .checked_sub_months(chrono::Months::new(12))
        .unwrap_or(ANCHOR);
    let is_quiet = adjudications(authorization)
        .filter_map(|one| extension(one, "base-ext-when-adjudicated"))
        .filter_map(|one| day(&one["valueDateTime"]))
        .all(|changed| changed < a_year_ago);
    is_over && is_quiet
}

fn adjudications(authorization: &Value) -> impl Iterator<Item = &Value> {
    let items = authorization["item"].as_array().into_iter().flatten();
    items.flat_map(|item| item["adjudication"].as_array().into_iter().flatten())
}

fn action(adjudication: &Value) -> Option<&str> {
    let action = extension(adjudication, "extension-reviewAction")?;
    let code = extension(action, "extension-reviewActionCode")?;
    code["valueCodeableConcept"]["coding"][0]["code"].as_str()
}

fn extension<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let url = format!("{PDEX}/StructureDefinition/{name}");
    of["extension"]
        .as_array()?
        .iter()
        .find(|one| one["url"] == url.as_str())
}

fn day(value: &Value) -> Option<NaiveDate> {
    value.as_str()?.parse().ok()
}
