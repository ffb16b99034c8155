//! What `slo explain` says of alarms, against plain simulations that go run by run.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::alarm::Alarm;
use super::detection::Detection;
use super::explain::{Behaviour, Schedule};
use super::false_alerts::{EPISODE_RUNS, FALSE_ALERTS_MIN};
use super::fixtures::{Fixture, fixtures};
use super::probability::{Rng, float, whole};
use super::run_rate::RunRate;
use super::timetable::Timetable;
use crate::model::Scale;

const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn behaviours(fixture: &Fixture) -> Vec<Behaviour> {
    let schedule = Schedule {
        timetable: Timetable::of(&fixture.run_rate()),
        runs: fixture.runs,
        period: fixture.window.nominal(),
        scale: Scale::REAL,
    };
    schedule.behaviours(&fixture.alarms(), left(fixture))
}

/// The share of runs that may be bad.
fn left(fixture: &Fixture) -> f64 {
    1.0 - f64::from(fixture.objective_ppm) / 1e6
}

/// One alarm while runs come: the numbers of the bad runs of its window, and since when its condition has ended.
struct Plain<'a> {
    alarm: &'a Alarm,
    bad: VecDeque<u64>,
    now: u64,
    holds: bool,
    /// Runs since its condition ended; none when it does not fire.
    ended_for: Option<u64>,
    keep_runs: u64,
    alerts: u64,
}

impl<'a> Plain<'a> {
    fn new(alarm: &'a Alarm, keep_runs: u64) -> Self {
        Self {
            alarm,
            bad: VecDeque::new(),
            now: 0,
            holds: false,
            ended_for: None,
            keep_runs,
            alerts: 0,
        }
    }

    /// All runs up to one are good. Only those are looked at that change something.
    fn good_until(&mut self, number: u64) {
        while let Some(ended) = self.ended_for {
            let leaves = self
                .bad
                .front()
                .map_or(u64::MAX, |bad| bad + self.alarm.long_runs);
            let forgotten = self
                .bad
                .back()
                .map_or(u64::MAX, |bad| bad + self.alarm.short_runs);
            let over = self.now + (self.keep_runs + 1).saturating_sub(ended);
            let next = [leaves, forgotten, over]
                .into_iter()
                .filter(|one| *one > self.now);
            let next = next.min().unwrap_or(u64::MAX);
            if next > number {
                break;
            }
            self.run(next, false);
        }
    }

    fn run(&mut self, number: u64, is_bad: bool) {
        if is_bad {
            self.bad.push_back(number);
        }
        while self
            .bad
            .front()
            .is_some_and(|bad| bad + self.alarm.long_runs <= number)
        {
            self.bad.pop_front();
        }
        let recent = self.bad.back();
        let is_recent = recent.is_some_and(|bad| bad + self.alarm.short_runs > number);
        let count = u64::try_from(self.bad.len()).unwrap();
        let holds = count >= self.alarm.bad_runs && is_recent;
        self.ended_for = match self.ended_for {
            None if holds => {
                self.alerts += 1;
                Some(0)
            }
            None => None,
            Some(_) if holds => Some(0),
            Some(ended) => {
                let ended = if self.holds {
                    1
                } else {
                    ended + number - self.now
                };
                (ended <= self.keep_runs).then_some(ended)
            }
        };
        (self.now, self.holds) = (number, holds);
    }
}

/// Alerts in 30 days over so many months, of each alarm.
fn plain_false_alerts(fixture: &Fixture, months: u64, is_bursty: bool) -> Vec<f64> {
    let alarms = fixture.alarms();
    let timetable = Timetable::of(&fixture.run_rate());
    let mut gaps = timetable.after_starts(1);
    gaps.sort();
    let gap = gaps[gaps.len() / 2].as_secs_f64();
    let mut all: Vec<_> = alarms
        .iter()
        .map(|alarm| Plain::new(alarm, whole(alarm.keep.as_secs_f64() / gap)))
        .collect();
    let share = left(fixture);
    let begins = if is_bursty {
        share / (1.0 - share) / EPISODE_RUNS
    } else {
        share
    };
    let goes_on = if is_bursty {
        1.0 - 1.0 / EPISODE_RUNS
    } else {
        share
    };
    let nominal = fixture.window.nominal();
    let month = float(fixture.runs) * MONTH.as_secs_f64() / nominal.as_secs_f64();
    let (mut rng, mut is_bad) = (Rng(1_234), false);
    let mut run = 0;
    while float(run) < month * float(months) {
        let good = if is_bad && rng.next() < goes_on {
            0
        } else if is_bad {
            // One that is good, and those after it.
            1 + whole(rng.next().ln() / (1.0 - begins).ln())
        } else {
            whole(rng.next().ln() / (1.0 - begins).ln())
        };
        is_bad = true;
        run += good + 1;
        for one in &mut all {
            one.good_until(run - 1);
            one.run(run, true);
        }
    }
    all.iter()
        .map(|one| float(one.alerts) / float(months))
        .collect()
}

#[test]
fn false_alerts_are_those_of_a_plain_simulation_in_both_worlds() {
    for fixture in fixtures() {
        // Enough months that chance is smaller than what is allowed, where that is soon done.
        let months = (40_000_000 / fixture.runs).clamp(2_000, 20_000);
        let told = behaviours(&fixture);
        for is_bursty in [false, true] {
            let plain = plain_false_alerts(&fixture, months, is_bursty);
            for ((told, plain), alarm) in told.iter().zip(plain).zip(fixture.alarms()) {
                let told = match is_bursty {
                    true => told.false_alerts.bursty,
                    false => told.false_alerts.independent,
                };
                let what = format!(
                    "{}, {}, bursty {is_bursty}: told {told:?}, simulated {plain:.3} in {months} months",
                    fixture.name,
                    alarm.tier.name()
                );
                println!("{what}");
                match told {
                    None => assert!(plain < FALSE_ALERTS_MIN * 1.25, "{what}"),
                    Some(told) => {
                        assert!(told >= FALSE_ALERTS_MIN, "{what}");
                        assert!((told / 1.25..told * 1.25).contains(&plain), "{what}");
                    }
                }
            }
        }
    }
}

/// From an outage's begin until it fires; none when it does not within the window.
fn plain_detection(
    starts: &[DateTime<Utc>],
    alarm: &Alarm,
    share: f64,
    runs: u64,
    rng: &mut Rng,
) -> Option<f64> {
    let into_week = whole(rng.next() * 7.0 * 86_400.0);
    let begin = RunRate::reference() + TimeDelta::seconds(i64::try_from(into_week).unwrap());
    let first = starts.partition_point(|start| *start <= begin);
    let mut plain = Plain::new(alarm, 0);
    let within = usize::try_from(runs).unwrap();
    for (number, start) in (1..).zip(&starts[first..starts.len().min(first + within)]) {
        plain.run(number, rng.next() < share);
        if plain.alerts > 0 {
            return Some((*start - begin).to_std().unwrap().as_secs_f64());
        }
    }
    None
}

/// Simulates outages of one share and compares.
fn compare(fixture: &Fixture, alarm: &Alarm, percent: u32, told: Detection) {
    let cadence = &fixture.cadence;
    let first = cadence.next_after(0, RunRate::reference());
    let starts = std::iter::successors(first, |start| cadence.next_after(0, *start));
    let nominal = TimeDelta::from_std(fixture.window.nominal()).unwrap();
    let end = RunRate::reference() + TimeDelta::days(8) + nominal;
    let starts: Vec<_> = starts.take_while(|start| *start <= end).collect();
    let many: u32 = if told == Detection::Never { 20 } else { 601 };
    let mut rng = Rng(99);
    let share = f64::from(percent) / 100.0;
    let mut outage = |_| plain_detection(&starts, alarm, share, fixture.runs, &mut rng);
    let mut fired: Vec<f64> = (0..many).filter_map(&mut outage).collect();
    fired.sort_by(f64::total_cmp);
    let count = u32::try_from(fired.len()).unwrap();
    let middle = fired.get(usize::try_from(many / 2).unwrap()).copied();
    let what = format!(
        "{}, {}, {percent} %: told {told:?}, {count} of {many} fired, typical {middle:?} s",
        fixture.name,
        alarm.tier.name(),
    );
    match told {
        Detection::Never => assert!(fired.is_empty(), "{what}"),
        Detection::Seldom(told) => {
            let seen = f64::from(count) / f64::from(many);
            assert!((seen - told).abs() < 0.15, "{what}");
        }
        Detection::After { typical, worst } => {
            let typical = typical.as_secs_f64();
            // Half an hour to and fro at the edges of nights, where an hour more is a night more.
            let near = (typical * 0.15 + 1_800.0).min(typical * 0.5 + 60.0);
            assert!(
                middle.is_some_and(|middle| (typical - middle).abs() < near),
                "{what}"
            );
            let worst = worst.map_or(f64::INFINITY, |worst| worst.as_secs_f64() + 1.0);
            let beyond = fired.iter().filter(|one| **one > worst).count();
            // The worst holds for 19 of 20, give or take chance.
            assert!(
                beyond <= fired.len() / 13,
                "{what}: {beyond} later than {worst} s"
            );
        }
    }
}

#[test]
fn outages_are_detected_when_a_plain_simulation_detects_them() {
    for fixture in fixtures() {
        for (told, alarm) in behaviours(&fixture).iter().zip(fixture.alarms()) {
            let shares = [(100, told.total)].into_iter().chain(told.partial);
            for (percent, told) in shares {
                compare(&fixture, &alarm, percent, told);
            }
        }
    }
}
