//! How far what the agent reports is from what the server knows, idle, at half load and above full load;
//! and what becomes of 30 s in which the server stands still.

use std::time::Duration;

use serde_json::{Value, json};

use super::lateness::{CORE, EVERY_MS, WARM_UP, partners_for};
use super::scene::{ONE_STEP, Scene};
use super::table::{Bar, Row, Table};
use super::truth::Truth;
use super::wait;

const WINDOW: Duration = Duration::from_secs(20);
/// What the server does with each request: an answer whose parts come one after the other.
const WORK: &str = "/do/head_ms=2,body_ms=2,bytes=2000";
/// Above full load by a tenth.
const OVERLOAD: f64 = 1.1;
/// An error above this that is not marked would be taken for the partner's. The agent's own limit is a
/// little lower, since it does not see all of an error.
const OWN_DELAY_MS: f64 = 10.0;
/// An error up to this is none.
const RIGHT_MS: f64 = 2.0;
/// Answers under way at one time, each of which the server holds back.
const UNDER_WAY: [u32; 3] = [1, 32, 256];
const HELD: &str = "/do/head_ms=700,body_ms=20,bytes=2000";
/// A little more than such an answer takes.
const HELD_EVERY_MS: u32 = 800;
const STALL: Duration = Duration::from_secs(30);
const STALL_PARTNERS: u32 = 4;
const STALL_EVERY_MS: u32 = 200;

/// One run held against the server's word, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Sample {
    head: f64,
    whole: f64,
    /// What the agent added to the time of the first or of the last byte: until the request was on its
    /// way, and from the answer on. What the server was late itself is no part of it.
    added: f64,
    /// Whether the request is marked; a run is also flagged for a late start.
    is_marked: bool,
    is_flagged: bool,
}

/// All runs of a window.
#[derive(Debug, Default)]
struct Samples {
    all: Vec<Sample>,
    /// Passed runs that the server knows nothing of.
    unknown: usize,
}

impl Samples {
    fn of(scene: &Scene, truth: &Truth, from_us: i64) -> Self {
        let known = truth.known();
        let mut samples = Self::default();
        let sql = format!(
            "SELECT run, json_set(detail, '$.started_us', started_us) FROM runs WHERE outcome = 'passed' AND due_us >= {from_us}"
        );
        for (run, detail) in scene.rows(&sql) {
            let detail: Value = serde_json::from_str(&detail).expect("a run's detail");
            let request = &detail["steps"][0]["requests"][0];
            let Some(known) = known.get(&run) else {
                samples.unknown += 1;
                continue;
            };
            let phase = |place: usize| request["phases_us"][place].as_f64().unwrap_or_default();
            let us = |value: &Value| value.as_f64().unwrap_or_default();
            let began = us(&detail["started_us"]) + us(&request["offset_us"]);
            let sent = phase(0) + phase(1) + phase(2) + phase(3);
            let first = began + sent + phase(4) - known.wrote_us.0;
            let last = began + us(&request["total_us"]) - known.wrote_us.1;
            let ms = |us: f64, known: Duration| us / 1000.0 - known.as_secs_f64() * 1000.0;
            samples.all.push(Sample {
                // Send and wait are the fourth and fifth phase.
                head: ms(phase(3) + phase(4), known.head),
                whole: ms(
                    request["total_us"].as_f64().unwrap_or_default(),
                    known.whole,
                ),
                added: (sent + first.max(last)) / 1000.0,
                is_marked: request["agent_delayed"] == true,
                is_flagged: request["agent_delayed"] == true || detail["agent_delayed"] == true,
            });
        }
        samples
    }

    fn flagged(&self) -> usize {
        self.all.iter().filter(|sample| sample.is_flagged).count()
    }

    /// Errors of what is not flagged, in order.
    fn errors(&self, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        let sound = self.all.iter().filter(|sample| !sample.is_flagged);
        let mut errors: Vec<f64> = sound.map(|sample| of(sample).abs()).collect();
        errors.sort_by(f64::total_cmp);
        errors
    }

    fn unmarked(&self) -> usize {
        let sound = self.errors(|sample| sample.whole.max(sample.head));
        sound.iter().filter(|error| **error > OWN_DELAY_MS).count()
    }

    /// Runs to which the agent added a time like this, and how many of them are marked.
    fn marked_of(&self, is_meant: impl Fn(f64) -> bool) -> (usize, usize) {
        let all = self.all.iter();
        let meant: Vec<_> = all.filter(|sample| is_meant(sample.added)).collect();
        let marked = meant.iter().filter(|sample| sample.is_marked).count();
        (meant.len(), marked)
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil().max(1.0);
    let found = sorted.iter().zip(1..).find(|(_, n)| f64::from(*n) >= place);
    found.map_or(f64::NAN, |(error, _)| *error)
}

/// `full` is how many checks a second fill the agent's core.
pub(crate) fn measure(table: &mut Table, full: f64) {
    for (load, key, partners) in [
        ("idle", "idle", 1),
        ("at half load", "half_load", partners_for(full / 2.0)),
    ] {
        let truth = Truth::start();
        let (scene, from_us) = run(&truth, partners);
        let samples = Samples::of(&scene, &truth, from_us);
        tell(table, load, key, &samples);
    }
    overload(table, full);
    stall(table);
}

/// Which runs are marked while so many answers are under way: those that are wrong, and no others.
pub(crate) fn marks(table: &mut Table) {
    for under_way in UNDER_WAY {
        let truth = Truth::start();
        let scene = scene_of(&truth, HELD, under_way, HELD_EVERY_MS);
        scene.allow(under_way * 2);
        let from_us = look_on(&scene);
        let samples = Samples::of(&scene, &truth, from_us);
        let (wrong, marked) = samples.marked_of(|error| error > OWN_DELAY_MS);
        let (right, flagged) = samples.marked_of(|error| error <= RIGHT_MS);
        table.row(Row {
            what: format!("{under_way} under way: runs off by > {OWN_DELAY_MS} ms and not marked"),
            key: format!("wrong_unmarked_{under_way}"),
            bar: Some(Bar::AtMost(0.0)),
            value: (wrong - marked) as f64,
            unit: "",
            more: format!("{wrong} of {} runs are off by that", samples.all.len()),
        });
        let errors = samples.errors(|sample| sample.added);
        table.row(Row {
            what: format!(
                "{under_way} under way: share of runs right within {RIGHT_MS} ms that are marked"
            ),
            key: format!("right_marked_share_{under_way}"),
            bar: Some(Bar::AtMost(0.05)),
            value: flagged as f64 / right.max(1) as f64,
            unit: "",
            more: format!(
                "{flagged} of {right}; of those unmarked p50 {:.2} ms, max {:.2} ms off",
                quantile(&errors, 0.5),
                quantile(&errors, 1.0)
            ),
        });
    }
}

/// Runs the agent over the window. The scene, and when the window began.
fn run(truth: &Truth, partners: u32) -> (Scene, i64) {
    let scene = scene(truth, partners, EVERY_MS);
    let from_us = look_on(&scene);
    (scene, from_us)
}

/// The same in a scene; when the window began.
fn look_on(scene: &Scene) -> i64 {
    let agent = scene.agent(Some(CORE));
    wait::rest(WARM_UP);
    let from_us = wait::wall_us();
    wait::rest(WINDOW);
    drop(agent);
    from_us
}

fn scene(truth: &Truth, partners: u32, every_ms: u32) -> Scene {
    scene_of(truth, WORK, partners, every_ms)
}

/// So many partners whose server does this with each request.
fn scene_of(truth: &Truth, work: &str, partners: u32, every_ms: u32) -> Scene {
    let scene = Scene::new();
    scene.journey("check", ONE_STEP);
    for number in 0..partners {
        let probes = [("check".to_owned(), every_ms)];
        scene.partner_at(
            &format!("partner-{number}"),
            &truth.url(work),
            None,
            &probes,
        );
    }
    scene
}

fn tell(table: &mut Table, load: &str, key: &str, samples: &Samples) {
    for (what, part) in [("headers", false), ("full body", true)] {
        let errors = samples.errors(|sample| if part { sample.whole } else { sample.head });
        let (p50, p99, max) = (
            quantile(&errors, 0.5),
            quantile(&errors, 0.99),
            quantile(&errors, 1.0),
        );
        let suffix = if part { "_body" } else { "" };
        table.row(Row {
            what: format!("reported − server-recorded p99 {load}, {what}"),
            key: format!("latency_error_p99_ms_{key}{suffix}"),
            bar: Some(Bar::AtMost(0.5)),
            value: p99,
            unit: "ms",
            more: format!(
                "p50 {p50:.3}, max {max:.1} of {} runs; {} marked as agent_delayed, {} unmarked above {OWN_DELAY_MS} ms",
                samples.all.len(),
                samples.flagged(),
                samples.unmarked()
            ),
        });
    }
    table.note(
        &format!("latency_error_{key}"),
        json!({
            "runs": samples.all.len(), "flagged": samples.flagged(),
            "unmarked": samples.unmarked(), "unknown_to_the_server": samples.unknown,
        }),
    );
}

/// Ticks by disposition between two times, open ones as `open`.
fn ticks(scene: &Scene, from_us: i64, to_us: i64) -> Vec<(String, i64)> {
    let sql = format!(
        "SELECT coalesce(disposition, 'open'), count(*) || '' FROM starts
         WHERE due_us >= {from_us} AND due_us < {to_us} GROUP BY 1 ORDER BY 1"
    );
    let rows = scene.rows(&sql).into_iter();
    rows.map(|(name, count)| (name, count.parse().expect("a count")))
        .collect()
}

fn of(ticks: &[(String, i64)], name: &str) -> i64 {
    let found = ticks.iter().find(|(one, _)| one == name);
    found.map_or(0, |(_, count)| *count)
}

/// More than the core can do: what is shed is counted, and what ran is told truly.
fn overload(table: &mut Table, full: f64) {
    let truth = Truth::start();
    let partners = partners_for(full * OVERLOAD);
    let (scene, from_us) = run(&truth, partners);
    // The last seconds may not be in the ledger: the agent was killed.
    let to_us = from_us + i64::try_from((WINDOW - Duration::from_secs(5)).as_micros()).unwrap();
    let ticks = ticks(&scene, from_us, to_us);
    let seen: i64 = ticks.iter().map(|(_, count)| count).sum();
    // Each probe has a start each period, wherever the window's edges cut.
    let period_us = i64::from(EVERY_MS) * 1000;
    let intended = (to_us - from_us) / period_us * i64::from(partners);
    let samples = Samples::of(&scene, &truth, from_us);
    let sound = samples.errors(|sample| sample.whole);
    let ran = of(&ticks, "ran") + of(&ticks, "late");
    let words: Vec<String> = ticks
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    table.row(Row {
        what: "share of intended starts that ran at 110 % load".to_owned(),
        key: "overload_ran_share".to_owned(),
        bar: None,
        value: ran as f64 / seen as f64,
        unit: "",
        more: words.join(", "),
    });
    table.row(Row {
        what: "starts without a disposition at 110 % load, of those intended".to_owned(),
        key: "overload_unaccounted".to_owned(),
        bar: Some(Bar::AtMost(0.001)),
        value: (1.0 - (seen - of(&ticks, "open")) as f64 / intended as f64).max(0.0),
        unit: "",
        more: format!("{intended} intended, {seen} in the ledger"),
    });
    table.row(Row {
        what: "reported − server-recorded p99 at 110 % load, full body".to_owned(),
        key: "latency_error_p99_ms_overload".to_owned(),
        bar: None,
        value: quantile(&sound, 0.99),
        unit: "ms",
        more: format!(
            "of {} runs {} marked as agent_delayed, {} unmarked above {OWN_DELAY_MS} ms",
            samples.all.len(),
            samples.flagged(),
            samples.unmarked()
        ),
    });
    table.note(
        "overload",
        json!({"full_per_s": full, "ticks": ticks, "intended": intended}),
    );
}

/// The server stands still for a while: every start of that time is reported.
fn stall(table: &mut Table) {
    let truth = Truth::start();
    let scene = scene(&truth, STALL_PARTNERS, STALL_EVERY_MS);
    let agent = scene.agent(Some(CORE));
    wait::rest(WARM_UP);
    truth.program.signal("STOP");
    let from_us = wait::wall_us();
    wait::rest(STALL);
    let to_us = wait::wall_us();
    truth.program.signal("CONT");
    wait::rest(WARM_UP + Duration::from_secs(5));
    drop(agent);
    let ticks = ticks(&scene, from_us, to_us);
    let seen: i64 = ticks.iter().map(|(_, count)| count).sum();
    let period_us = i64::from(STALL_EVERY_MS) * 1000;
    let intended = (to_us - from_us) / period_us * i64::from(STALL_PARTNERS);
    let between = format!("due_us >= {from_us} AND due_us < {to_us}");
    let count = |sql: &str| scene.ledger(sql)[0];
    let executed = count(&format!("SELECT count(*) FROM runs WHERE {between}"));
    let bad = count(&format!(
        "SELECT count(*) FROM runs WHERE {between} AND json_extract(detail, '$.counts[0]') = 'bad'"
    ));
    let after = count(&format!(
        "SELECT count(*) FROM runs WHERE due_us >= {to_us} AND outcome = 'passed'"
    ));
    let words: Vec<String> = ticks
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    table.row(Row {
        what: "30 s stall: starts intended that are not told of".to_owned(),
        key: "stall_unreported".to_owned(),
        bar: Some(Bar::AtMost(0.0)),
        value: (intended - seen).max(0) as f64,
        unit: "",
        more: format!(
            "{intended} intended, {executed} executed, {} missed, {bad} reported bad; {}; {after} passed after it",
            seen - executed,
            words.join(", ")
        ),
    });
    table.note(
        "stall",
        json!({"intended": intended, "executed": executed, "bad": bad, "ticks": ticks, "passed_after": after}),
    );
}
