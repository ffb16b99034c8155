//! Objectives: what `slo explain`, `slo status` and `slo export` say, and that it is true.

use std::process::Output;
use std::time::Duration;

use outrider_domain::model::{Outcome, Plan, SloName};
use outrider_domain::slo::{self, Adjustment, Detection, Explained, Explainer, Objective};
use serde_json::Value;

use crate::second_opinion::Chance;
use crate::support::{Config, Pace, Sandbox, eventually, repository};

fn handed_out() -> Plan {
    outrider_domain::config::load(&repository().join("outrider.toml"), None).unwrap()
}

/// Keystone's: a run a minute.
fn of<'a>(objectives: &'a [Objective<'a>], name: SloName) -> &'a Objective<'a> {
    let mut found = objectives.iter();
    found
        .find(|one| one.partner.id.as_str() == "keystone" && one.slo.name == name)
        .unwrap()
}

fn close(is: f64, wanted: f64) -> bool {
    (is - wanted).abs() < 1e-9
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[test]
fn the_tiers_of_a_run_a_minute_are_those_worked_out_by_hand() {
    let plan = handed_out();
    let objectives = slo::objectives(&plan).unwrap();
    let all = Explained::all(&plan, of(&objectives, SloName::Business));
    // B = 43,200 · 0.03 = 1,296; k = ⌊0.02 · 1,296⌋ + 1 = 26.
    let fast = &all[0];
    assert!(close(fast.factor, 14.4) && close(fast.ratio, 0.432));
    assert!(close(fast.spent, 26.0 / 1_296.0));
    let Detection::After { typical, worst } = fast.behaviour.total else {
        panic!("{:?}", fast.behaviour.total);
    };
    // The outage begins anywhere between two runs, and the 26th bad one fires it.
    assert!(
        typical > minutes(25) && typical < minutes(26),
        "{typical:?}"
    );
    assert_eq!(worst, Some(minutes(26)));
    assert_eq!(fast.behaviour.reset, [fast.alarm.short + minutes(5); 2]);
    assert_eq!(fast.adjustment, None);
    // A tenth of 60 runs is 6, a tenth of 360 is 36, of 1,440 it is 144, and that of 4,320 is 432.
    let tenth: Vec<_> = all.iter().map(|one| one.behaviour.partial[1]).collect();
    assert_eq!(tenth[0], (10, Detection::Never));
    assert!(
        matches!(tenth[1], (10, Detection::Seldom(_))),
        "{:?}",
        tenth[1]
    );
    for (_, ticket) in &tenth[2..] {
        let Detection::After { typical, .. } = ticket else {
            panic!("{ticket:?}");
        };
        assert!(
            (minutes(1_100)..minutes(1_500)).contains(typical),
            "{typical:?}"
        );
    }
    assert!(close(all[1].factor, 6.0) && close(all[3].factor, 1.0));

    // 3 ÷ (0.02 · 0.0005) = 300,000 runs in 30 days: one in 8.64 s.
    let transport = Explained::all(&plan, of(&objectives, SloName::Transport));
    let every = Duration::from_secs_f64(8.64);
    assert_eq!(transport[0].adjustment, Some(Adjustment::Floor(every)));
    let falsely = transport[0].behaviour.false_alerts;
    assert_eq!(falsely.independent, None);
    // 21.6 bad runs a month in episodes of 15 are 1.44, of which (14/15)² have three.
    let wanted = 1.25 / 1.15..1.25 * 1.15;
    assert!(
        falsely.bursty.is_some_and(|one| wanted.contains(&one)),
        "{falsely:?}"
    );
}

/// Runs until k bad ones lie within a window that saw only good ones before; none within the horizon.
fn first_alert(chance: &mut Chance, k: usize, long: u64, share: f64, horizon: u64) -> Option<u64> {
    let mut bad = std::collections::VecDeque::new();
    for run in 1..=horizon {
        if chance.next() < share {
            bad.push_back(run);
        }
        while bad.front().is_some_and(|first| first + long <= run) {
            bad.pop_front();
        }
        if bad.len() >= k {
            return Some(run);
        }
    }
    None
}

#[test]
fn never_is_said_of_the_committed_tiers_only_where_no_simulated_outage_fires() {
    let plan = handed_out();
    let objectives = slo::objectives(&plan).unwrap();
    let mut explainer = Explainer::new(&plan);
    let mut chance = Chance(5);
    let (mut never, mut all, mut known) = (0, 0, std::collections::BTreeSet::new());
    for objective in &objectives {
        for one in explainer.explain(objective) {
            all += 1;
            let (alarm, runs) = (one.alarm, objective.runs);
            for (percent, told) in one.behaviour.partial {
                let is_never = told == Detection::Never;
                never += u32::from(is_never && percent == 10);
                // Partners with the same numbers are simulated once.
                let numbers = (alarm.long_runs, alarm.bad_runs, runs, percent);
                if !known.insert(numbers) {
                    continue;
                }
                let (k, share) = (
                    usize::try_from(alarm.bad_runs).unwrap(),
                    f64::from(percent) / 100.0,
                );
                let mut outage = || first_alert(&mut chance, k, alarm.long_runs, share, runs);
                let fired = (0..40).filter_map(|_| outage()).count();
                let what = format!(
                    "{} {} {} {percent} %: {told:?}, {fired} of 40 fired",
                    objective.partner.id,
                    objective.slo.name,
                    alarm.tier.name()
                );
                match told {
                    Detection::Never => assert_eq!(fired, 0, "{what}"),
                    Detection::Seldom(_) => assert!(fired < 30, "{what}"),
                    Detection::After { .. } => assert!(fired > 10, "{what}"),
                }
            }
        }
    }
    println!("{never} of {all} tiers never fire in an outage of a tenth");
    assert!(never > 0 && all >= 100, "{never} of {all}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn calm() -> Config {
    Config::new(&Pace {
        every: "1m",
        timeout: "20s",
        deadline: "1m",
        concurrency: 1,
    })
}

#[test]
fn explain_is_a_table_for_people_and_a_document_for_machines() {
    let config = calm();
    let told = config.output(&["slo", "explain", "--slo", "business"]);
    assert!(told.status.success(), "{told:?}");
    let told = text(&told.stdout);
    let row = |tier: &str| {
        let line = told
            .lines()
            .find(|line| line.trim_start().starts_with(tier));
        line.unwrap_or_else(|| panic!("no {tier} in {told}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        row("page-fast "),
        "page-fast 60 (1h) 5 (5m) 14.4 43.2 % 26 2.01 % 26m 52m to 1h15m never 10m < 0.05, 17"
    );
    assert!(told.contains("1296 may be bad (the budget)"), "{told}");
    assert!(
        !told.contains('\u{1b}') && !told.contains("keystone transport"),
        "{told}"
    );
    for word in [
        "  F, ratio ",
        "  fires at ",
        "  ends ",
        "  false ",
        "episodes of 15 runs",
    ] {
        assert!(told.contains(word), "{word} in {told}");
    }
    let all = document(&config.output(&["slo", "explain", "--json"]));
    let objectives = all["objectives"].as_array().unwrap();
    let names: Vec<_> = objectives.iter().map(|one| one["slo"].clone()).collect();
    assert_eq!(names, ["transport", "application", "business"]);
    let fast = &objectives[2]["tiers"][0];
    assert_eq!(fast["fires_at_bad_runs"], 26);
    assert_eq!(
        (&fast["window_runs"], &fast["short_window_runs"]),
        (&60.into(), &5.into())
    );
    assert_eq!(fast["detects_total_outage"]["worst_seconds"], 1_560.0);
    assert_eq!(fast["detects_partial_outage"][1]["how"], "never");
    assert_eq!(fast["false_alerts_in_30_days"]["independent"], Value::Null);

    let none = config.output(&["slo", "explain", "--partner", "keystane"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(
        text(&none.stderr).contains("Partners: keystone"),
        "{none:?}"
    );
}

#[test]
fn a_promise_too_low_for_its_tier_is_called_impossible_and_still_watched() {
    let config = calm();
    let table = "[slo.business]\n";
    let low = format!("{table}objective = 80\n");
    config.replace("partners/keystone.toml", table, &low);
    let told = config.output(&["slo", "explain", "--slo", "business", "--json"]);
    let all = document(&told);
    let fast = &all["objectives"][0]["tiers"][0];
    // F · b = 14.4 · 0.2: no hour has so many runs. k = ⌊0.02 · 8,640⌋ + 1, a run a minute.
    assert_eq!(fast["bent"], "impossible");
    assert!(fast["ratio"].as_f64().unwrap() > 2.8);
    assert_eq!(fast["fires_at_bad_runs"], 173);
    assert_eq!(fast["window_runs"], 173);
    assert_eq!(fast["window_seconds"], 173.0 * 60.0);
    assert_eq!(fast["detects_total_outage"]["worst_seconds"], 173.0 * 60.0);
}

#[test]
fn a_calendar_has_no_faster_version() {
    let config = calm();
    let table = "[slo.business]\n";
    let monthly = format!("{table}window = \"month\"\ntimezone = \"America/New_York\"\n");
    config.replace("partners/keystone.toml", table, &monthly);
    let explained = config.output(&["slo", "explain", "--slo", "business"]);
    let told = text(&explained.stdout);
    // 28 days of a run a minute: alerts are never later than in the shortest month.
    assert!(
        told.contains("over a month in America/New_York\n40320 runs"),
        "{told}"
    );
    let refused = config.output(&["generate", "--scale", "60"]);
    assert_eq!(refused.status.code(), Some(3));
    let told = text(&refused.stderr);
    assert!(
        told.contains("[slo.business] of keystone counts over a calendar"),
        "{told}"
    );
}

#[test]
fn status_without_a_ledger_is_6_with_a_cure() {
    let config = calm();
    let told = config.output(&["slo", "status"]);
    assert_eq!(told.status.code(), Some(6), "{told:?}");
    assert!(
        text(&told.stderr).contains("ledger.db is unavailable"),
        "{told:?}"
    );
    assert!(!config.folder.path().join("ledger.db").exists());
}

/// Objectives of every kind over one journey.
const ALL: &str = r#"[slo.latency]
journeys = ["bulk-exchange"]
objective = 90
threshold = "1ms"
[slo.acceptance]
journeys = ["bulk-exchange"]
objective = 90
threshold = "4s"
[slo.identity]
journeys = ["bulk-exchange"]
objective = 90
threshold = { bulk-exchange = "1ms" }
[slo.retrieval]
journeys = ["bulk-exchange"]
objective = 90
window = "month"
timezone = "America/New_York"
threshold = "4s"
[slo.settlement]
journeys = ["bulk-exchange"]
objective = 90
threshold = "4s"
"#;

#[test]
fn clocks_and_latency_count_what_runs_took_and_status_says_what_is_exported() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let table = "[slo.transport]\n";
    config.replace("partners/keystone.toml", table, &format!("{ALL}{table}"));
    let agent = config.agent();
    let count = |family: &str, slo: &str| agent.metrics().count(family, &[("slo", slo)]);
    let (events, bad) = ("outrider_slo_events_total", "outrider_slo_bad_total");
    eventually("a run in each objective", || {
        let all = [
            "latency",
            "acceptance",
            "identity",
            "retrieval",
            "settlement",
        ];
        all.iter().all(|slo| count(events, slo) > 1).then_some(())
    });
    // A job that never completes begins the clock of identity and does not end it.
    sandbox.inject("keystone", "job-never-completes");
    eventually(
        "a run in flight, against its deadline and those before it",
        || {
            let told = config.output(&["slo", "status", "--json", "--overlay", "overlay.toml"]);
            let told = document(&told);
            let flight = told["in_flight"].as_array().unwrap().first()?.clone();
            assert_eq!(flight["journey"], "bulk-exchange");
            assert_eq!(flight["deadline_seconds"], 5.0);
            let late = flight["late_probability"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&late), "{flight}");
            (flight["age_seconds"].as_f64().unwrap() > 1.0).then_some(())
        },
    );
    eventually("a settlement that never comes", || {
        (count(bad, "settlement") > 1).then_some(())
    });
    // A run that fails at once never settles either, however quick it was.
    sandbox.inject("keystone", "records-missing");
    let slow = count(bad, "settlement");
    eventually("a quick failure", || {
        let quick = config.in_ledger::<i64>(
            "SELECT count(*) FROM runs WHERE outcome = 'failed' AND duration_us < 4000000",
        );
        (quick > 0 && count(bad, "settlement") > slow).then_some(())
    });
    sandbox.heal("keystone");
    let goods = count(events, "latency");
    eventually("good runs again", || {
        (count(events, "latency") > goods + 1).then_some(())
    });
    assert_eq!(count(bad, "latency"), count(events, "latency"));
    assert_eq!(count(bad, "identity"), count(events, "identity"));
    for slo in ["acceptance", "retrieval"] {
        assert_eq!(count(bad, slo), 0, "{slo}");
    }
    let told = document(&config.output(&["slo", "status", "--json", "--overlay", "overlay.toml"]));
    let objectives = told["objectives"].as_array().unwrap();
    assert_eq!(objectives.len(), 8);
    assert_eq!(agent.stop(), 0);
    assert_status(&config);
    // The same by hand: a run that failed never settled, and nothing that passed took four seconds.
    let (settled, failed): (i64, i64) = (
        config.in_ledger(
            "SELECT value FROM counters WHERE metric = 'outrider_slo_bad_total'
             AND labels = '[\"keystone\",\"settlement\"]'",
        ),
        config.in_ledger(
            "SELECT count(*) FROM runs WHERE outcome = 'failed'
             OR (outcome = 'passed' AND duration_us > 4000000)",
        ),
    );
    assert_eq!(settled, failed);
}

/// The last word of the ledger: `slo status` says what its counters say, and says what net is.
fn assert_status(config: &Config) {
    let told = document(&config.output(&["slo", "status", "--json"]));
    for one in told["objectives"].as_array().unwrap() {
        let slo = one["slo"].as_str().unwrap();
        let counter = |family: &str| -> f64 {
            config.in_ledger(&format!(
                "SELECT coalesce(sum(value), 0.0) FROM counters
                 WHERE metric = '{family}' AND labels = '[\"keystone\",\"{slo}\"]'"
            ))
        };
        let number = |key: &str| one["raw"][key].as_f64().unwrap();
        assert!(
            close(number("events"), counter("outrider_slo_events_total")),
            "{one}"
        );
        assert!(
            close(number("bad"), counter("outrider_slo_bad_total")),
            "{one}"
        );
        let budget = one["budget_runs"].as_f64().unwrap();
        assert!(close(
            number("budget_remaining_ratio"),
            1.0 - number("bad") / budget
        ));
        assert_eq!(one["net"], one["raw"], "nothing was left out");
        let reason = one["net_reason"].as_str().unwrap();
        assert!(reason.contains("a calendar excludes"));
        let breach = one["forecast"]["breach_probability"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&breach), "{one}");
        assert!(
            one["coverage_ratio"].as_f64().unwrap() < 0.1,
            "just begun: {one}"
        );
        if slo == "retrieval" {
            // Of a calendar month every run that is left is known.
            let (due, left) = (&one["runs_due"], &one["forecast"]["runs_to_come"]);
            assert!(due.as_u64().unwrap() >= left.as_u64().unwrap());
            assert!((28 * 86_400..=31 * 86_400 + 3_600).contains(&due.as_u64().unwrap()));
        }
    }
    let shown = text(
        &config
            .output(&["slo", "status", "--slo", "settlement"])
            .stdout,
    );
    for word in [
        "budget ",
        "seen ",
        "burn ",
        "forecast ",
        "used up ",
        "net        the same",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
}

#[test]
fn settlement_is_promised_in_business_days() {
    let config = Config::new(&Pace::default());
    let file = config.folder.path().join("partners/keystone.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (head, _) = whole.split_once("[[probe]]").unwrap();
    // An exchange a quarter of an hour, each with four days to come to its end.
    let rest = r#"[[probe]]
journey = "bulk-exchange"
every = "15m"
deadline = "4d"
concurrency = 400
members = "keystone-basic"
[slo.settlement]
journeys = ["bulk-exchange"]
objective = 95
threshold = "1 business day"
timezone = "America/New_York"
tiers = ["page-slow"]
"#;
    std::fs::write(&file, head.to_owned() + rest).unwrap();
    let shown = config.output(&["slo", "explain"]);
    let shown = text(&shown.stdout) + &text(&shown.stderr);
    assert!(
        shown.contains("within 1 business day in America/New_York (bulk-exchange)"),
        "{shown}"
    );
    let refused = config.output(&["run", "--scale", "60"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("counts business days, which cannot be scaled"));
}

#[test]
fn net_figures_are_without_what_a_calendar_excludes() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let partner = config.folder.path().join("partners/keystone.toml");
    let plain = std::fs::read_to_string(&partner).unwrap();
    sandbox.inject("keystone", "records-missing");
    // Ticks that found a bad run still going are bad too.
    let failed = |excluded: bool| -> u64 {
        let records = config.records().into_iter();
        let failed =
            records.filter(|run| run.excluded == excluded && run.outcome == Outcome::Failed);
        failed.map(|run| 1 + u64::from(run.overlaps)).sum()
    };
    let calendar = crate::schedule::around_now("\"exclude\"");
    for (text, excluded) in [(format!("{plain}\n{calendar}"), true), (plain, false)] {
        std::fs::write(&partner, text).unwrap();
        let agent = config.agent();
        eventually("bad runs", || (failed(excluded) >= 2).then_some(()));
        assert_eq!(agent.stop(), 0);
    }
    let told = document(&config.output(&["slo", "status", "--slo", "business", "--json"]));
    let one = &told["objectives"][0];
    let count = |of: &str, key: &str| one[of][key].as_u64().unwrap();
    // Among them what a stop cut off, which is no event, and what was due while nobody was there.
    let excluded = |outcome: Option<Outcome>| {
        let records = config.records().into_iter();
        let excluded = records.filter(|run| run.excluded);
        let wanted = excluded.filter(|run| outcome.is_none_or(|outcome| run.outcome == outcome));
        u64::try_from(wanted.count()).unwrap()
    };
    assert!(count("net", "left_out") >= excluded(None));
    assert_eq!(count("raw", "bad") - count("net", "bad"), failed(true));
    // Members who have no records miss none.
    let passed = excluded(Some(Outcome::Passed));
    assert_eq!(
        count("raw", "events") - count("net", "events"),
        failed(true) + passed
    );
    assert_eq!(count("net", "bad"), failed(false));
    // 3 % of the runs that were left out are no budget.
    let budget = |of: &str| one[of]["budget_runs"].as_f64().unwrap();
    let spared = 0.03 * one["net"]["left_out"].as_f64().unwrap();
    assert!(
        (budget("raw") - budget("net") - spared).abs() < 1e-6,
        "{one}"
    );
    let shown = text(
        &config
            .output(&["slo", "status", "--slo", "business"])
            .stdout,
    );
    assert!(shown.contains("runs left out of the SLA"), "{shown}");
}

/// A journey that must be refused: a match without a token.
const REFUSED: &str = r#"id = "refused"
deadline = "2s"
timeout = "1s"
negative = true
[[step]]
id = "match-without-token"
use = "request"
method = "POST"
url = "{{ partner.base_url }}/Group/$bulk-member-match"
expect = { status = [401] }
"#;

#[test]
fn a_refusal_that_is_expected_feeds_conformance_alone() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    config.write("probes/refused.toml", REFUSED);
    let probe = "[[probe]]\njourney = \"refused\"\nevery = \"1s\"\nconcurrency = 2\n";
    let promise = "[slo.conformance]\njourneys = [\"refused\"]\nobjective = 99\n";
    let table = "[slo.transport]\n";
    let more = format!("{probe}{promise}{table}");
    config.replace("partners/keystone.toml", table, &more);
    let agent = config.agent();
    let count = |family: &str, slo: &str| agent.metrics().count(family, &[("slo", slo)]);
    let (events, bad) = ("outrider_slo_events_total", "outrider_slo_bad_total");
    eventually("refusals", || {
        (count(events, "conformance") > 2).then_some(())
    });
    assert_eq!(count(bad, "conformance"), 0);
    sandbox.inject("keystone", "server-error");
    eventually("something else than a refusal", || {
        (count(bad, "conformance") > 0).then_some(())
    });
    sandbox.heal("keystone");
    assert_eq!(agent.stop(), 0);
    let sum = |slo: &str| -> i64 {
        config.in_ledger(&format!(
            "SELECT coalesce(sum(value), 0) FROM counters
             WHERE metric = '{events}' AND labels = '[\"keystone\",\"{slo}\"]'"
        ))
    };
    let runs = |journey: &str| -> i64 {
        config.in_ledger(&format!(
            "SELECT count(*) FROM runs WHERE journey = '{journey}' AND outcome <> 'agent_fault'"
        ))
    };
    assert_eq!(sum("transport"), runs("bulk-exchange"));
    assert_eq!(sum("conformance"), runs("refused"));
}

#[test]
fn a_ledger_of_the_first_version_is_brought_up_to_date_and_goes_on() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let first =
        std::fs::read_to_string(repository().join("tests/cases/stores/schema-1.sql")).unwrap();
    let ledger = config.ledger();
    ledger.execute_batch(&first).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO counters VALUES ('outrider_slo_events_total', '[\"keystone\",\"business\"]', 41);
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(ledger);
    let agent = config.agent();
    eventually("the counter to go on", || {
        let labels = [("slo", "business")];
        let count = agent.metrics().count("outrider_slo_events_total", &labels);
        (count > 42).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let (version, counted): (i64, i64) = (
        config.in_ledger("PRAGMA user_version"),
        config.in_ledger(
            "SELECT sum(judged) FROM slo_quarters JOIN objectives ON objectives.id = objective
             WHERE slo = 'business'",
        ),
    );
    assert_eq!(version, 5);
    let told = document(&config.output(&["slo", "status", "--slo", "business", "--json"]));
    assert_eq!(told["objectives"][0]["raw"]["events"], counted);
}
