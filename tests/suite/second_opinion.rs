//! A second opinion: `slokit` reads our objectives as OpenSLO and makes ratio rules of its own. On even, high
//! traffic they and our rules by count page for the same outages; promtool evaluates both.

use outrider_domain::model::Plan;
use outrider_domain::slo::{self, Objective};
use slokit::generate::{GenerateOptions, generate_all};
use slokit::spec::{Spec, openslo};

use crate::rules::{Case, Look, Story, StoryRun, fixture, handed_out, look, promtool_of_slos};

/// Minutes of a healthy partner, so that no window of a page is thin.
const CALM: usize = 400;
/// Minutes after the outage.
const AFTER: usize = 120;
/// Ours ends after the last bad run has left the short window and what an alert goes on by itself; theirs when
/// the ratio over it falls.
const ENDS_LATER: &str = "36m";
/// What the edges of windows and one evaluation may make of a difference.
const BEGINS_LATER: &str = "4m";

fn specs(plan: &Plan, objectives: &[&Objective<'_>]) -> Vec<Spec> {
    let text = outrider::render::openslo(plan, objectives).unwrap();
    let read = openslo::from_yaml(&text).unwrap_or_else(|why| panic!("{why} in {text}"));
    read.specs.iter().for_each(|spec| spec.validate().unwrap());
    read.specs
}

#[test]
fn every_rolling_objective_is_openslo_that_others_read() {
    for plan in [handed_out(), fixture()] {
        let objectives = slo::objectives(&plan).unwrap();
        let rolling: Vec<_> = objectives
            .iter()
            .filter(|one| matches!(one.slo.window, outrider_domain::model::Window::Rolling(_)))
            .collect();
        let specs = specs(&plan, &rolling);
        let mut read = 0;
        for objective in rolling {
            let partner = objective.partner.id.as_str();
            let spec = specs.iter().find(|spec| spec.service == partner).unwrap();
            let name = format!("{partner}-{}", objective.slo.name);
            let one = spec.slos.iter().find(|one| one.name == name).unwrap();
            let promised = f64::from(objective.slo.objective_ppm) / 10_000.0;
            assert!((one.objective - promised).abs() < 1e-9, "{name}");
            let period = one.resolve_period(slokit::Window::days(1)).unwrap();
            let window = objective.slo.window.nominal();
            assert!((period.as_secs_f64() - window.as_secs_f64()).abs() < 1e-9);
            read += 1;
        }
        assert!(read >= 6, "only {read}");
    }
}

#[test]
fn a_calendar_window_is_told_as_one() {
    let plan = fixture();
    let objectives = slo::objectives(&plan).unwrap();
    let quarter = objectives
        .iter()
        .find(|one| one.partner.id.as_str() == "long-runs" && one.slo.name.name() == "application")
        .unwrap();
    let text = outrider::render::openslo(&plan, &[quarter]).unwrap();
    for line in [
        "duration: 1Q",
        "isRolling: false",
        "timeZone: America/New_York",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // It refuses what it has no model of, and by this it has read so far.
    let refused = openslo::from_yaml(&text).unwrap_err().to_string();
    assert!(
        refused.contains("calendar") || refused.contains("timeWindow"),
        "{refused}"
    );
}

/// Choices that a seed decides (xorshift), as a share of 1.
pub(crate) struct Chance(pub(crate) u32);

impl Chance {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX)
    }
}

/// One outage: so much of the runs is bad for so many minutes, and whether it must page.
struct Outage {
    share: f64,
    minutes: usize,
    pages: bool,
}

const fn outage(share: f64, minutes: usize, pages: bool) -> Outage {
    Outage {
        share,
        minutes,
        pages,
    }
}

/// 99.5 % at six runs a minute: 1,296 bad runs in 30 days; pages at 26 within the hour, at 65 within six.
const OUTAGES: [Outage; 8] = [
    outage(0.002, 300, false),
    outage(0.01, 300, false),
    outage(0.06, 60, false),
    outage(1.0, 2, false),
    outage(0.06, 300, true),
    outage(0.2, 60, true),
    outage(0.5, 60, true),
    outage(1.0, 30, true),
];

fn history(outage: &Outage, seed: u32) -> Story {
    let mut chance = Chance(seed);
    let mut story = Story::of("every-ten-seconds", "transport");
    for minute in 0..CALM + outage.minutes + AFTER {
        let is_out = (CALM..CALM + outage.minutes).contains(&minute);
        let runs = (0..6).map(|_| {
            if is_out && chance.next() < outage.share {
                StoryRun::Bad
            } else {
                StoryRun::Good
            }
        });
        story = story.minute(runs.collect());
    }
    story
}

#[test]
fn ratio_rules_and_ours_page_for_the_same_outages_on_even_high_traffic() {
    let plan = fixture();
    let objectives = slo::objectives(&plan).unwrap();
    let objective = objectives
        .iter()
        .find(|one| {
            one.partner.id.as_str() == "every-ten-seconds" && one.slo.name.name() == "transport"
        })
        .unwrap();
    let counts: Vec<_> = objective.alarms.iter().map(|one| one.bad_runs).collect();
    assert_eq!(counts, [26, 65, 130, 130]);
    let theirs = generate_all(&specs(&plan, &[objective]), &GenerateOptions::default())
        .and_then(|rules| rules.to_prometheus_yaml())
        .unwrap();
    let ours = "ALERTS{alertname=\"OutriderSloBurn\",severity=\"page\",alertstate=\"firing\"}";
    let other = "ALERTS{sloth_severity=\"page\",alertstate=\"firing\"}";
    let alarms: Vec<_> = objective.alarms.iter().collect();
    let cases: Vec<Case> = (7..)
        .zip(&OUTAGES)
        .map(|(seed, outage)| {
            let story = history(outage, seed);
            let end = CALM + outage.minutes + AFTER - 1;
            let mut looks: Vec<Look> = Vec::new();
            for minute in (CALM..end).step_by(2) {
                let without = |one: &str, another: &str, within: &str| {
                    format!("max({one}) unless max(max_over_time({another}[{within}]))")
                };
                looks.push(look(minute, without(other, ours, BEGINS_LATER), false));
                looks.push(look(minute, without(ours, other, ENDS_LATER), false));
            }
            let ever = |one: &str| format!("max(max_over_time({one}[{end}m]))");
            looks.push(look(end, ever(ours), outage.pages));
            looks.push(look(end, ever(other), outage.pages));
            Case {
                name: format!("{} of runs bad for {}m", outage.share, outage.minutes),
                series: story.series(&alarms),
                looks,
            }
        })
        .collect();
    promtool_of_slos(&[("slokit.yml", theirs.as_str())], &cases);
}
