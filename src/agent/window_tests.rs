//! What windows hold is the same however it came there: told as it happened, or read from the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::config;
use outrider_domain::model::calendar::{Calendar, CalendarSpan, Effect};
use outrider_domain::model::{
    Blame, BlameCause, Cadence, Cause, Count, Disposition, Outcome, Owner, PartnerId, Plan,
    ProbeId, RunId, RunRecord, SloName, Tick, names,
};
use outrider_domain::sli::SloEvent;

use super::window_loader::read;
use super::windows::{DurableRun, Windows};
use crate::expose::Numbers;
use crate::ledger::{Ledger, LedgerEntry, Marks};

const PARTNER: &str = "keystone";

/// A plan with one partner, whose alerts are muted for an hour from the second on.
fn plan(begin: DateTime<Utc>) -> Plan {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut plan = config::load(&root.join("outrider.toml"), None).unwrap();
    plan.partners.retain(|id, _| id.as_str() == PARTNER);
    plan.probes.retain(|id, _| id.partner.as_str() == PARTNER);
    let partner = plan.partners.values_mut().next().unwrap();
    partner.calendars = vec![Calendar {
        reason: "a release".to_owned(),
        effects: [Effect::NoAlert].into(),
        span: CalendarSpan::Once(begin + TimeDelta::hours(1), begin + TimeDelta::hours(2)),
    }];
    plan
}

/// What happens to windows that are told, and to the ledger that others are read from.
struct World {
    plan: Plan,
    ledger: Ledger,
    /// Read at the begin, while nothing was there.
    early: Windows,
    /// Read in the middle.
    late: Windows,
    seed: u64,
}

impl World {
    fn new(begin: DateTime<Utc>) -> Self {
        let plan = plan(begin);
        let mut ledger = Ledger::in_memory().unwrap();
        let watermarks: Vec<_> = plan
            .probes
            .keys()
            .map(|id| LedgerEntry::Watermark(id, begin))
            .collect();
        ledger.commit(&watermarks).unwrap();
        let world = Self {
            early: Windows::default(),
            late: Windows::default(),
            plan,
            ledger,
            seed: 7,
        };
        let mut numbers = Numbers::default();
        world.early.set_plan(&world.plan, &mut numbers);
        world.late.set_plan(&world.plan, &mut numbers);
        world.read_into(&world.early, begin);
        world
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.seed >> 33) % below
    }

    fn read_into(&self, windows: &Windows, now: DateTime<Utc>) {
        for (key, shape) in windows.unread() {
            let window = read(&self.plan, &self.ledger, &key, &shape, now).unwrap();
            let place = self.ledger.last_place().unwrap();
            windows.set_read(&key, &shape, window, place);
        }
    }

    /// Objectives that count a probe.
    fn counting(&self, probe: &ProbeId) -> Vec<SloName> {
        let slos = self.plan.partners[&probe.partner].slos.values();
        let counting = slos.filter(|slo| slo.journeys.contains(&probe.journey));
        counting.map(|slo| slo.name).collect()
    }

    fn excused(&self, probe: &ProbeId, due_at: DateTime<Utc>) -> u8 {
        let excuse = self.plan.excuse(&probe.partner, due_at);
        u8::from(excuse.no_alert) * Marks::NO_ALERT
    }

    fn close(&mut self, probe: &ProbeId, due_at: DateTime<Utc>, disposition: Disposition) {
        let tick = Tick {
            probe: probe.clone(),
            due_at,
        };
        let marks = Marks {
            excused: self.excused(probe, due_at),
            ..Marks::default()
        };
        let entries = [
            LedgerEntry::Closed(&tick, disposition, None, marks),
            LedgerEntry::Watermark(probe, due_at),
        ];
        self.ledger.commit(&entries).unwrap();
        if disposition == Disposition::Overlap && marks.excused == 0 {
            self.early.overlapped(probe, due_at);
            self.late.overlapped(probe, due_at);
        }
    }

    fn finish(&mut self, probe: &ProbeId, due_at: DateTime<Utc>, outcome: Outcome, overlaps: u32) {
        let tick = Tick {
            probe: probe.clone(),
            due_at,
        };
        let id = RunId::new(format!("{probe}-{}", due_at.timestamp_millis()));
        let mut run = RunRecord::bare(id, tick.clone(), due_at, Duration::from_secs(1));
        (run.outcome, run.overlaps) = (outcome, overlaps);
        let is_bad = outcome == Outcome::Failed;
        if is_bad {
            run.verdict.counts = [Count::Good, Count::Good, Count::Bad];
            run.verdict.blame = Some(Blame {
                cause: BlameCause::Layer(Cause::Completeness),
                owner: Owner::Partner,
                step: None,
                summary: String::new(),
            });
        }
        let counting = self.counting(probe);
        let events = counting.iter().filter(|_| outcome.is_judged());
        let weight = |slo: SloName| {
            1 + u64::from(if slo == SloName::Business {
                overlaps
            } else {
                0
            })
        };
        let excuse = self.plan.excuse(&probe.partner, due_at);
        let events: Vec<_> = events
            .map(|slo| SloEvent {
                partner: probe.partner.clone(),
                slo: *slo,
                due_at,
                quarter: outrider_domain::model::quarter_of(self.plan.scale, due_at),
                events: weight(*slo),
                bad: if is_bad { weight(*slo) } else { 0 },
                inconclusive: 0,
                excuse,
            })
            .collect();
        let marks = Marks::of(&events, self.excused(probe, due_at));
        let entries = [
            LedgerEntry::Closed(&tick, Disposition::Ran, Some(&run), marks),
            LedgerEntry::Watermark(probe, due_at),
            LedgerEntry::SloEvents(&events),
        ];
        let place = self.ledger.commit(&entries).unwrap()[0];
        let durable = DurableRun {
            place,
            run: &run,
            marks,
        };
        self.early.commit(&durable);
        self.late.commit(&durable);
    }

    /// Every start of a probe up to a time, each with one of the ends that a start can have.
    fn live(&mut self, probe: &ProbeId, after: DateTime<Utc>, until: DateTime<Utc>) {
        let starts: Vec<_> = self.plan.probes[probe].starts(after, until).collect();
        let mut starts = starts.into_iter();
        while let Some(due_at) = starts.next() {
            match self.random(20) {
                0 => self.close(probe, due_at, Disposition::Lost),
                1 => self.finish(probe, due_at, Outcome::Inconclusive, 0),
                2 => self.finish(probe, due_at, Outcome::AgentFault, 0),
                3 => {
                    let found: Vec<_> = starts.by_ref().take(2).collect();
                    for overlapped in &found {
                        self.close(probe, *overlapped, Disposition::Overlap);
                    }
                    let overlaps = u32::try_from(found.len()).unwrap();
                    self.finish(probe, due_at, Outcome::Failed, overlaps);
                }
                4..8 => self.finish(probe, due_at, Outcome::Failed, 0),
                _ => self.finish(probe, due_at, Outcome::Passed, 0),
            }
        }
    }

    fn values(&self, windows: &Windows, now: DateTime<Utc>) -> BTreeMap<String, Option<f64>> {
        let mut numbers = Numbers::default();
        windows.publish(&self.plan, now, &mut numbers);
        let mut values = BTreeMap::new();
        for slo in self.plan.partners[&PartnerId::new(PARTNER)].slos.keys() {
            for tier in ["page-fast", "page-slow", "ticket-fast", "ticket-slow"] {
                for (span, of) in [
                    ("long", "due"),
                    ("long", "judged"),
                    ("long", "bad"),
                    ("long", "former"),
                    ("short", "due"),
                    ("short", "judged"),
                    ("short", "bad"),
                ] {
                    let labels = [PARTNER, slo.name(), tier, span, of];
                    values.insert(labels.join(" "), numbers.gauge(&names::SLO_WINDOW, &labels));
                }
            }
            let unseen = numbers.gauge(&names::SLO_UNSEEN, &[PARTNER, slo.name()]);
            values.insert(format!("{slo} unseen"), unseen);
        }
        values
    }
}

#[test]
fn windows_are_the_same_told_as_it_happened_and_read_at_any_time() {
    let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let mut world = World::new(begin);
    let probes: Vec<ProbeId> = world.plan.probes.keys().cloned().collect();
    let live = |world: &mut World, hours: std::ops::Range<i64>| {
        for hour in hours {
            let (from, to) = (TimeDelta::hours(hour), TimeDelta::hours(hour + 1));
            for probe in &probes {
                world.live(probe, begin + from, begin + to);
            }
        }
    };
    live(&mut world, 0..9);
    // What is committed between reading and taking it over is neither lost nor counted twice.
    let middle = begin + TimeDelta::hours(9);
    let mut read_late = Vec::new();
    for (key, shape) in world.late.unread() {
        let window = read(&world.plan, &world.ledger, &key, &shape, middle).unwrap();
        read_late.push((key, shape, window));
    }
    let place = world.ledger.last_place().unwrap();
    assert!(
        world
            .values(&world.late, middle)
            .values()
            .all(Option::is_none),
        "nothing is exported before the ledger is read"
    );
    live(&mut world, 9..12);
    for (key, shape, window) in read_late {
        world.late.set_read(&key, &shape, window, place);
    }
    let end = begin + TimeDelta::hours(12);
    let again = Windows::default();
    again.set_plan(&world.plan, &mut Numbers::default());
    world.read_into(&again, end);
    let early = world.values(&world.early, end);
    assert_eq!(world.values(&world.late, end), early);
    assert_eq!(world.values(&again, end), early);
    let of = |series: &str| early[series].unwrap();
    let bad = of("keystone business page-slow long bad");
    assert!(bad > 20.0, "{bad}");
    assert!(of("business unseen") > 0.5, "{early:?}");
}

#[test]
fn an_excused_run_is_in_no_window_and_a_paused_agent_lets_due_runs_grow() {
    let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let mut world = World::new(begin);
    let journeys = &world.plan.partners[&PartnerId::new(PARTNER)].slos[&SloName::Business].journeys;
    let probe = ProbeId {
        partner: PartnerId::new(PARTNER),
        journey: journeys.first().unwrap().clone(),
    };
    let all = |world: &World, from: i64, to: i64| -> Vec<_> {
        let (from, to) = (TimeDelta::hours(from), TimeDelta::hours(to));
        let starts = world.plan.probes[&probe].starts(begin + from, begin + to);
        starts.collect()
    };
    for due_at in all(&world, 0, 1) {
        world.finish(&probe, due_at, Outcome::Passed, 0);
    }
    for due_at in all(&world, 1, 2) {
        world.finish(&probe, due_at, Outcome::Failed, 0);
    }
    let at = |world: &World, hour: i64, of: &str| {
        let values = world.values(&world.early, begin + TimeDelta::hours(hour));
        values[&format!("keystone business ticket-slow long {of}")].unwrap()
    };
    let excused = at(&world, 2, "bad");
    assert!(
        excused.abs() < 0.5,
        "{excused} runs of the muted hour count"
    );
    let judged = at(&world, 2, "judged");
    let due = at(&world, 8, "due");
    assert!(due > judged + 30.0, "{due} due, {judged} judged");
    assert!((at(&world, 8, "judged") - judged).abs() < 0.5);
}

#[test]
fn what_a_declared_window_ended_does_not_come_back_also_after_a_restart() {
    let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let mut world = World::new(begin);
    let probes: Vec<ProbeId> = world.plan.probes.keys().cloned().collect();
    let bad = |windows: &Windows, world: &World, minutes: i64| {
        let values = world.values(windows, begin + TimeDelta::minutes(minutes));
        ["long", "short"].map(|span| values[&format!("keystone business page-fast {span} bad")])
    };
    // The hour before the declared one is bad, and so is the one in it.
    let starts = |world: &World, from: i64, to: i64| {
        let (from, to) = (TimeDelta::hours(from), TimeDelta::hours(to));
        let of_probe = |probe: &ProbeId| {
            let starts = world.plan.probes[probe].starts(begin + from, begin + to);
            starts
                .map(|due_at| (probe.clone(), due_at))
                .collect::<Vec<_>>()
        };
        probes.iter().flat_map(of_probe).collect::<Vec<_>>()
    };
    for (probe, due_at) in starts(&world, 0, 1) {
        world.finish(&probe, due_at, Outcome::Failed, 0);
    }
    let [long, short] = bad(&world.early, &world, 59);
    assert!(long > Some(25.5) && short > Some(0.5), "{long:?} {short:?}");
    assert_eq!(bad(&world.early, &world, 60), [Some(0.0); 2], "it begins");
    for (probe, due_at) in starts(&world, 1, 2) {
        world.finish(&probe, due_at, Outcome::Failed, 0);
    }
    for minutes in [90, 120, 121] {
        let again = Windows::default();
        again.set_plan(&world.plan, &mut Numbers::default());
        world.read_into(&again, begin + TimeDelta::minutes(minutes));
        for windows in [&world.early, &again] {
            assert_eq!(bad(windows, &world, minutes), [Some(0.0); 2], "{minutes}");
        }
    }
}

#[test]
fn a_follow_up_run_that_passes_while_nothing_is_due_ends_what_stands() {
    let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let mut world = World::new(begin);
    let probe = world.plan.probes.keys().find(|id| {
        let journeys = &world.plan.partners[&id.partner].slos[&SloName::Business].journeys;
        journeys.contains(&id.journey)
    });
    let probe = probe.unwrap().clone();
    let windows = Windows::default();
    windows.set_plan(&world.plan, &mut Numbers::default());
    world.read_into(&windows, begin);
    // The last run of the day is bad, and the next is due in twelve hours.
    world.plan.probes.retain(|id, _| *id == probe);
    let of_probe = world.plan.probes.get_mut(&probe).unwrap();
    of_probe.cadence = Cadence::Every(Duration::from_secs(12 * 3_600));
    for partner in world.plan.partners.values_mut() {
        partner.calendars.clear();
    }
    let first = world.plan.probes[&probe].next_after(begin).unwrap();
    let next = world.plan.probes[&probe].next_after(first).unwrap();
    let recovered = |now: DateTime<Utc>| {
        let mut numbers = Numbers::default();
        windows.publish(&world.plan, now, &mut numbers);
        numbers.gauge(&names::SLO_RECOVERED, &[PARTNER, SloName::Business.name()])
    };
    let finish = |due_at: DateTime<Utc>, outcome: Outcome| {
        let tick = Tick {
            probe: probe.clone(),
            due_at,
        };
        let mut run = RunRecord::bare(RunId::new("r"), tick, due_at, Duration::from_secs(1));
        run.outcome = outcome;
        let bit = Marks::bit(SloName::Business);
        let marks = Marks {
            excused: 0,
            judged: bit,
            bad: if outcome == Outcome::Failed { bit } else { 0 },
        };
        windows.commit(&DurableRun {
            place: 1,
            run: &run,
            marks,
        });
    };
    let soon = first + TimeDelta::minutes(10);
    windows.follow_up_passed(&world.plan, &probe, soon);
    assert_eq!(recovered(soon), None, "nothing had failed");
    finish(first, Outcome::Failed);
    assert_eq!(recovered(soon), None, "no follow-up run has passed since");
    windows.follow_up_passed(&world.plan, &probe, soon);
    assert_eq!(recovered(soon), Some(1.0));
    finish(next, Outcome::Passed);
    let later = next + TimeDelta::minutes(10);
    assert_eq!(
        recovered(later),
        Some(1.0),
        "a good run begins nothing again"
    );
    finish(next + TimeDelta::hours(12), Outcome::Failed);
    assert_eq!(recovered(later), None, "the next bad run ends it");
}
