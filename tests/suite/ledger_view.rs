//! The ledger in words: rows name words by number and evidence is packed, so tests and benches read it through views.

use std::path::Path;

use outrider::ledger::Ledger;
use outrider_domain::model::{Phase, RequestEvidence, RunRecord, StepEvidence};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use serde_json::{Value, json};

/// `ticks` holds open ones too, `runs` has its evidence as JSON in `detail`.
const VIEWS: &str = "
CREATE TEMP VIEW ticks AS
    SELECT partner, journey, due_us, word AS disposition, seq
    FROM main.ticks JOIN main.probes ON probes.id = probe JOIN main.words ON words.id = disposition
    UNION ALL
    SELECT partner, journey, due_us, NULL, NULL FROM main.open_ticks JOIN main.probes ON probes.id = probe;
CREATE TEMP VIEW runs AS
    SELECT seq, run_text(run) AS run, partner, journey, members.word AS member, coalesce(cohorts.word, '') AS cohort,
           due_us, due_us + delay_us AS started_us, duration_us, outcomes.word AS outcome,
           run_detail(run) AS detail
    FROM main.ticks JOIN main.probes ON probes.id = probe
    JOIN main.words AS outcomes ON outcomes.id = outcome
    LEFT JOIN main.words AS members ON members.id = member
    LEFT JOIN main.words AS cohorts ON cohorts.id = cohort;
CREATE TEMP VIEW jobs AS SELECT *, NULL AS released_us FROM main.jobs;
CREATE TEMP VIEW asides AS SELECT * FROM main.follow_up_runs;
";

/// Opens the file of a ledger. Of another schema than the present one it has no views.
pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let Ok(ledger) = Ledger::reader(path) else {
        return connection;
    };
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap_or(0);
    if version == 0 {
        return connection;
    }
    let flags = FunctionFlags::SQLITE_UTF8;
    connection
        .create_scalar_function("run_text", 1, flags, |call| Ok(run_text(&call.get(0)?)))
        .unwrap();
    connection
        .create_scalar_function("run_detail", 1, flags, move |call| {
            let found = ledger.run(&run_text(&call.get(0)?)).ok().flatten();
            Ok(found.map(|run| detail(&run.record).to_string()))
        })
        .unwrap();
    connection.execute_batch(VIEWS).unwrap();
    connection
}

fn run_text(run: &rusqlite::types::Value) -> String {
    match run {
        rusqlite::types::Value::Blob(bytes) => uuid::Uuid::from_slice(bytes)
            .unwrap_or_default()
            .to_string(),
        rusqlite::types::Value::Text(text) => text.clone(),
        rusqlite::types::Value::Null
        | rusqlite::types::Value::Integer(_)
        | rusqlite::types::Value::Real(_) => String::new(),
    }
}

fn detail(run: &RunRecord) -> Value {
    let words = |all: &[&dyn ToString]| all.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    let [transport, application, business] = &run.verdict.layers;
    let [first, second, third] = &run.verdict.counts;
    json!({
        "layers": words(&[transport, application, business]),
        "counts": words(&[first, second, third]),
        "blame": run.verdict.blame.as_ref().map(|blame| json!({
            "cause": blame.cause.name(), "owner": blame.owner.name(), "summary": blame.summary,
        })),
        "overlaps": run.overlaps,
        "excluded": run.excluded,
        "own_delay_us": microseconds(run.own_delay),
        "agent_delayed": run.agent_delayed,
        "steps": run.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &StepEvidence) -> Value {
    json!({
        "step": step.step.as_str(),
        "state": step.state.to_string(),
        "cached_token": step.cached_token,
        "requests": step.requests.iter().map(request).collect::<Vec<_>>(),
    })
}

fn microseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

fn request(request: &RequestEvidence) -> Value {
    let us = microseconds;
    let phases = Phase::ALL
        .iter()
        .map(|phase| request.phases.get(*phase).map(us));
    json!({
        "offset_us": us(request.offset),
        "total_us": us(request.total),
        "phases_us": phases.collect::<Vec<_>>(),
        "own_delay_us": us(request.own_delay),
        "agent_delayed": request.agent_delayed,
    })
}
