//! Times and connections: what is used again, what speaks HTTP/2, which family, and what was ours.

use std::sync::Arc;
use std::time::Duration;

use outrider::journey::{Client, Resolver, RunRequest, Tokens, run};
use outrider_domain::clock::{self, Clock};
use outrider_domain::model::{
    BlameCause, Cause, Count, FamilyWanted, JourneyId, Origin, Outcome, Owner, PartnerId, RunId,
    RunRecord,
};
use outrider_domain::secret::HashKey;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::scripted::{Release, Say, Scripted, document, status};
use crate::support::{Config, Pace, Sandbox, eventually};

fn journey(connection: &str, paths: &[&str]) -> String {
    let steps = paths.iter().enumerate().map(|(place, path)| {
        format!(
            "[[step]]\nid = \"s{place}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}{path}\"\n"
        )
    });
    let head = format!("id = \"scripted\"\ndeadline = \"5s\"\nconnection = \"{connection}\"\n");
    head + &steps.collect::<String>()
}

/// The requests of a run in order.
fn requests(run: &Value) -> Vec<&Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    steps
        .flat_map(|step| step["requests"].as_array().unwrap())
        .collect()
}

fn links(run: &Value) -> Vec<&str> {
    let all = requests(run).into_iter();
    all.map(|request| request["connection"].as_str().unwrap())
        .collect()
}

#[test]
fn a_connection_is_used_again_only_where_the_journey_says_so() {
    let server = Scripted::start([("/a", vec![document(&json!({"x": 1}))])]);
    let paths = ["/a", "/a", "/a"];
    let config = server.config(&journey("reuse", &paths), &Pace::default());
    let (code, run) = config.once("scripted", &[]);
    assert_eq!(code, 0, "{run}");
    assert_eq!(links(&run), ["new", "reused", "reused"]);
    assert_eq!(server.connections(), 1);
    for (place, request) in requests(&run).into_iter().enumerate() {
        let phases = request["phases"].as_object().unwrap();
        let names: Vec<_> = phases.keys().map(String::as_str).collect();
        let all = ["connect_ms", "dns_ms", "send_ms", "transfer_ms", "wait_ms"];
        let reused = ["send_ms", "transfer_ms", "wait_ms"];
        assert_eq!(names, if place == 0 { &all[..] } else { &reused[..] });
        let sum: f64 = phases.values().map(|time| time.as_f64().unwrap()).sum();
        let total = request["total_ms"].as_f64().unwrap();
        assert!(sum <= total + 0.01, "{sum} of {total} ms");
        assert_eq!(
            (&request["family"], &request["http"]),
            (&json!("ipv4"), &json!("1.1"))
        );
    }
    assert!(
        server
            .got()
            .iter()
            .all(|got| got.field("connection").is_none())
    );
    let config = server.config(&journey("new", &paths), &Pace::default());
    let (code, run) = config.once("scripted", &[]);
    assert_eq!((code, links(&run)), (0, vec!["new"; 3]), "{run}");
    assert_eq!(server.connections(), 4);
    assert_eq!(server.got()[3].field("connection"), Some("close"));
    let each: Vec<usize> = server.got().iter().map(|got| got.connection).collect();
    assert_eq!(each, [1, 1, 1, 2, 3, 4]);
}

#[test]
fn a_connection_found_dead_is_replaced_and_said_so() {
    let state = |state: &str| document(&json!({"state": state}));
    let server = Scripted::start([
        ("/a", vec![Say::AnswerAndClose(200, "{}".to_owned())]),
        ("/wait", vec![state("not yet"), state("done")]),
        ("/b", vec![status(200)]),
    ]);
    // Between both there is time for the farewell to arrive.
    let wait = "[[step]]\nid = \"wait\"\nuse = \"poll\"\nconnection = \"new\"\nevery = \"300ms\"\n\
                url = \"{{ partner.base_url }}/wait\"\nuntil = { path = \"$.state\", equals = \"done\" }\n";
    let steps = journey("reuse", &["/a", "/b"]);
    let (first, second) = steps.split_once("[[step]]\nid = \"s1\"").unwrap();
    let steps = format!("{first}{wait}[[step]]\nid = \"s1\"{second}");
    let (code, run) = server
        .config(&steps, &Pace::default())
        .once("scripted", &[]);
    assert_eq!(code, 0, "{run}");
    assert_eq!(links(&run), ["new", "new", "new", "replaced"], "{run}");
    assert_eq!(server.got().len(), 4, "each is sent once");
    assert!(requests(&run)[3]["phases"]["connect_ms"].is_number());
}

#[test]
fn no_request_is_sent_again_behind_our_back() {
    // The connection dies with the request on it: nobody knows whether it was taken.
    let server = Scripted::start([
        ("/a", vec![status(200)]),
        ("/b", vec![Say::Close, status(200)]),
    ]);
    for (connection, sent) in [("reuse", 2), ("new", 4)] {
        server.script("/b", vec![Say::Close, status(200)]);
        let config = server.config(&journey(connection, &["/a", "/b"]), &Pace::default());
        let (code, run) = config.once("scripted", &[]);
        assert_eq!(
            (code, &run["blame"]["cause"]),
            (4, &json!("reset")),
            "{run}"
        );
        assert_eq!(requests(&run).len(), 2);
        assert_eq!(server.got().len(), sent, "each request is sent once");
    }
}

/// The whole exchange with more in the head of its journey's file.
fn with_head(config: &Config, head: &str) {
    let id = "id = \"bulk-exchange\"";
    config.replace("probes/bulk-exchange.toml", id, &format!("{id}\n{head}"));
}

#[test]
fn a_whole_exchange_is_spoken_in_http_2_and_over_one_connection() {
    let sandbox = Sandbox::start();
    let versions = |run: &Value| -> Vec<String> {
        let mut versions: Vec<_> = requests(run)
            .into_iter()
            .map(|request| request["http"].as_str().unwrap_or("none").to_owned())
            .collect();
        versions.dedup();
        versions
    };
    for (head, version) in [
        ("http = \"2\"", "2"),
        ("http = \"auto\"", "1.1"),
        ("http = \"2\"\nconnection = \"reuse\"", "2"),
        ("connection = \"reuse\"", "1.1"),
    ] {
        let config = Config::at(&sandbox, &Pace::patient());
        with_head(&config, head);
        let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
        assert_eq!(
            (code, &run["outcome"]),
            (0, &json!("passed")),
            "{head}: {run}"
        );
        assert_eq!(versions(&run), [version], "{head}");
        let links = links(&run);
        let reused = links.iter().filter(|link| **link == "reused").count();
        let wanted = if head.contains("reuse") {
            links.len() - 1
        } else {
            0
        };
        assert_eq!(reused, wanted, "{head}: {run}");
        for request in requests(&run) {
            let total = request["total_ms"].as_f64().unwrap();
            let phases = request["phases"].as_object().unwrap().values();
            let sum: f64 = phases.map(|time| time.as_f64().unwrap()).sum();
            assert!(sum <= total + 0.01, "{request}");
            assert!(
                request["phases"]["wait_ms"].as_f64().unwrap() > 0.0,
                "{request}"
            );
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_a_reset_in_http_2_as_well() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    with_head(&config, "http = \"2\"");
    sandbox.inject("keystone", "reset-mid-body");
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &json!("reset")),
        "{run}"
    );
}

#[test]
fn a_probe_keeps_to_its_family_of_addresses() {
    let sandbox = Sandbox::start();
    for (family, code, cause) in [
        ("ipv4", 0, Value::Null),
        // The partner has an IPv4 address alone.
        ("ipv6", 4, json!("dns")),
    ] {
        let config = Config::at(&sandbox, &Pace::patient());
        config.replace(
            "partners/keystone.toml",
            "members = \"keystone-basic\"",
            &format!("members = \"keystone-basic\"\nfamily = \"{family}\""),
        );
        let (seen, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
        assert_eq!((seen, &run["blame"]["cause"]), (code, &cause), "{run}");
        if code == 0 {
            assert!(requests(&run).iter().all(|one| one["family"] == "ipv4"));
        }
    }
}

#[test]
fn a_partner_is_reached_by_its_ipv6_address() {
    let server = Scripted::start_at("[::1]:0", [("/a", vec![status(200)])]);
    for (family, code) in [("any", 0), ("ipv6", 0), ("ipv4", 4)] {
        let config = server.config(&journey("new", &["/a"]), &Pace::default());
        config.replace(
            "partners/keystone.toml",
            "journey = \"scripted\"",
            &format!("journey = \"scripted\"\nfamily = \"{family}\""),
        );
        let (seen, run) = config.once("scripted", &[]);
        assert_eq!(seen, code, "{run}");
        if code == 0 {
            assert_eq!(requests(&run)[0]["family"], "ipv6");
        }
    }
}

/// What goes on next to a run on its thread.
#[derive(Clone, Debug)]
enum Beside {
    /// Each time the partner has written an answer, other work for so long.
    AfterEachAnswer(Arc<Release>, Duration),
    /// Other work for so long, again and again with a moment in between.
    Always(Duration),
}

impl Beside {
    async fn go_on(self, clock: Clock) {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let time = match &self {
                Self::AfterEachAnswer(release, _) if !release.is_awaited() => continue,
                Self::AfterEachAnswer(release, time) => {
                    release.release();
                    *time
                }
                Self::Always(time) => *time,
            };
            let began = clock.instant();
            while clock.instant() - began < time {
                std::hint::spin_loop();
            }
        }
    }
}

/// How long a run and its requests may take, and the own delay above which they are marked.
#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Duration,
    timeout: Duration,
    own_delay_max: Duration,
}

const PATIENT: Limits = Limits {
    deadline: Duration::from_secs(20),
    timeout: Duration::from_secs(5),
    own_delay_max: Duration::from_millis(20),
};

/// Limits like these, of which first the timeout and then the deadline is so short.
fn short(timeout: Duration, deadline: Duration) -> [Limits; 2] {
    let of_request = Limits { timeout, ..PATIENT };
    let of_run = Limits {
        deadline,
        ..PATIENT
    };
    [of_request, of_run]
}

/// One run in a runtime like the agent's, with other work on its thread.
fn run_beside(config: &Config, limits: Limits, beside: &Beside) -> RunRecord {
    let folder = config.folder.path();
    let overlay = folder.join("overlay.toml");
    let plan =
        outrider_domain::config::load(&folder.join("outrider.toml"), Some(&overlay)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_park(clock::parks)
        .on_thread_unpark(clock::woke)
        .build()
        .unwrap();
    let beside = beside.clone();
    let running = async move {
        let clock = Clock::real();
        let partner = &plan.partners[&PartnerId::new("keystone")];
        let client = Client::new(partner, &plan.settings, &Resolver::new(&plan.settings));
        let (jobs, _told) = mpsc::channel(4);
        tokio::spawn(beside.go_on(clock.clone()));
        let request = RunRequest {
            id: RunId::new("a-run"),
            origin: Origin::Once,
            due_at: clock.now(),
            tick: None,
            partner,
            journey: &plan.journeys[&JourneyId::new("scripted")],
            deadline: limits.deadline,
            timeout: limits.timeout,
            member: None,
            client: &client,
            family: FamilyWanted::Any,
            own_delay_max: limits.own_delay_max,
            hash_key: &HashKey::of(b"suite"),
            tokens: &Tokens::new(),
            clock: &clock,
            jobs: &jobs,
        };
        run(&request).await
    };
    let record = runtime.block_on(async { tokio::spawn(running).await.unwrap() });
    runtime.shutdown_background();
    record
}

/// A server that holds each answer back until it is released, and a run of so many requests to it.
fn held(release: &Arc<Release>, requests: usize) -> (Scripted, Config) {
    let server = Scripted::start([("/a", vec![Say::WhenReleased(Arc::clone(release))])]);
    let paths = vec!["/a"; requests];
    let config = server.config(&journey("new", &paths), &Pace::default());
    (server, config)
}

#[test]
fn what_we_delayed_ourselves_is_measured_and_marked_above_the_limit() {
    let release = Arc::new(Release::default());
    let (_server, config) = held(&release, 12);
    let beside = Beside::AfterEachAnswer(release, Duration::from_millis(60));
    let record = run_beside(&config, PATIENT, &beside);
    let requests = record.steps.iter().flat_map(|step| &step.requests);
    let request = requests.max_by_key(|request| request.own_delay).unwrap();
    assert!(request.own_delay <= request.total, "{request:?}");
    assert!(request.agent_delayed && record.agent_delayed, "{request:?}");
    let of_steps: Duration = record.steps.iter().map(|step| step.own_delay).sum();
    assert!(request.own_delay <= of_steps && of_steps <= record.own_delay);
    assert!(record.verdict.blame.is_none(), "the mark decides nothing");
    let limits = Limits {
        own_delay_max: Duration::from_secs(60),
        ..PATIENT
    };
    let record = run_beside(&config, limits, &beside);
    assert!(!record.agent_delayed, "{record:?}");
}

#[test]
fn an_answer_that_we_read_too_late_leaves_the_run_inconclusive() {
    let work = Duration::from_millis(400);
    for limits in short(work / 2, work * 2) {
        let release = Arc::new(Release::default());
        let (_server, config) = held(&release, 3);
        let beside = Beside::AfterEachAnswer(release, work);
        let record = run_beside(&config, limits, &beside);
        let blame = record.verdict.blame.as_ref().unwrap();
        assert_eq!(record.outcome, Outcome::Inconclusive, "{record:?}");
        let cause = BlameCause::Layer(Cause::Timeout);
        assert_eq!((blame.owner, blame.cause), (Owner::Agent, cause));
        assert!(blame.summary.contains("our own delay"), "{blame:?}");
        assert_eq!(record.verdict.counts, [Count::Out; 3]);
    }
}

#[test]
fn a_busy_agent_never_blames_an_untouched_partner_and_a_black_hole_is_always_bad() {
    let server = Scripted::start([("/a", vec![status(200)]), ("/hole", vec![Say::Nothing])]);
    let ms = Duration::from_millis;
    let beside = Beside::Always(ms(200));
    let untouched = server.config(&journey("new", &["/a"; 4]), &Pace::default());
    // Less than the other work takes between two looks, and far more than the partner takes, also on a machine
    // that is busy with other tests.
    for limits in short(ms(150), ms(300)) {
        for _ in 0..2 {
            let record = run_beside(&untouched, limits, &beside);
            let blame = record.verdict.blame.as_ref();
            let is_ours = blame.is_none_or(|blame| blame.owner == Owner::Agent);
            assert!(is_ours && record.outcome != Outcome::Failed, "{record:?}");
        }
    }
    let hole = server.config(&journey("new", &["/hole"]), &Pace::default());
    for limits in short(ms(800), ms(800)) {
        for _ in 0..2 {
            let record = run_beside(&hole, limits, &beside);
            assert_eq!(record.outcome, Outcome::Failed, "{record:?}");
            let blame = record.verdict.blame.as_ref().unwrap();
            assert_eq!(blame.owner, Owner::Partner, "{blame:?}");
        }
    }
}

#[test]
fn once_does_not_call_the_wait_for_a_partner_its_own() {
    let server = Scripted::start([("/hole", vec![Say::Nothing])]);
    let pace = Pace {
        timeout: "2s",
        ..Pace::default()
    };
    let config = server.config(&journey("new", &["/hole"]), &pace);
    let (code, run) = config.once("scripted", &[]);
    let owner = &run["blame"]["owner"];
    assert_eq!((code, owner), (4, &json!("partner")), "{run}");
    let request = requests(&run)[0];
    let time = |key: &str| request[key].as_f64().unwrap();
    assert!(time("own_delay_ms") < time("total_ms") / 2.0, "{request}");
}

#[test]
fn marked_runs_are_counted_and_stay_in_the_latency_objective() {
    let server = Scripted::start([("/a", vec![status(200)])]);
    let pace = Pace {
        every: "100ms",
        deadline: "2s",
        concurrency: 20,
        ..Pace::default()
    };
    let config = server.config(&journey("new", &["/a", "/a", "/a", "/a"]), &pace);
    // So little that a busy machine is often above it.
    config.replace(
        "outrider.toml",
        "stop_grace",
        "own_delay_max = \"1ms\"\nstop_grace",
    );
    let slo = "[slo.latency]\njourneys = [\"scripted\"]\nobjective = 90\nthreshold = \"1s\"\n";
    let file = config.folder.path().join("partners/keystone.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text + slo).unwrap();
    let agent = config.agent();
    eventually("runs that were marked", || {
        let metrics = agent.metrics();
        let marked = metrics.count("outrider_agent_delayed_runs_total", &[]);
        (marked >= 1).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let in_ledger = |sql: &str| -> u64 { config.in_ledger(sql) };
    let judged = in_ledger(
        "SELECT count(*) FROM runs WHERE outcome = 'passed' AND NOT (duration_us > 1000000
         AND duration_us - coalesce(detail ->> '$.own_delay_us', 0) <= 1000000)",
    );
    let marked = in_ledger(
        "SELECT count(*) FROM runs WHERE outcome = 'passed' AND detail ->> '$.agent_delayed'",
    );
    let counted = in_ledger(
        "SELECT coalesce(sum(value), 0) FROM counters WHERE metric = 'outrider_agent_delayed_runs_total'
         AND json_extract(labels, '$[1]') = 'scripted'",
    );
    let events = in_ledger(
        "SELECT coalesce(sum(value), 0) FROM counters WHERE metric = 'outrider_slo_events_total'
         AND json_extract(labels, '$[1]') = 'latency'",
    );
    assert!(counted >= marked && marked >= 1);
    assert_eq!(events, judged, "the mark decides nothing");
}
