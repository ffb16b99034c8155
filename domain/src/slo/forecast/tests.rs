//! Worked examples and calibration.

use super::*;
use crate::model::{SloName, Window, Zone};
use crate::slo::chance::Chance;

const DAY_RUNS: u64 = 1_440;

fn slo(objective_ppm: u32) -> Slo {
    Slo {
        name: SloName::Transport,
        journeys: Vec::new(),
        objective_ppm,
        window: Window::Month(Zone::UTC),
        floor: 3,
        tiers: Default::default(),
        thresholds: Default::default(),
    }
}

fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// So many bad runs, each on its own.
fn alone(count: u64) -> Vec<(DateTime<Utc>, u64)> {
    let hours = i64::try_from(count).unwrap();
    (0..hours)
        .map(|hour| (begin() + TimeDelta::hours(hour), 1))
        .collect()
}

fn on_day(day: u64, bad: &BadRuns) -> Forecast {
    let evidence = Evidence {
        bad,
        events: day * DAY_RUNS,
        gap: EPISODE_GAP,
    };
    evidence.at_the_end(&slo(999_500), 21, (30 - day) * DAY_RUNS)
}

#[test]
fn a_month_at_a_run_a_minute_and_99_95_percent() {
    // Day, bad runs so far, probability that more than 21 of the month's are bad.
    let cases = [
        (3, 5, 0.94),
        (7, 5, 0.44),
        (7, 8, 0.90),
        (15, 10, 0.33),
        (15, 14, 0.90),
        (25, 21, 0.98),
    ];
    for (day, bad, wanted) in cases {
        let breach = on_day(day, &alone(bad)).breach;
        assert!(
            (breach - wanted).abs() < 0.006,
            "day {day} with {bad}: {breach}"
        );
    }
}

#[test]
fn what_is_overspent_stays_so_and_what_is_over_does_not_come() {
    assert!((on_day(20, &alone(22)).breach - 1.0).abs() < f64::EPSILON);
    assert!(on_day(30, &alone(21)).breach < f64::EPSILON);
    let on_time = on_day(30, &alone(3));
    assert_eq!((on_time.bad_at_end, on_time.runs_left), ((3, 3), 0));
}

#[test]
fn one_long_episode_says_less_than_as_many_bad_runs_on_their_own() {
    let minutes = |from: i64| move |minute| (begin() + TimeDelta::minutes(from + minute), 1);
    let together: Vec<_> = (0..8).map(minutes(0)).collect();
    let apart = on_day(7, &alone(8));
    let at_once = on_day(7, &together);
    assert!(at_once.breach < apart.breach, "{at_once:?} {apart:?}");
    assert!(at_once.bad_at_end.1 > apart.bad_at_end.1);
    // Two episodes of four: in between.
    let twice: Vec<_> = (0..4)
        .map(minutes(0))
        .chain((0..4).map(minutes(600)))
        .collect();
    let twice = on_day(7, &twice);
    assert!(at_once.breach < twice.breach && twice.breach < apart.breach);
}

#[test]
fn a_small_budget_is_called_indicative() {
    let few = Evidence {
        bad: &alone(1),
        events: 100,
        gap: EPISODE_GAP,
    };
    assert!(few.at_the_end(&slo(990_000), 4, 300).is_indicative);
    assert!(!few.at_the_end(&slo(990_000), 5, 300).is_indicative);
}

/// Months whose partners have rates from a tenth of what is promised to ten times that, asked on days of all
/// kinds: of those said to break their promise with about 80 %, 70 to 90 % do.
#[test]
fn of_months_said_to_break_with_four_fifths_so_many_do() {
    const MONTHS: u32 = 20_000;
    let mut chance = Chance(7);
    let (mut near, mut broken, mut brier) = (0_u32, 0_u32, 0.0);
    let all = 30 * DAY_RUNS;
    for _ in 0..MONTHS {
        let rate = 0.0005 * 10_f64.powf(2.0 * chance.next() - 1.0);
        let day = 1 + whole(chance.next() * 28.0);
        let mut bad = Vec::new();
        let mut run = 0;
        loop {
            // Runs until the next bad one are geometric.
            run += 1 + whole(chance.next().ln() / (1.0 - rate).ln());
            if run > all {
                break;
            }
            bad.push((begin() + TimeDelta::minutes(i64::try_from(run).unwrap()), 1));
        }
        let until = begin() + TimeDelta::days(i64::try_from(day).unwrap());
        let seen: Vec<_> = bad.iter().copied().filter(|(at, _)| *at <= until).collect();
        let said = on_day(day, &seen).breach;
        let is_broken = bad.len() > 21;
        brier += (said - f64::from(u8::from(is_broken))).powi(2) / f64::from(MONTHS);
        if (0.75..0.85).contains(&said) {
            near += 1;
            broken += u32::from(is_broken);
        }
    }
    let share = f64::from(broken) / f64::from(near);
    println!("{near} months said to break with about 0.8: {share:.3} did; Brier score {brier:.4}");
    assert!(near > 300, "only {near}");
    assert!((0.7..=0.9).contains(&share), "{share}");
    assert!(brier < 0.1, "{brier}");
}

#[test]
fn a_rolling_budget_lasts_longer_for_what_rolls_off() {
    let hour = Duration::from_secs(3_600);
    let now = begin();
    let window = 10 * hour;
    let ago = |hours: i64, count| (now - TimeDelta::hours(hours), count);
    let per_hour = |rate: f64| rate / 3_600.0;
    let lasts = |bad: &BadRuns, rate| exhausted_after(window, now, bad, 10.0, per_hour(rate));
    // Four are left, two an hour come: two hours.
    assert_eq!(lasts(&[ago(1, 6)], 2.0), Some(2 * hour));
    // After an hour four come back: then six are left, for three hours more.
    assert_eq!(lasts(&[ago(9, 4), ago(1, 2)], 2.0), Some(4 * hour));
    // It never ends when what leaves is as much as what comes.
    assert_eq!(lasts(&[], 0.9), None);
    assert_eq!(lasts(&[], 0.0), None);
    assert_eq!(lasts(&[ago(1, 11)], 0.0), Some(Duration::ZERO));
}

#[test]
fn a_run_in_flight_is_compared_with_those_that_were_as_old() {
    assert!((over_deadline(0, 0) - 0.5).abs() < f64::EPSILON);
    assert!((over_deadline(99, 99) - 0.995).abs() < 1e-9);
    assert!(over_deadline(1_000, 0) < 0.001);
}
