//! A ledger of a million runs: how long the agent takes to start, and how long its pages and queries take.

use std::path::Path;

use chrono::DateTime;
use outrider::ledger::Ledger;
use outrider_domain::model::Scale;
use rusqlite::{Connection as Sqlite, params};

use super::scene::{Agent, ONE_STEP, Scene};
use super::table::{Bar, Row, Table};
use super::wait::{now, until, wall_us};

/// Runs in the ledger.
const RUNS: i64 = 1_000_000;
/// Partners and journeys of each: 40 probes.
const PARTNERS: i64 = 20;
const JOURNEYS: i64 = 2;
/// Between the starts of a probe: the runs reach back about a year.
const STEP_US: i64 = 20 * 60 * 1_000_000;
/// The newest runs that still have their evidence; failed ones all have it.
const WITH_EVIDENCE: i64 = 50_000;
/// How often each query is asked.
const TIMES: usize = 7;
/// Queries asked at the same time where that is measured.
const AT_ONCE: usize = 8;

const START_MAX: f64 = 1.0;
const QUERY_MS_MAX: f64 = 100.0;

/// What is asked, and why.
const QUERIES: [(&str, &str); 20] = [
    ("overview page", "/"),
    ("overview", "/v1/partners"),
    ("last runs", "/v1/runs"),
    ("a whole page", "/v1/runs?limit=1000"),
    ("from the begin", "/v1/runs?after=0&limit=1000"),
    ("partner", "/v1/runs?partner=partner-7"),
    ("partner that is long gone", "/v1/runs?partner=gone"),
    ("journey", "/v1/runs?journey=check"),
    ("outcome", "/v1/runs?outcome=failed"),
    ("outcome without a run", "/v1/runs?outcome=agent_fault"),
    (
        "passed runs of a partner that fails",
        "/v1/runs?partner=failing&outcome=passed",
    ),
    ("cause", "/v1/runs?cause=timeout"),
    ("rare cause", "/v1/runs?cause=tls"),
    ("cause without a run", "/v1/runs?cause=disclosure"),
    ("layer", "/v1/runs?layer=application"),
    (
        "cause at a partner without it",
        "/v1/runs?cause=timeout&partner=gone",
    ),
    ("member", "/v1/runs?member=member-17"),
    (
        "failed runs of a rare member",
        "/v1/runs?member=rare&outcome=failed",
    ),
    ("a day half a year ago", "/v1/runs?from=181d&to=180d"),
    ("before everything", "/v1/runs?to=3000d"),
];

pub(crate) fn measure(table: &mut Table) {
    let scene = scene();
    let rows = fill(&scene.ledger_path());
    let mut starts: Vec<f64> = Vec::new();
    let mut agent: Option<Agent> = None;
    for _ in 0..3 {
        if let Some(agent) = agent.take() {
            stop(agent, &scene);
        }
        let began = now();
        agent = Some(scene.agent(None));
        starts.push(began.elapsed().as_secs_f64());
    }
    let agent = agent.expect("it was started");
    starts.sort_by(f64::total_cmp);
    table.row(Row {
        what: "start with a million runs".to_owned(),
        key: "history_start".to_owned(),
        bar: Some(Bar::AtMost(START_MAX)),
        value: starts[1],
        unit: "s",
        more: format!(
            "{rows} runs, median of 3: {:.2} to {:.2}",
            starts[0], starts[2]
        ),
    });
    let mut slowest = (0.0, "");
    for (what, path) in QUERIES {
        let times = ask(&agent, path);
        let (median, most) = (times[TIMES / 2], times[TIMES - 1]);
        table.say(format!(
            "{what}, `{path}`: {median:.1} ms, at most {most:.1}"
        ));
        if median > slowest.0 {
            slowest = (median, what);
        }
    }
    table.row(Row {
        what: "slowest page or query with a million runs".to_owned(),
        key: "history_query".to_owned(),
        bar: Some(Bar::AtMost(QUERY_MS_MAX)),
        value: slowest.0,
        unit: "ms",
        more: format!("{}, median of {TIMES}", slowest.1),
    });
    at_once(&agent, table);
    for words in [
        &["runs", "--cause", "tls"][..],
        &[
            "runs",
            "--partner",
            "failing",
            "--outcome",
            "passed",
            "--json",
        ],
        &["latency", "--partner", "partner-7", "--from", "30d"],
    ] {
        let began = now();
        let output = scene.command(words).output().expect("it runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
        let took = began.elapsed().as_secs_f64() * 1e3;
        table.say(format!("`outrider {}`: {took:.0} ms", words.join(" ")));
    }
}

/// How long the overview takes while others ask the ledger.
fn at_once(agent: &Agent, table: &mut Table) {
    let times = std::thread::scope(|scope| {
        let others: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| ask(agent, "/v1/runs?after=0&limit=1000")))
            .collect();
        let own = ask(agent, "/v1/partners");
        for other in others {
            other.join().expect("it ends");
        }
        own
    });
    table.say(format!(
        "the overview while {AT_ONCE} clients read whole pages of runs: {:.1} ms, at most {:.1}",
        times[TIMES / 2],
        times[TIMES - 1]
    ));
}

/// How long answers take in milliseconds, shortest first.
fn ask(agent: &Agent, path: &str) -> Vec<f64> {
    let mut connection = agent.connection();
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let began = now();
            connection.get(path).expect("an answer");
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn stop(agent: Agent, scene: &Scene) {
    agent.program.signal("TERM");
    let lock = scene.ledger_path().with_extension("db.lock");
    until("the agent to end", || {
        std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
    });
}

/// Partners that nobody reaches, so that the agent itself adds little.
fn scene() -> Scene {
    let scene = Scene::new();
    let journeys = ["check", "other"];
    for journey in journeys {
        scene.journey(journey, ONE_STEP);
    }
    for number in 0..PARTNERS {
        let probes = journeys.map(|journey| (journey.to_owned(), 60_000));
        scene.partner_at(
            &format!("partner-{number}"),
            "http://127.0.0.1:9/fhir",
            None,
            &probes,
        );
    }
    scene
}

/// Fills a ledger; returns how many runs it holds. Real runs that an earlier version left lend their evidence.
pub(crate) fn fill(path: &Path) -> i64 {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stores/0.1.0/ledger.db");
    std::fs::copy(store, path).expect("a ledger");
    let since = DateTime::from_timestamp_micros(wall_us() - RUNS / 40 * STEP_US).expect("a time");
    let ledger = Ledger::open(path, Scale::REAL, since).expect("it is brought up");
    ledger.close().expect("it closes");
    let ledger = Sqlite::open(path).expect("a ledger");
    let run = |sql: &str| {
        ledger
            .execute_batch(sql)
            .unwrap_or_else(|why| panic!("{sql}: {why}"))
    };
    run("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN");
    add_names(&ledger);
    add_rows(&ledger);
    add_evidence(&ledger);
    account(&ledger);
    run("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    ledger
        .query_row(
            "SELECT count(*) FROM ticks WHERE outcome IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .expect("a count")
}

/// Words, probes of partners that are watched, and two of partners that are not.
fn add_names(ledger: &Sqlite) {
    for word in [
        "passed",
        "failed",
        "ran",
        "partner",
        "agent",
        "timeout",
        "tls",
        "status",
        "deadline",
        "disclosure",
        "agent_fault",
        "rare",
        "adult",
    ] {
        add_word(ledger, word);
    }
    let member = |number: i64| format!("member-{number}");
    (0..200).for_each(|number| add_word(ledger, &member(number)));
    for number in 0..PARTNERS {
        for journey in ["check", "other"] {
            add_probe(ledger, &format!("partner-{number}"), journey);
        }
    }
    add_probe(ledger, "gone", "check");
    add_probe(ledger, "failing", "check");
}

/// In turn over 40 probes; the first runs are of a partner that is gone, and one of the others only fails.
fn add_rows(ledger: &Sqlite) {
    let word = |word: &str| -> i64 {
        let sql = "SELECT id FROM words WHERE word = ?1";
        ledger
            .query_row(sql, [word], |row| row.get(0))
            .expect("a word")
    };
    let probe = |partner: &str| -> i64 {
        let sql = "SELECT min(id) FROM probes WHERE partner = ?1";
        ledger
            .query_row(sql, [partner], |row| row.get(0))
            .expect("a probe")
    };
    let each = PARTNERS * JOURNEYS;
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO ticks (seq, probe, due_us, disposition, excused, run, delay_us, duration_us, outcome, cause, owner,
                           member, cohort, judged, bad)
        SELECT 1000 + i,
               CASE WHEN i <= 1000 THEN ?2 WHEN i % ?4 = 3 THEN ?3 ELSE ?5 + i % ?4 END,
               ?6 + (i / ?4) * ?7 + i % ?4, ?8, 0, randomblob(16), 1200, 1000000 + i % 700000,
               CASE WHEN i % 50 = 0 OR (i % ?4 = 3 AND i > 1000) THEN ?9 ELSE 1 END,
               CASE WHEN i = 500050 THEN ?10 WHEN i % 50 = 0 AND i > 1000 THEN ?11
                    WHEN i % ?4 = 3 AND i > 1000 THEN ?12 WHEN i % 50 = 0 THEN ?12 END,
               CASE WHEN i % 50 = 0 OR (i % ?4 = 3 AND i > 1000) THEN ?13 END,
               CASE WHEN i = 77777 THEN ?14 ELSE ?15 + i % 200 END, ?16, 15,
               CASE WHEN i % 50 = 0 OR (i % ?4 = 3 AND i > 1000) THEN 1 ELSE 0 END
        FROM n";
    let begin = wall_us() - RUNS / each * STEP_US;
    ledger
        .execute(
            sql,
            params![
                RUNS,
                probe("gone"),
                probe("failing"),
                each,
                probe("partner-0"),
                begin,
                STEP_US,
                word("ran"),
                word("failed"),
                word("tls"),
                word("timeout"),
                word("status"),
                word("partner"),
                word("rare"),
                word("member-0"),
                word("adult")
            ],
        )
        .expect("rows");
}

/// Gives the newest runs and all failed ones the evidence of real runs.
fn add_evidence(ledger: &Sqlite) {
    let seeds = "SELECT seq FROM evidence WHERE seq <= 1000 ORDER BY seq";
    let seeds: Vec<i64> = {
        let mut statement = ledger.prepare(seeds).expect("a question");
        let found = statement.query_map([], |row| row.get(0)).expect("rows");
        found.map(|seq| seq.expect("a place")).collect()
    };
    let count = i64::try_from(seeds.len()).expect("few");
    for (place, seed) in seeds.iter().enumerate() {
        let place = i64::try_from(place).expect("few");
        ledger
            .execute(
                "INSERT INTO evidence SELECT t.seq, e.reference, e.body FROM ticks t, evidence e
                 WHERE e.seq = ?1 AND t.seq > 1000 AND t.seq % ?2 = ?3 AND (t.seq > ?4 OR t.outcome <> 1)",
                params![seed, count, place, 1000 + RUNS - WITH_EVIDENCE],
            )
            .expect("evidence");
    }
}

/// What the rows add up to, as if the agent had written them one by one.
fn account(ledger: &Sqlite) {
    let now = wall_us();
    for sql in [
        "DELETE FROM tick_hours",
        "INSERT INTO tick_hours SELECT due_us - due_us % 3600000000, min(seq), max(seq) FROM ticks GROUP BY 1",
        "UPDATE probes SET rows = (SELECT count(*) FROM ticks WHERE ticks.probe = probes.id)",
        "INSERT INTO probe_quarters (probe, quarter_us, ran, passed, failed)
         SELECT probe, due_us - due_us % 900000000, count(*), sum(outcome = 1), sum(outcome <> 1)
         FROM ticks WHERE seq > 1000 GROUP BY 1, 2",
        "INSERT INTO counters (metric, labels, value)
         SELECT 'outrider_ticks_total', json_array(p.partner, p.journey, 'ran'), sum(ran)
         FROM probe_quarters q JOIN probes p ON p.id = q.probe WHERE p.rows > 1000 OR p.partner = 'gone' GROUP BY p.id",
        "INSERT INTO counters (metric, labels, value)
         SELECT 'outrider_runs_total', json_array(p.partner, p.journey, 'passed'), sum(passed)
         FROM probe_quarters q JOIN probes p ON p.id = q.probe WHERE p.rows > 1000 OR p.partner = 'gone' GROUP BY p.id",
        "INSERT INTO counters (metric, labels, value)
         SELECT 'outrider_runs_total', json_array(p.partner, p.journey, 'failed'), sum(failed)
         FROM probe_quarters q JOIN probes p ON p.id = q.probe WHERE p.rows > 1000 OR p.partner = 'gone' GROUP BY p.id",
        "DELETE FROM counter_sums",
        "INSERT INTO counter_sums SELECT metric, sum(value) FROM counters GROUP BY metric",
        "INSERT OR REPLACE INTO meta SELECT 'seq', max(seq) FROM ticks",
        "INSERT OR REPLACE INTO meta SELECT 'sketches_through', max(seq) FROM ticks",
        "DELETE FROM watermarks",
    ] {
        ledger.execute(sql, []).unwrap_or_else(|why| panic!("{sql}: {why}"));
    }
    let sql = "INSERT INTO watermarks (probe, through_us) SELECT id, ?1 FROM probes";
    ledger.execute(sql, [now]).expect("watermarks");
}

fn add_word(ledger: &Sqlite, word: &str) {
    let sql = "INSERT INTO words (word) VALUES (?1) ON CONFLICT (word) DO NOTHING";
    ledger.execute(sql, [word]).expect("a word");
}

fn add_probe(ledger: &Sqlite, partner: &str, journey: &str) {
    let sql = "INSERT INTO probes (partner, journey) VALUES (?1, ?2)";
    ledger.execute(sql, [partner, journey]).expect("a probe");
}
