//! Annotations that a person who is paged needs first: who is affected, how sure it is, what to do, what it
//! costs. What fails, since when, which cause and where the evidence is stand in `burn_annotations`.

use outrider_domain::model::format_duration;
use outrider_domain::slo::{Alarm, Objective};

use super::annotations::{Annotations, journeys, number};
use super::promql::select;
use super::recorded::{BAD_LONG, BAD_PERIOD, EVENTS_LONG};

/// The annotations by name.
pub(super) fn page_annotations(objective: &Objective<'_>, alarm: &Alarm) -> Annotations {
    let (partner, slo) = (objective.partner, objective.slo);
    let of_slo = [
        ("partner", "=", partner.id.as_str()),
        ("slo", "=", slo.name.name()),
    ];
    let of_tier = [&of_slo[..], &[("tier", "=", alarm.tier.name())]].concat();
    let affected = format!(
        "{} ({}, {}): every run of {}",
        partner.name,
        partner.id,
        partner.environment,
        journeys(objective).replace('|', " and ")
    );
    let confidence = format!(
        "{} of {} runs due in the last {} were judged, and {} bad ones are enough",
        number(&select(EVENTS_LONG, &of_tier)),
        alarm.expected,
        format_duration(alarm.long),
        alarm.bad_runs,
    );
    // The whole window is counted every few minutes only; what the alert itself saw is spent in any case.
    let spent = format!(
        "max({} or {})",
        select(BAD_PERIOD, &of_slo),
        select(BAD_LONG, &of_tier)
    );
    let cost = format!(
        "{} of the {} bad runs that {} may hold are spent",
        number(&spent),
        objective.budget(),
        slo.window
    );
    let walk = slo.journeys.first().map_or_else(String::new, |journey| {
        format!("outrider once {journey} --partner {}", partner.id)
    });
    let call = match &partner.escalation.contact {
        Some(contact) => format!("call {contact}"),
        None => format!("partners/{}.toml names no contact", partner.id),
    };
    let action = format!("Open the evidence, then the runbook; run it yourself ({walk}); {call}");
    Annotations::from([
        ("affected", affected),
        ("confidence", confidence),
        ("cost", cost),
        ("action", action),
    ])
}
