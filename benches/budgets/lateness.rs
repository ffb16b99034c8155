//! How late runs begin when the agent has one core and half the load that would fill it. A bare timer
//! on the same core at the same time tells what the machine itself, and other programs add.

use std::time::Duration;

use serde_json::{Value, json};

use super::folders::bench_folder;
use super::process::{Program, role};
use super::scene::{AGENT, Scene};
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

/// The agent's core; the server has the other one.
pub(crate) const CORE: usize = 1;
pub(crate) const EVERY_MS: u32 = 100;
pub(crate) const WARM_UP: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_secs(4);
const WINDOW: Duration = Duration::from_secs(20);
/// Checks a second at which the search begins, and how far each step goes.
const FIRST_RATE: f64 = 500.0;
const STEP: f64 = 1.4;
/// Below this share of the intended checks, or busy above this share of time, the core is full.
const KEPT_UP: f64 = 0.97;
const FULL: f64 = 0.97;

/// `full` is how many checks a second fill the agent's core.
pub(crate) fn measure(site: &Site, table: &mut Table, full: f64) {
    let partners = partners_for(full / 2.0);
    let scene = Scene::of_checks(site, false, partners, EVERY_MS);
    let agent = scene.agent(Some(CORE));
    wait::rest(WARM_UP);
    let (cpu, served) = (agent.program.cpu(), site.served(AGENT));
    let began = wait::now();
    let control = control();
    let time = began.elapsed().as_secs_f64();
    let share = (agent.program.cpu() - cpu).as_secs_f64() / time;
    let rate = (site.served(AGENT) - served) as f64 / time;
    // The last window before the newest run; what came before it is warm-up.
    let window_us = WINDOW.as_micros();
    let late = scene.ledger(&format!(
        "SELECT started_us - due_us FROM runs WHERE due_us > (SELECT max(due_us) FROM runs) - {window_us} \
         ORDER BY 1"
    ));
    let not_run = scene.ledger(
        "SELECT count(*) FROM starts WHERE disposition IS NOT NULL AND disposition != 'ran'",
    );
    let quantile = |share| quantile_ms(&late, share);
    let (p50, p99, max) = (quantile(0.5), quantile(0.99), quantile(1.0));
    table.row(Row {
        what: "start lateness p99 at half load, one core".to_owned(),
        key: "start_lateness_p99_ms_half_load".to_owned(),
        bar: Some(Bar::AtMost(2.0)),
        value: p99,
        unit: "ms",
        more: format!(
            "p50 {p50:.2}, max {max:.1} of {} runs; a bare timer next to it: p99 {:.1}",
            late.len(),
            control["p99_ms"].as_f64().unwrap_or(f64::NAN)
        ),
    });
    table.say(format!(
        "Lateness: one core is full at {full:.0} checks/s; measured at {rate:.0}/s with {:.0} % of the \
         core busy; ticks that did not run in time: {}",
        share * 100.0,
        not_run[0]
    ));
    table.note(
        "start_lateness",
        json!({
            "saturation_per_s": full, "rate_per_s": rate, "core_share": share,
            "p50_ms": p50, "p99_ms": p99, "max_ms": max, "runs": late.len(),
            "ticks_not_run_in_time": not_run[0], "bare_timer": control,
        }),
    );
}

/// Checks a second that one core can make: the rate is raised until the agent does not keep up.
pub(crate) fn saturation(site: &Site) -> f64 {
    let mut rate = FIRST_RATE;
    let mut most = 0.0_f64;
    loop {
        let partners = partners_for(rate);
        let scene = Scene::of_checks(site, false, partners, EVERY_MS);
        let agent = scene.agent(Some(CORE));
        wait::rest(WARM_UP);
        let (began, served, cpu) = (wait::now(), site.served(AGENT), agent.program.cpu());
        wait::rest(LOOK);
        let (served, time) = (site.served(AGENT) - served, began.elapsed().as_secs_f64());
        let share = (agent.program.cpu() - cpu).as_secs_f64() / time;
        let made = served as f64 / time;
        let wanted = f64::from(partners * 1000 / EVERY_MS);
        println!("  wanted {wanted:.0}/s, made {made:.0}/s, core {share:.2}");
        // What is made above what was wanted is backlog of the warm-up.
        most = most.max(made.min(wanted));
        if made < wanted * KEPT_UP || share > FULL {
            return most;
        }
        rate *= STEP;
    }
}

/// How late a bare timer is on the agent's core, over the window.
fn control() -> Value {
    let seconds = WINDOW.as_secs().to_string();
    let log = bench_folder().join("timer.log");
    let timer = Program::start_ready(role(&["timer", &seconds], Some(CORE)), &log);
    timer.ready.clone()
}

/// The role: wakes every 5 ms, and says how late that was.
pub(crate) fn timer(seconds: u64) {
    let every = Duration::from_millis(5);
    let mut due = wait::now();
    let end = due + Duration::from_secs(seconds);
    let mut late = Vec::new();
    while due < end {
        due += every;
        wait::rest(due.saturating_duration_since(wait::now()));
        let us = wait::now().saturating_duration_since(due).as_micros();
        late.push(i64::try_from(us).unwrap_or(i64::MAX));
    }
    late.sort_unstable();
    let quantile = |share| quantile_ms(&late, share);
    println!(
        "{}",
        json!({"p50_ms": quantile(0.5), "p99_ms": quantile(0.99), "max_ms": quantile(1.0)})
    );
}

/// A quantile of sorted microseconds.
fn quantile_ms(sorted: &[i64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil().max(1.0);
    let found = sorted.iter().zip(1..).find(|(_, n)| f64::from(*n) >= place);
    found.map_or(f64::NAN, |(us, _)| *us as f64 / 1000.0)
}

/// Partners whose checks make such a rate.
pub(crate) fn partners_for(rate: f64) -> u32 {
    let wanted = rate * f64::from(EVERY_MS) / 1000.0;
    (1..).find(|n| f64::from(*n) >= wanted).unwrap_or(1)
}
