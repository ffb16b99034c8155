//! What will run within a stretch of time, what calendars hold back, and what it costs each partner.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::cost::{Cost, cost};
use crate::model::calendar::held;
use crate::model::{
    Cadence, CalendarSpan, Disposition, Effect, Limits, Partner, PartnerId, Plan, Probe, ProbeId,
    Zone,
};

/// Everything that is due in `[from, to)`.
#[derive(Clone, Debug)]
pub struct Agenda {
    /// Its begin.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Partners in order of id.
    pub partners: Vec<PartnerAgenda>,
}

/// What is due at one partner.
#[derive(Clone, Debug)]
pub struct PartnerAgenda {
    /// Its id.
    pub partner: PartnerId,
    /// Its name for people.
    pub name: String,
    /// What it lets us ask.
    pub limits: Limits,
    /// Its probes in order of journey.
    pub probes: Vec<ProbeAgenda>,
    /// Each hour, by its begin.
    pub hours: BTreeMap<DateTime<Utc>, HourAgenda>,
    /// Declared windows that reach into the stretch, in order.
    pub windows: Vec<Window>,
    /// Clock changes of the zones that its schedule and calendars speak of.
    pub clock_changes: Vec<ClockChange>,
}

/// One hour at one partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourAgenda {
    /// Runs due.
    pub runs: u64,
    /// Starts that calendars hold back.
    pub held: u64,
}

/// What is due of one probe.
#[derive(Clone, Debug)]
pub struct ProbeAgenda {
    /// Which.
    pub probe: ProbeId,
    /// Runs due.
    pub runs: u64,
    /// Starts that calendars hold back, by the disposition they will have.
    pub held: BTreeMap<Disposition, u64>,
    /// Of the runs, those whose alerts are muted.
    pub quiet: u64,
    /// Of the runs, those that the SLA leaves out.
    pub excluded: u64,
    /// The first run and the last one.
    pub ends: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Different members that are carried, when nothing interferes.
    pub members: u64,
    /// What all of its runs cost.
    pub cost: Cost,
}

/// A declared window, cut to the stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// What it does.
    pub effects: BTreeSet<Effect>,
    /// Why, in a person's words.
    pub reason: String,
}

/// A change of wall clocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockChange {
    /// The first instant with the new time.
    pub at: DateTime<Utc>,
    /// Whose clocks.
    pub zone: &'static str,
    /// By how many minutes; below 0 when they are set back.
    pub minutes: i64,
}

/// The agenda of a plan; of one partner where one is named.
pub fn agenda(
    plan: &Plan,
    only: Option<&PartnerId>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Agenda {
    let wanted = plan
        .partners
        .values()
        .filter(|partner| only.is_none_or(|only| partner.id == *only));
    Agenda {
        from,
        to,
        partners: wanted
            .map(|partner| of_partner(plan, partner, from, to))
            .collect(),
    }
}

fn of_partner(
    plan: &Plan,
    partner: &Partner,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> PartnerAgenda {
    let mut hours = BTreeMap::new();
    let mut hour = hour_of(from);
    while hour < to {
        hours.insert(hour, HourAgenda::default());
        hour += TimeDelta::hours(1);
    }
    let own = || {
        let probes = plan.probes.values();
        probes.filter(|probe| probe.id.partner == partner.id)
    };
    let probes = own().map(|probe| of_probe(plan, probe, (from, to), &mut hours));
    let probes = probes.collect();
    let windows = plan.calendars_of(&partner.id).flat_map(|calendar| {
        let windows = calendar.windows(from, to).into_iter();
        windows.map(|(from, to)| Window {
            from,
            to,
            effects: calendar.effects.clone(),
            reason: calendar.reason.clone(),
        })
    });
    let mut windows: Vec<Window> = windows.collect();
    windows.sort_by_key(|window| (window.from, window.to));
    let zones = own().filter_map(|probe| match &probe.cadence {
        Cadence::Every(_) => None,
        Cadence::Profile(profile) => Some(profile.zone),
        Cadence::Cron(civil) => Some(civil.zone()),
    });
    let of_calendars = plan
        .calendars_of(&partner.id)
        .filter_map(|one| match &one.span {
            CalendarSpan::Once(..) => None,
            CalendarSpan::Weekly(weekly) => Some(weekly.zone),
        });
    let changes: BTreeSet<ClockChange> = zones
        .chain(of_calendars)
        .flat_map(|zone| clock_changes(zone, from, to))
        .collect();
    PartnerAgenda {
        partner: partner.id.clone(),
        name: partner.name.clone(),
        limits: partner.limits,
        probes,
        hours,
        windows,
        clock_changes: changes.into_iter().collect(),
    }
}

fn of_probe(
    plan: &Plan,
    probe: &Probe,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    hours: &mut BTreeMap<DateTime<Utc>, HourAgenda>,
) -> ProbeAgenda {
    let calendars: Vec<_> = plan.calendars_of(&probe.id.partner).collect();
    let has = |effect, at| calendars.iter().any(|one| one.has(effect, at));
    let mut agenda = ProbeAgenda {
        probe: probe.id.clone(),
        runs: 0,
        held: BTreeMap::new(),
        quiet: 0,
        excluded: 0,
        ends: None,
        members: 0,
        cost: Cost::default(),
    };
    // A start at the very begin is in it, one at the very end is not.
    let before = TimeDelta::nanoseconds(1);
    for start in probe.starts(from - before, to - before) {
        let hour = hours.entry(hour_of(start)).or_default();
        if let Some(disposition) = held(calendars.iter().copied(), start) {
            *agenda.held.entry(disposition).or_default() += 1;
            hour.held += 1;
            continue;
        }
        hour.runs += 1;
        agenda.runs += 1;
        agenda.quiet += u64::from(has(Effect::NoAlert, start));
        agenda.excluded += u64::from(has(Effect::Exclude, start));
        let first = agenda.ends.map_or(start, |(first, _)| first);
        agenda.ends = Some((first, start));
    }
    let set = probe.members.as_ref().and_then(|set| plan.members.get(set));
    let members = set.map_or(0, |set| set.members.len());
    agenda.members = u64::try_from(members).unwrap_or(u64::MAX).min(agenda.runs);
    if let Some(journey) = plan.journeys.get(&probe.id.journey) {
        agenda.cost = cost(probe, journey) * agenda.runs;
    }
    agenda
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    let into = i64::from(at.minute() * 60 + at.second());
    DateTime::from_timestamp(at.timestamp() - into, 0).unwrap_or(at)
}

fn clock_changes(zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<ClockChange> {
    let mut changes = Vec::new();
    let mut day = from;
    while day < to {
        let next = (day + TimeDelta::days(1)).min(to);
        if let Some(at) = zone.change_in(day, next) {
            let by = zone.ahead(at) - zone.ahead(at - TimeDelta::seconds(1));
            changes.push(ClockChange {
                at,
                zone: zone.name(),
                minutes: by.num_minutes(),
            });
        }
        day = next;
    }
    changes
}
