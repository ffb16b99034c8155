//! Does a consent allow this responder to disclose to this requester today?

use chrono::{Months, NaiveDate};
use serde_json::Value;

use crate::member::Policy;
use crate::persona::ConsentRule;

/// Who would disclose, who would receive, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disclosure<'a> {
    pub(crate) responder_npi: &'a str,
    pub(crate) requester_npi: &'a str,
    pub(crate) today: NaiveDate,
    pub(crate) rule: ConsentRule,
}

/// The policy of a valid consent; nothing when it is expired, not yet begun, not active, not a permission,
/// or names another payer.
pub(crate) fn policy(consent: &Value, disclosure: Disclosure<'_>) -> Option<Policy> {
    let is_looked_at = match disclosure.rule {
        ConsentRule::Whole => true,
        ConsentRule::PolicyOnly => false,
    };
    if is_looked_at && !is_in_force(consent, disclosure)? {
        return None;
    }
    let uris = consent["policy"].as_array()?;
    let says = |suffix| {
        uris.iter()
            .any(|p| p["uri"].as_str().is_some_and(|u| u.ends_with(suffix)))
    };
    if says("#sensitive") {
        Some(Policy::Sensitive)
    } else if says("#regular") {
        Some(Policy::Regular)
    } else {
        None
    }
}

/// Whether it permits this disclosure today; nothing when a bound cannot be read.
fn is_in_force(consent: &Value, disclosure: Disclosure<'_>) -> Option<bool> {
    let provision = &consent["provision"];
    let permits = consent["status"] == "active" && provision["type"] == "permit";
    // An absent start is open (FHIR Period). An absent end is not taken as for ever, and a bound that
    // cannot be read is no permission.
    let begun = match provision["period"]["start"].as_str() {
        Some(start) => days(start)?.0 <= disclosure.today,
        None => true,
    };
    let not_over = match provision["period"]["end"].as_str() {
        Some(end) => days(end)?.1 >= disclosure.today,
        None => false,
    };
    let recipient = actor(provision, "IRCP") == Some(disclosure.requester_npi);
    let source = actor(provision, "performer") == Some(disclosure.responder_npi);
    Some(permits && begun && not_over && recipient && source)
}

/// The first and the last day of a FHIR date or dateTime: of `2035` the whole year, of `2035-02` the month (a Period
/// includes what its end says, FHIR R4 2.24.0.9).
fn days(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let months = match text.len() {
        4 => 12,
        7 => 1,
        _ => {
            let day = text.get(..10)?.parse().ok()?;
            let has_time = text.len() > 10;
            let is_whole = !has_time || chrono::DateTime::parse_from_rfc3339(text).is_ok();
            return is_whole.then_some((day, day));
        }
    };
    let first: NaiveDate = match months {
        12 => format!("{text}-01-01").parse().ok()?,
        _ => format!("{text}-01").parse().ok()?,
    };
    let last = first.checked_add_months(Months::new(months))?.pred_opt()?;
    Some((first, last))
}

/// The NPI of the actor in that role.
fn actor<'a>(provision: &'a Value, role: &str) -> Option<&'a str> {
    provision["actor"].as_array()?.iter().find_map(|actor| {
        let in_role = actor["role"]["coding"]
            .as_array()?
            .iter()
            .any(|coding| coding["code"] == role);
        in_role.then(|| actor["reference"]["identifier"]["value"].as_str())?
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::member::{Payer, REQUESTER_NPI, member_set};

    /// Sets the value at a JSON pointer.
    fn with(mut consent: Value, pointer: &str, value: Value) -> Value {
        *consent.pointer_mut(pointer).unwrap() = value;
        consent
    }

    /// A change to a good consent, and what must come of it.
    type Row = (&'static str, &'static str, Value, Option<Policy>);

    fn table() -> Vec<Row> {
        let regular = Some(Policy::Regular);
        let npi = "/provision/actor/1/reference/identifier/value";
        let source = "/provision/actor/0/reference/identifier/value";
        let (start, end) = ("/provision/period/start", "/provision/period/end");
        vec![
            (
                "sensitive",
                "/policy/0/uri",
                json!("u#sensitive"),
                Some(Policy::Sensitive),
            ),
            ("other policy", "/policy/0/uri", json!("u#other"), None),
            ("inactive", "/status", json!("inactive"), None),
            ("denied", "/provision/type", json!("deny"), None),
            ("expired", end, json!("2026-11-20"), None),
            ("last day", end, json!("2026-11-21"), regular),
            ("future", start, json!("2026-11-22"), None),
            ("first day", start, json!("2026-11-21T08:00:00Z"), regular),
            ("unreadable", end, json!("soon"), None),
            ("unreadable time", end, json!("2035-01-01Tnoon"), None),
            ("this year", end, json!("2026"), regular),
            ("last year", end, json!("2025"), None),
            ("this month", end, json!("2026-11"), regular),
            ("last month", end, json!("2026-10"), None),
            ("no such month", end, json!("2026-13"), None),
            ("since this year", start, json!("2026"), regular),
            ("since next month", start, json!("2026-12"), None),
            ("leap month", end, json!("2028-02"), regular),
            (
                "with offset",
                end,
                json!("2035-12-31T23:59:59-05:00"),
                regular,
            ),
            (
                "open end",
                "/provision/period",
                json!({"start": "2026-01-01"}),
                None,
            ),
            ("wrong recipient", npi, json!("1"), None),
            ("wrong source", source, json!("1"), None),
            ("nothing", "", json!({}), None),
        ]
    }

    #[test]
    fn only_a_valid_consent_permits() {
        let keystone = Payer::ALL[0];
        let good = member_set(keystone, "s", 7, 1)
            .members
            .remove(0)
            .request
            .consent;
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let disclosure = Disclosure {
            responder_npi: keystone.npi,
            requester_npi: REQUESTER_NPI,
            today,
            rule: ConsentRule::Whole,
        };
        assert_eq!(policy(&good, disclosure), Some(Policy::Regular));
        for (name, pointer, value, expected) in table() {
            let consent = with(good.clone(), pointer, value);
            assert_eq!(policy(&consent, disclosure), expected, "{name}");
        }
        let expired = with(good, "/provision/period/end", json!("2026-11-20"));
        let lax = Disclosure {
            rule: ConsentRule::PolicyOnly,
            ..disclosure
        };
        assert_eq!(policy(&expired, lax), Some(Policy::Regular));
    }
}
