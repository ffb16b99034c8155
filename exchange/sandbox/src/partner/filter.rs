//! Date conditions: of `_typeFilter`, and of a search.
//!
//! A condition compares the day or period of a record with a date as FHIR search does: both are intervals,
//! as long as they are written exactly.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::limits::{ECHO_CHARS_MAX, FILTERS_MAX};
use super::outcome::Refusal;
use super::types;

/// Search parameter and element of each type that can be bounded by date.
const DATES: [(&str, &str, &str); 10] = [
    ("ExplanationOfBenefit", "service-date", "billablePeriod"),
    ("Encounter", "date", "period"),
    ("Procedure", "date", "performed"),
    ("Observation", "date", "effective"),
    ("Immunization", "date", "occurrence"),
    ("Condition", "onset-date", "onset"),
    ("MedicationRequest", "authoredon", "authoredOn"),
    ("MedicationDispense", "whenhandedover", "whenHandedOver"),
    ("DiagnosticReport", "date", "effective"),
    ("DocumentReference", "date", "date"),
];

/// The names of the date parameters of a type.
pub(crate) fn dates_of(kind: &str) -> impl Iterator<Item = &'static str> {
    DATES
        .into_iter()
        .filter(move |(of, _, _)| *of == kind)
        .map(|(_, name, _)| name)
}

/// How a record's time must stand to the given one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// A stretch of time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// One condition on an element of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    element: &'static str,
    comparison: Comparison,
    bound: Span,
}

/// Conditions that a record of one type must meet, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    kind: &'static str,
    conditions: Vec<Condition>,
}

/// Whether a record passes: one filter of its type is enough, a type without filters passes.
pub(crate) fn passes(filters: &[Filter], kind: &str, resource: &Value) -> bool {
    let mut own = filters
        .iter()
        .filter(|filter| filter.kind == kind)
        .peekable();
    own.peek().is_none()
        || own.any(|filter| filter.conditions.iter().all(|one| one.holds(resource)))
}

/// The filters of one `_typeFilter`, separated by commas. One that is not supported is refused, never
/// passed over: a client would get more than it asked for.
pub(crate) fn type_filters(text: &str) -> Result<Vec<Filter>, Refusal> {
    let parts: Vec<&str> = text.split(',').collect();
    if parts.len() > FILTERS_MAX {
        return Err(Refusal::too_large(format!(
            "_typeFilter has more than {FILTERS_MAX} filters"
        )));
    }
    parts.into_iter().map(type_filter).collect()
}

fn type_filter(text: &str) -> Result<Filter, Refusal> {
    let unsupported = || {
        let text = format!(
            "_typeFilter {} is not supported; a type and its date is, e.g. Encounter?date=ge2026-01-01",
            echo(text)
        );
        Refusal::bad_request("not-supported", text)
    };
    let decoded = percent_decode_str(text.trim())
        .decode_utf8()
        .map_err(|_| unsupported())?;
    let (kind, query) = decoded.split_once('?').ok_or_else(unsupported)?;
    let kind = types::known(kind).ok_or_else(unsupported)?;
    let parts: Vec<&str> = query.split('&').collect();
    if parts.len() > FILTERS_MAX {
        return Err(unsupported());
    }
    let conditions = parts
        .into_iter()
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            condition(kind, name, value)
        })
        .collect::<Option<Vec<Condition>>>();
    let conditions = conditions.ok_or_else(unsupported)?;
    Ok(Filter { kind, conditions })
}

/// The condition `name=value` on a type; nothing when it is not supported.
pub(crate) fn condition(kind: &str, name: &str, value: &str) -> Option<Condition> {
    if name == "_lastUpdated" {
        return changed(value);
    }
    let (_, _, element) = DATES
        .into_iter()
        .find(|(of, parameter, _)| *of == kind && *parameter == name)?;
    on(element, value)
}

/// A condition on when a record was last changed.
pub(crate) fn changed(value: &str) -> Option<Condition> {
    on("lastUpdated", value)
}

fn on(element: &'static str, value: &str) -> Option<Condition> {
    let (comparison, date) = match value.get(..2) {
        Some("eq") => (Comparison::Equal, &value[2..]),
        Some("ge") => (Comparison::AtLeast, &value[2..]),
        Some("gt") => (Comparison::Above, &value[2..]),
        Some("le") => (Comparison::AtMost, &value[2..]),
        Some("lt") => (Comparison::Below, &value[2..]),
        _ => (Comparison::Equal, value),
    };
    Some(Condition {
        element,
        comparison,
        bound: span(date)?,
    })
}

impl Condition {
    pub(crate) fn holds(&self, resource: &Value) -> bool {
        self.time(resource)
            .is_some_and(|time| match self.comparison {
                Comparison::Equal => self.bound.from <= time.from && time.to <= self.bound.to,
                Comparison::AtLeast => time.to > self.bound.from,
                Comparison::Above => time.to > self.bound.to,
                Comparison::AtMost => time.from < self.bound.to,
                Comparison::Below => time.from < self.bound.from,
            })
    }

    /// The element's time, as it is or as one of its choice types.
    fn time(&self, resource: &Value) -> Option<Span> {
        if self.element == "lastUpdated" {
            return span(resource["meta"]["lastUpdated"].as_str()?);
        }
        let plain = &resource[self.element];
        let dated = &resource[format!("{}DateTime", self.element)];
        let period = &resource[format!("{}Period", self.element)];
        if let Some(text) = plain.as_str().or(dated.as_str()) {
            return span(text);
        }
        let period = if period.is_object() { period } else { plain };
        let (start, end) = (period["start"].as_str(), period["end"].as_str());
        if start.is_none() && end.is_none() {
            return None;
        }
        Some(Span {
            from: match start {
                Some(text) => span(text)?.from,
                None => DateTime::<Utc>::MIN_UTC,
            },
            to: match end {
                Some(text) => span(text)?.to,
                None => DateTime::<Utc>::MAX_UTC,
            },
        })
    }
}

/// The stretch of a FHIR date or dateTime: a year, a month, a day, or a second.
fn span(text: &str) -> Option<Span> {
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    if text.len() > 10 {
        let from: DateTime<Utc> = text.parse().ok()?;
        let to = from.checked_add_signed(chrono::TimeDelta::seconds(1))?;
        return Some(Span { from, to });
    }
    let (first, last) = match text.len() {
        4 => {
            let first: NaiveDate = format!("{text}-01-01").parse().ok()?;
            (first, first.checked_add_months(Months::new(12))?)
        }
        7 => {
            let first: NaiveDate = format!("{text}-01").parse().ok()?;
            (first, first.checked_add_months(Months::new(1))?)
        }
        10 => {
            let first: NaiveDate = text.parse().ok()?;
            (first, first.checked_add_days(Days::new(1))?)
        }
        _ => return None,
    };
    if !(1..=9_999).contains(&first.year()) {
        return None;
    }
    let at = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
    Some(Span {
        from: at(first),
        to: at(last),
    })
}

/// A text of the client's, short and quoted, as an answer may repeat it.
pub(crate) fn echo(text: &str) -> String {
    let short: String = text.chars().take(ECHO_CHARS_MAX).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_compare_as_fhir_search_does() {
        let visit = json!({"period": {"start": "2026-03-01", "end": "2026-03-05"}});
        for (value, expected) in [
            ("ge2026-03-05", true),
            ("ge2026-03-06", false),
            ("gt2026-03-04", true),
            ("gt2026-03-05", false),
            ("le2026-03-01", true),
            ("le2026-02", false),
            ("lt2026-03-01", false),
            ("lt2026-03-02", true),
            ("2026-03", true),
            ("eq2026", true),
            ("2026-03-01", false),
            ("ge2026-03-05T23:59:59Z", true),
        ] {
            let condition = condition("Encounter", "date", value).unwrap();
            assert_eq!(condition.holds(&visit), expected, "{value}");
        }
        let open = json!({"period": {"start": "2026-03-01"}});
        assert!(
            condition("Encounter", "date", "ge2030")
                .unwrap()
                .holds(&open)
        );
        assert!(
            !condition("Encounter", "date", "ge2000")
                .unwrap()
                .holds(&json!({}))
        );
        let shot = json!({"occurrenceDateTime": "2025-10-02"});
        assert!(
            condition("Immunization", "date", "2025-10-02")
                .unwrap()
                .holds(&shot)
        );
        let changed = changed("ge2026-10-01").unwrap();
        assert!(changed.holds(&json!({"meta": {"lastUpdated": "2026-10-01T00:00:00Z"}})));
    }

    #[test]
    fn one_filter_of_a_type_is_enough_and_other_types_pass() {
        let text = "Encounter?date=ge2026-01-01&date=lt2026-02-01,Encounter%3Fdate=2020";
        let filters = type_filters(text).unwrap();
        let on = |day: &str| json!({"period": {"start": day, "end": day}});
        for (day, expected) in [
            ("2026-01-20", true),
            ("2026-02-20", false),
            ("2020-07-01", true),
        ] {
            assert_eq!(passes(&filters, "Encounter", &on(day)), expected, "{day}");
        }
        assert!(passes(&filters, "Condition", &json!({})));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for text in [
            "",
            "Encounter",
            "Encounter?",
            "Encounter?status=finished",
            "Spaceship?date=2026",
            "Encounter?date=soon",
            "Encounter?date=ge",
            "Patient?birthdate=2000",
            "Encounter?date=ge2026-13-01",
            "Encounter?date=2026-01-01,",
            "%FF?date=2026",
            "Encounter?date=éé2026",
        ] {
            assert_eq!(type_filters(text).unwrap_err().status, 400, "{text}");
        }
        let many = vec!["Encounter?date=2026"; FILTERS_MAX + 1].join(",");
        assert_eq!(type_filters(&many).unwrap_err().status, 413);
    }
}
