//! `threshold` of an objective: a duration, or business days of a time zone.

use super::tree::{Each, Spanned, Table};
use crate::model::{BusinessDays, Clock, Measure, SloName, Threshold, Zone};

/// The most business days: a quarter of a year.
const DAYS_MAX: u32 = 63;
const WANTED: &str = "a duration such as \"90s\"";

/// The longest that is good: for all journeys, or for each.
pub(super) fn threshold(
    table: &Table<'_>,
    name: SloName,
    zone: Option<&Spanned<&str>>,
) -> Option<Each<Threshold>> {
    if !table.has("threshold") {
        table.missing("threshold", "\"60s\", or { bulk-exchange = \"60s\" }");
    }
    table.each("threshold", WANTED, |key, text| {
        let span = text.span.clone();
        let value = match days(text.value) {
            Some(days) => Threshold::BusinessDays(business(table, name, zone, &text, days)?),
            None => Threshold::Within(table.parsed(key, text)?.value),
        };
        Some(Spanned { value, span })
    })
}

/// Whether one of them is in business days.
pub(super) fn has_business_days(thresholds: &Each<Threshold>) -> bool {
    let is_one = |spanned: &Spanned<Threshold>| spanned.value.fixed().is_none();
    match thresholds {
        Each::All(spanned) => is_one(spanned),
        Each::ByName(named) => named.values().any(is_one),
    }
}

/// How many business days a text speaks of, as it stands there; none when it does not.
fn days(text: &str) -> Option<&str> {
    let words = text.trim();
    let number = words
        .strip_suffix("business days")
        .or_else(|| words.strip_suffix("business day"))?;
    Some(number.trim())
}

fn business(
    table: &Table<'_>,
    name: SloName,
    zone: Option<&Spanned<&str>>,
    text: &Spanned<&str>,
    days: &str,
) -> Option<BusinessDays> {
    if name.measure() != Measure::Clock(Clock::Settlement) {
        let what = format!("[slo.{name}] cannot be promised in business days");
        let help = "write a duration such as \"90s\"; business days are of [slo.settlement]";
        table.report(text.span.clone(), what, help);
        return None;
    }
    let days = days
        .parse()
        .ok()
        .filter(|days| (1..=DAYS_MAX).contains(days));
    let Some(days) = days else {
        let what = format!("\"{}\" is no number of business days", text.value);
        let help = format!("write \"1 business day\", or up to \"{DAYS_MAX} business days\"");
        table.report(text.span.clone(), what, help);
        return None;
    };
    let Some(zone) = zone else {
        if !table.has("timezone") {
            let help = "add the contract's, such as timezone = \"America/New_York\"";
            table.report(
                text.span.clone(),
                "business days without a `timezone`",
                help,
            );
        }
        return None;
    };
    // The window reports a zone that does not exist.
    let zone = Zone::named(zone.value)?;
    Some(BusinessDays { days, zone })
}
