//! CPU time of a single check on a new connection: the agent with its ledger, next to a bare hyper loop,
//! and next to blackbox_exporter, at the same rate against the same server.
//!
//! The two of a pair run at the same time, so that whatever else the machine does burdens both.

use std::time::Duration;

use serde_json::json;

use super::blackbox::{BLACKBOX, Blackbox};
use super::folders::bench_folder;
use super::process::{Program, role};
use super::scene::{AGENT, Agent, Scene};
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

/// 200 checks a second.
const PARTNERS: u32 = 40;
const EVERY_MS: u32 = 200;
const RATE: u32 = PARTNERS * 1000 / EVERY_MS;
const WARM_UP: Duration = Duration::from_secs(2);
const WINDOW: Duration = Duration::from_secs(10);
const ROUNDS_PLAIN: usize = 7;
const ROUNDS_TLS: usize = 3;
/// A cadence that is not due within the bench.
const NEVER_MS: u32 = 3_600_000_000;

/// The name that the bare loop goes by at the site.
const FLOOR: &str = "floor";

/// CPU microseconds a check of the agent, and of what ran next to it.
#[derive(Clone, Copy, Debug)]
struct Pair {
    agent: f64,
    other: f64,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.agent / self.other
    }
}

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let idle = idle(site);
    table.note("idle_agent_cpu_ms_per_s", json!(idle * 1000.0));
    for (is_tls, rounds) in [(false, ROUNDS_PLAIN), (true, ROUNDS_TLS)] {
        let (mut floor, mut blackbox) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            floor.push(beside_floor(site, is_tls, idle));
            blackbox.push(beside_blackbox(site, is_tls, idle));
            println!(
                "  floor {:.1?} blackbox {:.1?}",
                floor.last(),
                blackbox.last()
            );
        }
        tell(table, is_tls, &floor, &blackbox);
    }
    let fastest = floor(site, false, 0);
    wait::rest(WARM_UP);
    let us = window(site, &[(&fastest, FLOOR)])[0];
    table.say(format!(
        "The bare hyper loop without pace, as fast as it goes: {us:.0} µs a check"
    ));
    table.note("check_cpu_us_floor_without_pace", json!(us));
}

fn tell(table: &mut Table, is_tls: bool, floor: &[Pair], blackbox: &[Pair]) {
    let (scheme, suffix) = if is_tls {
        ("HTTPS", "_https")
    } else {
        ("HTTP", "")
    };
    for (what, pairs, bar, key) in [
        ("a bare hyper loop", floor, 1.5, "floor"),
        ("blackbox_exporter", blackbox, 1.0 / 6.0, "blackbox"),
    ] {
        let ratio = Spread::of(pairs.iter().map(Pair::ratio).collect());
        let agent = Spread::of(pairs.iter().map(|pair| pair.agent).collect()).median;
        let other = Spread::of(pairs.iter().map(|pair| pair.other).collect()).median;
        let key = format!("check_cpu_ratio_vs_{key}{suffix}");
        let rounds = pairs.len();
        table.note(
            &key,
            json!({
                "rate_per_s": RATE, "rounds": rounds, "low": ratio.low, "high": ratio.high,
                "agent_us": agent, "other_us": other,
            }),
        );
        table.row(Row {
            what: format!("CPU of one {scheme} check ÷ that of {what}"),
            key,
            bar: (!is_tls).then_some(Bar::AtMost(bar)),
            value: ratio.median,
            unit: "",
            more: format!(
                "{:.3} to {:.3} in {rounds} rounds; {agent:.0} µs, {other:.0} µs",
                ratio.low, ratio.high
            ),
        });
    }
}

/// CPU seconds a second of an agent whose probes are never due.
pub(crate) fn idle(site: &Site) -> f64 {
    let scene = Scene::of_checks(site, false, PARTNERS, NEVER_MS);
    let agent = scene.agent(None);
    wait::rest(WARM_UP);
    let before = agent.program.cpu();
    wait::rest(WINDOW);
    (agent.program.cpu() - before).as_secs_f64() / WINDOW.as_secs_f64()
}

fn agent(site: &Site, is_tls: bool) -> (Scene, Agent) {
    let scene = Scene::of_checks(site, is_tls, PARTNERS, EVERY_MS);
    let agent = scene.agent(None);
    (scene, agent)
}

fn floor(site: &Site, is_tls: bool, rate: u32) -> Program {
    let url = format!("{}/metadata", site.url(is_tls, FLOOR));
    let trust = site.trust();
    let trust = trust.to_str().expect("a readable path");
    let words = ["floor", &url, trust, &rate.to_string()];
    Program::start_ready(role(&words, None), &bench_folder().join("floor.log"))
}

fn beside_floor(site: &Site, is_tls: bool, idle: f64) -> Pair {
    let (_scene, agent) = agent(site, is_tls);
    let floor = floor(site, is_tls, RATE);
    pair(site, &agent.program, (&floor, FLOOR), idle)
}

fn beside_blackbox(site: &Site, is_tls: bool, idle: f64) -> Pair {
    let (_scene, agent) = agent(site, is_tls);
    let mut blackbox = Blackbox::start(site, is_tls, RATE);
    let pair = pair(site, &agent.program, (&blackbox.program, BLACKBOX), idle);
    assert_eq!(blackbox.failed(), 0, "probes of blackbox_exporter failed");
    pair
}

fn pair(site: &Site, agent: &Program, other: (&Program, &str), idle: f64) -> Pair {
    wait::rest(WARM_UP);
    let us = window(site, &[(agent, AGENT), other]);
    Pair {
        agent: us[0] - idle * 1e6 / f64::from(RATE),
        other: us[1],
    }
}

/// CPU microseconds a check of each program, over a window. The server says how many checks there
/// were.
fn window(site: &Site, programs: &[(&Program, &str)]) -> Vec<f64> {
    let look = || {
        let all = programs.iter();
        all.map(|(program, who)| (program.cpu(), site.served(who)))
    };
    let before: Vec<_> = look().collect();
    wait::rest(WINDOW);
    let both = look().zip(before);
    both.map(|((cpu, served), (cpu_before, served_before))| {
        (cpu - cpu_before).as_secs_f64() * 1e6 / (served - served_before) as f64
    })
    .collect()
}

/// The median of some figures, and their extremes.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let (low, high) = (figures[0], figures[figures.len() - 1]);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            f64::midpoint(figures[middle - 1], figures[middle])
        };
        Self { low, median, high }
    }
}
