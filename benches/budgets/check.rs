//! CPU time of a single check on a new connection: the agent with its ledger, a bare hyper loop and
//! blackbox_exporter, in turns, at the same rate against the same server.

use std::time::Duration;

use serde_json::json;

use super::blackbox::Blackbox;
use super::process::{Program, role};
use super::scene::{Scene, bench_folder};
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

/// 200 checks a second.
const PARTNERS: u32 = 40;
const EVERY_MS: u32 = 200;
const RATE: u32 = PARTNERS * 1000 / EVERY_MS;
const WARM_UP: Duration = Duration::from_secs(2);
const WINDOW: Duration = Duration::from_secs(10);
const ROUNDS_PLAIN: usize = 5;
const ROUNDS_TLS: usize = 2;
/// A cadence that is not due within the bench.
const NEVER_MS: u32 = 3_600_000_000;

/// CPU microseconds a check, of one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    agent: f64,
    floor: f64,
    tight_floor: f64,
    blackbox: f64,
}

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let idle = idle(site);
    table.note("idle_agent_cpu_ms_per_s", json!(idle * 1000.0));
    for (is_tls, rounds) in [(false, ROUNDS_PLAIN), (true, ROUNDS_TLS)] {
        let all: Vec<Round> = (0..rounds).map(|_| round(site, is_tls, idle)).collect();
        tell(table, is_tls, &all);
    }
}

fn tell(table: &mut Table, is_tls: bool, all: &[Round]) {
    let (scheme, suffix) = if is_tls {
        ("HTTPS", "_https")
    } else {
        ("HTTP", "")
    };
    let of = |pick: fn(&Round) -> f64| Spread::of(all.iter().map(pick).collect());
    let floor = of(|round| round.agent / round.floor);
    let blackbox = of(|round| round.agent / round.blackbox);
    for (what, spread, bar, key) in [
        ("a bare hyper loop", &floor, 1.5, "floor"),
        ("blackbox_exporter", &blackbox, 1.0 / 6.0, "blackbox"),
    ] {
        table.row(Row {
            what: format!("CPU of one {scheme} check ÷ that of {what}"),
            key: format!("check_cpu_ratio_vs_{key}{suffix}"),
            bar: (!is_tls).then_some(Bar::AtMost(bar)),
            value: spread.median,
            unit: "",
            more: format!(
                "{:.3}–{:.3} in {} rounds",
                spread.low,
                spread.high,
                all.len()
            ),
        });
    }
    let us = |pick| of(pick).median;
    let (agent, floor) = (us(|round| round.agent), us(|round| round.floor));
    let (tight, blackbox) = (us(|round| round.tight_floor), us(|round| round.blackbox));
    table.note(
        &format!("check_cpu_us{suffix}"),
        json!({
            "rate_per_s": RATE,
            "agent": agent,
            "floor": floor,
            "floor_without_pace": tight,
            "blackbox": blackbox,
            "rounds": all.len(),
        }),
    );
    table.say(format!(
        "{scheme}, CPU µs a check at {RATE}/s: agent {agent:.0}, bare hyper loop {floor:.0} \
         (as fast as it goes {tight:.0}), blackbox_exporter {blackbox:.0}"
    ));
}

/// CPU seconds a second of an agent whose probes are never due.
fn idle(site: &Site) -> f64 {
    let scene = Scene::of_checks(site, false, PARTNERS, NEVER_MS);
    let agent = scene.agent(None);
    wait::rest(WARM_UP);
    let before = agent.program.cpu();
    wait::rest(WINDOW);
    (agent.program.cpu() - before).as_secs_f64() / WINDOW.as_secs_f64()
}

fn round(site: &Site, is_tls: bool, idle: f64) -> Round {
    let floor_of = |rate: u32| {
        let (url, trust) = (format!("{}/metadata", site.url(is_tls)), site.trust());
        let trust = trust.to_str().expect("a readable path");
        let words = ["floor", &url, trust, &rate.to_string()];
        let log = bench_folder().join("floor.log");
        let program = Program::start_ready(role(&words, None), &log);
        per_check(site, &program, 0.0)
    };
    let agent = {
        let scene = Scene::of_checks(site, is_tls, PARTNERS, EVERY_MS);
        let agent = scene.agent(None);
        per_check(site, &agent.program, idle)
    };
    let floor = floor_of(RATE);
    let tight_floor = floor_of(0);
    let blackbox = {
        let mut blackbox = Blackbox::start(site, is_tls, RATE);
        let cpu = per_check(site, &blackbox.program, 0.0);
        assert_eq!(blackbox.failed(), 0, "probes of blackbox_exporter failed");
        cpu
    };
    let round = Round {
        agent,
        floor,
        tight_floor,
        blackbox,
    };
    println!("  {round:.1?}");
    round
}

/// CPU microseconds a check, over a window. The server says how many checks there were.
fn per_check(site: &Site, program: &Program, idle: f64) -> f64 {
    wait::rest(WARM_UP);
    let (cpu, served, began) = (program.cpu(), site.served(), wait::now());
    wait::rest(WINDOW);
    let (cpu, served) = (program.cpu() - cpu, site.served() - served);
    let own = cpu.as_secs_f64() - idle * began.elapsed().as_secs_f64();
    own * 1e6 / served as f64
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
