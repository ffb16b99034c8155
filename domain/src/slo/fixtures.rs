//! Schedules that tests of alerts share: even and uneven, with their windows worked out by hand.

use std::str::FromStr;
use std::time::Duration;

use super::alarm::Alarm;
use super::run_rate::RunRate;
use super::tier::TIERS;
use crate::model::{Cadence, Civil, Profile, Scale, Slo, SloName, TierName, Window, Zone};

fn cron(text: &str) -> Cadence {
    let schedule = cron::Schedule::from_str(text).unwrap();
    Cadence::Cron(Box::new(Civil::new(schedule, Zone::UTC)))
}

/// A run a minute from 8 to 18 on working days, one in ten minutes else.
fn profile() -> Cadence {
    let factor = |hour| match hour {
        0..120 if (8..18).contains(&(hour % 24)) => 1,
        _ => 10,
    };
    Cadence::Profile(Box::new(Profile {
        every: Duration::from_secs(60),
        zone: Zone::UTC,
        factors: std::array::from_fn(factor),
    }))
}

/// What one schedule gives, worked out by hand.
pub(super) struct Fixture {
    pub(super) name: &'static str,
    pub(super) cadence: Cadence,
    pub(super) deadline_s: u64,
    pub(super) objective_ppm: u32,
    pub(super) window: Window,
    /// N.
    pub(super) runs: u64,
    /// L, S and k of each tier.
    pub(super) tiers: [[u64; 3]; 4],
}

const MONTH: Window = Window::Rolling(Duration::from_secs(30 * 86_400));

pub(super) fn fixtures() -> Vec<Fixture> {
    let mut all = even();
    all.extend(uneven());
    all
}

fn fixture(
    name: &'static str,
    (cadence, deadline_s): (Cadence, u64),
    (objective_ppm, window): (u32, Window),
    runs: u64,
    tiers: [[u64; 3]; 4],
) -> Fixture {
    Fixture {
        name,
        cadence,
        deadline_s,
        objective_ppm,
        window,
        runs,
        tiers,
    }
}

// A month has 720 hours, so L is N / 720, / 120, / 30, / 10 and S is N / 8,640, / 1,440, / 360, / 120.

/// At fixed intervals: the tier's own clock windows, unless more runs come due within a deadline.
fn even() -> Vec<Fixture> {
    let every = |seconds| Cadence::Every(Duration::from_secs(seconds));
    vec![
        // B = 432.
        fixture(
            "every 30 s",
            (every(30), 20),
            (995_000, MONTH),
            86_400,
            [
                [120, 10, 9],
                [720, 60, 22],
                [2_880, 240, 44],
                [8_640, 720, 44],
            ],
        ),
        // 60 runs come due before the first of them must end: no window is shorter than 61. B = 1,296.
        fixture(
            "a long deadline",
            (every(10), 600),
            (995_000, MONTH),
            259_200,
            [
                [360, 61, 26],
                [2_160, 180, 65],
                [8_640, 720, 130],
                [25_920, 2_160, 130],
            ],
        ),
    ]
}

fn uneven() -> Vec<Fixture> {
    vec![
        // The month that begins 2026 has 22 working days of 9 hours of 12 runs. B = 118.8.
        fixture(
            "office hours",
            (cron("0 */5 9-17 * * Mon-Fri"), 120),
            (950_000, MONTH),
            2_376,
            [[4, 4, 3], [20, 5, 6], [80, 7, 12], [238, 20, 12]],
        ),
        // 22 days of 600 + 84 runs and 8 of 144. B = 486.
        fixture(
            "a profile",
            (profile(), 60),
            (970_000, MONTH),
            16_200,
            [[23, 5, 10], [135, 12, 25], [540, 45, 49], [1_620, 135, 49]],
        ),
        // B = 21.6: the floor of 3, and three in a row are the whole window of the fast page.
        fixture(
            "hourly cron",
            (cron("0 0 * * * *"), 600),
            (970_000, MONTH),
            720,
            [[3, 3, 3], [6, 5, 3], [24, 5, 3], [72, 6, 3]],
        ),
        // The shortest quarter has 90 days. B = 4.5: three in a row, in every tier.
        fixture(
            "daily",
            (cron("0 0 6 * * *"), 600),
            (950_000, Window::Quarter(Zone::UTC)),
            90,
            [[3; 3]; 4],
        ),
    ]
}

impl Fixture {
    pub(super) fn run_rate(&self) -> RunRate<'_> {
        RunRate::of_cadence(&self.cadence, Duration::from_secs(self.deadline_s))
    }

    /// Of every tier, with a floor of three bad runs.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        let slo = Slo {
            name: SloName::Business,
            journeys: Vec::new(),
            objective_ppm: self.objective_ppm,
            window: self.window,
            floor: 3,
            tiers: TierName::ALL.iter().copied().collect(),
            thresholds: Default::default(),
        };
        let run_rate = self.run_rate();
        let of_tier = |tier| Alarm::new(&slo, &run_rate, self.runs, Scale::REAL, tier);
        TIERS.iter().map(of_tier).collect()
    }
}
