//! `[slo.<layer>]` of a partner's file: objectives.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::tree::{Placed, Table};
use crate::model::{JourneyId, Layer, Slo, span};
use crate::slo::{self, Unwatchable};

/// The window of an objective, unless the file says otherwise.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// One objective as far as the file alone can say.
pub(super) struct SloEntry {
    pub(super) place: Range<usize>,
    pub(super) layer: Layer,
    pub(super) journeys: Vec<Placed<JourneyId>>,
    pub(super) objective_ppm: u32,
    pub(super) window: Duration,
    pub(super) floor: u32,
}

/// What is promised where the file does not say, per million.
fn default_ppm(layer: Layer) -> u32 {
    match layer {
        Layer::Transport => 999_500,
        Layer::Application => 985_000,
        Layer::Business => 970_000,
    }
}

pub(super) fn read(root: &Table<'_>) -> BTreeMap<Layer, SloEntry> {
    let mut entries = BTreeMap::new();
    for (name, table) in root.named_tables("slo") {
        match Layer::named(&name) {
            Some(layer) => entries.extend(entry(&table, layer).map(|entry| (layer, entry))),
            None => {
                let what = format!("`{name}` is no layer to promise anything about");
                let cure = "write [slo.transport], [slo.application] or [slo.business]";
                table.complain(table.place(), what, cure);
            }
        }
    }
    entries
}

fn entry(table: &Table<'_>, layer: Layer) -> Option<SloEntry> {
    let journeys = table.texts("journeys");
    let has_none = !table.has("journeys") || table.is_empty_list("journeys");
    if has_none {
        table.missing("journeys", "[\"bulk-exchange\"]");
    }
    let objective = objective(table, layer);
    let window = table
        .duration("window")
        .map_or(WINDOW, |placed| placed.value);
    let floor = floor(table);
    table.close();
    let journeys = journeys.into_iter().map(|placed| Placed {
        value: JourneyId::new(placed.value),
        span: placed.span,
    });
    Some(SloEntry {
        place: table.place(),
        layer,
        journeys: journeys.collect(),
        objective_ppm: objective?,
        window,
        floor: floor?,
    })
}

/// Bad runs below which no alert fires; none when what is written cannot be one.
fn floor(table: &Table<'_>) -> Option<u32> {
    if !table.has("floor") {
        return Some(slo::FLOOR);
    }
    let bounds = u64::from(slo::FLOOR_MIN)..u64::from(slo::FLOOR_MAX) + 1;
    let number = table.number("floor", bounds)?;
    u32::try_from(number).ok()
}

/// What is wrong with an objective that nothing could watch, and the cure.
pub(super) fn unwatchable(slo: &Slo, why: &Unwatchable) -> (String, String) {
    let (layer, window) = (slo.layer, span(slo.window));
    match why {
        Unwatchable::BudgetBelowFloor {
            every,
            objective_ppm,
            ..
        } => {
            let what = format!(
                "[slo.{layer}] can never alert in time: of {why} at {} bad runs",
                slo.floor
            );
            let promise = objective_ppm.map_or_else(String::new, |ppm| {
                format!("promise {} or less, ", f64::from(ppm) / 10_000.0)
            });
            let every = span(*every);
            let cure = format!(
                "run every {every} or more often, {promise}or count over more than {window}"
            );
            (what, cure)
        }
        Unwatchable::WindowShorterThanTier { tier, long } => {
            let long = span(*long);
            let what = format!(
                "a window of {window} is shorter than the {long} that the alert tier {tier} looks at"
            );
            (
                what,
                format!("set window = \"{long}\" or longer; \"30d\" is usual"),
            )
        }
    }
}

fn objective(table: &Table<'_>, layer: Layer) -> Option<u32> {
    if !table.has("objective") {
        return Some(default_ppm(layer));
    }
    let placed = table.percent_ppm("objective")?;
    match placed.value {
        Some(ppm) if (1..1_000_000).contains(&ppm) => return Some(ppm),
        Some(1_000_000) => {
            let cure = "promise less, such as 99.95: a budget of nothing pages for ever";
            table.complain(placed.span, "an objective of 100 leaves no budget", cure);
        }
        Some(_) | None => {
            let cure = "write a percentage above 0 and below 100";
            table.complain(placed.span, "`objective` is no percentage", cure);
        }
    }
    None
}
