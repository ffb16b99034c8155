//! Sixteen traps that monitors fall into, each against the ground truth with the real programs. The
//! same trap is set for others through an adapter (`monitor`); `make traps` prints who falls into which.

mod alarms;
mod blackbox;
mod chains;
mod monitor;
mod monitors;
mod outrider;
pub(crate) mod truth;

use std::time::Duration;

use serde_json::json;

use self::monitor::{Blames, Look, Score};
use self::monitors::face;
use self::outrider::{ONE_GET, SELDOM, Scheduled, config, request, states, time};
use self::truth::Truth;
use crate::support::{after, eventually};

const MS: Duration = Duration::from_millis(1);

#[test]
fn t01_a_slow_body_is_part_of_the_latency() {
    let truth = Truth::start();
    let path = "/slowbody/do/body_ms=600,pieces=6,bytes=6000/look";
    face(
        "T01",
        "headers fast, body slow",
        &truth,
        |monitor, truth| {
            let before = truth.asked("/slowbody").len();
            let mut look = Look::at(truth.secure(path));
            look.trust = Some(truth.trust());
            let seen = monitor.look(truth, &look)?;
            let asked = &truth.asked("/slowbody")[before];
            let body = asked.between("first_out", "last_out");
            let whole = asked.between("accept", "last_out");
            assert!(body >= 550 * MS, "the truth sends slowly: {body:?}");
            let transfer = seen.transfer.unwrap_or_default();
            // The last piece is sent before it is read.
            let is_so = seen.latency + 2 * MS >= whole && transfer + 2 * MS >= body;
            let why = format!(
                "reports {:.0?} of which transfer {transfer:.0?}; the server took {whole:.0?}, {body:.0?} for the body",
                seen.latency
            );
            Ok(Score::of(is_so, why))
        },
    );
}

#[test]
fn t02_a_target_that_hangs_longer_than_the_interval_is_counted() {
    let truth = Truth::start();
    face(
        "T02",
        "hangs longer than the interval",
        &truth,
        |monitor, truth| {
            let look = Look::at(truth.plain("/hangs/do/end=hang/look"));
            let tally = monitor.keep_looking(truth, &look, 1000 * MS, 5)?;
            let is_so = tally.intended == tally.reported && tally.good == 0 && tally.intended >= 5;
            let why = format!(
                "{} starts intended, {} accounted for, {} called good",
                tally.intended, tally.reported, tally.good
            );
            Ok(Score::of(is_so, why))
        },
    );
}

#[test]
fn t03_a_500_without_a_rule_fails() {
    let truth = Truth::start();
    face(
        "T03",
        "500 and no rule written",
        &truth,
        |monitor, truth| {
            let look = Look::at(truth.plain("/broken/do/status=500/look"));
            let seen = monitor.look(truth, &look)?;
            let good = monitor.look(truth, &Look::at(truth.plain("/broken/look")))?;
            let is_so = (seen.blames, good.blames) == (Blames::Target, Blames::Nobody);
            Ok(Score::of(
                is_so,
                format!("500 blames {:?}, 200 {:?}", seen.blames, good.blames),
            ))
        },
    );
}

#[test]
fn t04_a_captured_value_keeps_its_type() {
    let truth = Truth::start();
    face("T04", "captured types", &truth, |monitor, truth| {
        monitor.walks()?;
        Ok(chains::types_stay(truth))
    });
}

#[test]
fn t05_a_token_endpoint_that_is_down_fails_and_is_named() {
    let truth = Truth::start();
    face("T05", "token endpoint down", &truth, |monitor, truth| {
        let seen = monitor.sign_in_down(truth)?;
        let kept = monitor
            .walks()
            .map(|()| chains::a_kept_token_hides_nothing(truth));
        let kept = kept.map_or(String::new(), |kept| format!("; {kept}"));
        let why = match (seen.fails, seen.is_named) {
            (true, true) => "fails, and says that it was the sign-in",
            (true, false) => "fails, and no series says that it was the sign-in",
            (false, _) => "does not fail",
        };
        Ok(Score::of(
            seen.fails && seen.is_named,
            format!("{why}{kept}"),
        ))
    });
}

#[test]
fn t06_the_deadline_cuts_the_running_step_and_skips_the_rest() {
    let truth = Truth::start();
    face(
        "T06",
        "deadline in the midst of a journey",
        &truth,
        |monitor, truth| {
            monitor.walks()?;
            let steps = four_steps("end=hang");
            let scheduled = Scheduled {
                deadline: "1s",
                timeout: "900ms",
                ..SELDOM
            };
            let config = config(&truth.plain("/late"), &steps, scheduled);
            config.replace("probes/trap.toml", "\"60s\"", "\"40s\"");
            let (code, run) = config.once("trap", &[]);
            let wanted = [
                ("a", "passed"),
                ("b", "failed"),
                ("c", "skipped"),
                ("d", "passed"),
            ];
            assert_eq!(
                (code, states(&run).as_slice()),
                (4, wanted.as_slice()),
                "{run:#}"
            );
            let summary = run["blame"]["summary"].as_str().unwrap();
            assert!(summary.contains("deadline came in step b"), "{summary}");
            assert_eq!(request(&run, "b")["failure"], "deadline in wait");
            let cut = time(&request(&run, "b")["total_ms"]);
            let asked = truth.asked("/late");
            let paths: Vec<&str> = asked
                .iter()
                .map(|one| one.target().rsplit('/').next().unwrap())
                .collect();
            // The log is in the order of ends.
            assert_eq!(paths, ["a", "b", "d"], "what is skipped is never asked");
            let hung = asked[1].between("accept", "over");
            assert!(
                asked[1].0["fate"] == "client_gone" && hung < 1000 * MS,
                "cut off: {hung:?}"
            );
            Ok(Score::of(
                cut < 800 * MS,
                format!("cut after {cut:.0?}, the server saw the end after {hung:.0?}"),
            ))
        },
    );
}

/// Steps a to d: the second is answered as these words say, the last runs always.
fn four_steps(second: &str) -> String {
    let step = |id: &str, words: &str, more: &str| {
        format!(
            "[[step]]\nid = \"{id}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/do/{words}/{id}\"\n{more}"
        )
    };
    // The first takes a while, so that the deadline is nearer than the second one's own time.
    let first = step("a", "head_ms=300", "");
    let last = step("d", "status=200", "always = true\n");
    first + &step("b", second, "") + &step("c", "status=200", "") + &last
}

#[test]
fn t07_a_skipped_step_shifts_no_result() {
    let truth = Truth::start();
    face(
        "T07",
        "a skipped step in the midst",
        &truth,
        |monitor, truth| {
            monitor.walks()?;
            let steps = four_steps("status=503");
            let scheduled = Scheduled {
                every: "300ms",
                timeout: "5s",
                deadline: "10s",
                concurrency: 40,
            };
            let config = config(&truth.plain("/skips"), &steps, scheduled);
            let agent = config.agent();
            eventually("runs", || (agent.runs(0).len() > 2).then_some(()));
            let runs = agent.metrics().count("outrider_runs_total", &[]);
            let metrics = eventually("a page between two runs", || {
                let metrics = agent.metrics();
                let of =
                    |result: &str| metrics.count("outrider_requests_total", &[("result", result)]);
                // Of each run the first step and the last are answered, the second is refused, and the third not asked.
                let is_whole = of("2xx") == 2 * of("5xx") && of("5xx") >= runs;
                is_whole.then_some(metrics)
            });
            let all = metrics.count("outrider_requests_total", &[]);
            let refused = metrics.count("outrider_requests_total", &[("result", "5xx")]);
            assert_eq!(all, 3 * refused);
            let id = agent.runs(0)[0]["run"].as_str().unwrap().to_owned();
            let run = crate::support::json("GET", &agent.url(&format!("/v1/runs/{id}")), "");
            let wanted = [
                ("a", "passed"),
                ("b", "failed"),
                ("c", "skipped"),
                ("d", "passed"),
            ];
            assert_eq!(states(&run), wanted);
            assert_eq!(
                (&request(&run, "b")["status"], &request(&run, "d")["status"]),
                (&json!(503), &json!(200))
            );
            assert_eq!(run["blame"]["step"], "b");
            agent.stop();
            Ok(Score::of(
                true,
                format!("{all} runs: a 2xx, b 5xx, c none, d 2xx, each under its own name"),
            ))
        },
    );
}

#[test]
fn t08_a_captured_text_is_escaped_for_where_it_goes() {
    let truth = Truth::start();
    face(
        "T08",
        "escaping of captured texts",
        &truth,
        |monitor, truth| {
            monitor.walks()?;
            Ok(chains::texts_are_escaped(truth))
        },
    );
}

#[test]
fn t09_secrets_are_never_shown() {
    let truth = Truth::start();
    face(
        "T09",
        "secrets in logs, pages, metrics",
        &truth,
        |monitor, truth| {
            let said = monitor.say_all(truth)?;
            assert!(!said.secrets.is_empty());
            let silent = said.texts.iter().filter(|(_, text)| text.is_empty());
            let silent: Vec<&String> = silent.map(|(place, _)| place).collect();
            assert!(silent.is_empty(), "nothing to look through: {silent:?}");
            let shows = |text: &str| {
                said.secrets
                    .iter()
                    .any(|secret| text.contains(secret.as_str()))
            };
            let loud: Vec<&str> = said
                .texts
                .iter()
                .filter(|(_, text)| shows(text))
                .map(|(place, _)| place.as_str())
                .collect();
            let why = if loud.is_empty() {
                format!(
                    "none of {} secrets in {} places",
                    said.secrets.len(),
                    said.texts.len()
                )
            } else {
                format!("shows one in {}", loud.join(" and "))
            };
            Ok(Score::of(loud.is_empty(), why))
        },
    );
}

#[test]
fn t10_a_standstill_of_the_monitor_is_not_the_targets() {
    let truth = Truth::start();
    face(
        "T10",
        "the monitor itself stands still",
        &truth,
        |monitor, truth| {
            let mut whys = Vec::new();
            let mut is_so = true;
            // With time enough for an answer, past the look's own time, and for a moment only.
            for (name, timeout, still) in [
                ("calm", 20_000 * MS, 4_000 * MS),
                ("tight", 2_000 * MS, 4_000 * MS),
                ("brief", 20_000 * MS, 1_000 * MS),
            ] {
                let name = format!("{name}-{}", monitor.name().to_lowercase());
                let mut look = Look::at(truth.plain(&format!("/{name}/do/head_ms=300/look")));
                look.timeout = timeout;
                let seen = monitor.look_frozen(truth, &look, &name, still)?;
                let asked = &truth.asked(&format!("/{name}"))[0];
                let served = asked.between("accept", "last_out");
                let is_spoilt = seen.latency > served + 500 * MS;
                is_so &= match seen.blames {
                    Blames::Itself => true,
                    Blames::Target => false,
                    Blames::Nobody => !is_spoilt || seen.is_marked,
                };
                whys.push(format!(
                    "blames {:?} with {:.1?}{} where the server took {served:.1?}",
                    seen.blames,
                    seen.latency,
                    if seen.is_marked { ", marked," } else { "" },
                ));
            }
            Ok(Score::of(is_so, whys.join("; ")))
        },
    );
}

#[test]
fn t11_a_dead_agent_is_unknown_and_told() {
    let truth = Truth::start();
    face("T11", "the monitor is dead", &truth, |monitor, truth| {
        monitor.alerts()?;
        Ok(alarms::dead(truth))
    });
}

#[test]
fn t12_a_retry_that_passes_hides_no_failure() {
    let truth = Truth::start();
    face(
        "T12",
        "passes on the second try",
        &truth,
        |monitor, truth| {
            monitor.retries()?;
            Ok(chains::the_first_try_counts(truth))
        },
    );
}

#[test]
fn t13_a_bad_reload_keeps_the_old_plan_and_a_good_one_restarts_only_what_changed() {
    let truth = Truth::start();
    face("T13", "bad reload", &truth, |monitor, truth| {
        let slips = monitor.reread(truth)?;
        let why = if slips.is_empty() {
            "goes on by the old one, a metric says so, what did not change is left alone".to_owned()
        } else {
            slips.join(", ")
        };
        Ok(Score::of(slips.is_empty(), why))
    });
}

#[test]
fn t14_no_request_is_sent_again_behind_our_back() {
    let truth = Truth::start();
    face(
        "T14",
        "closed without an answer",
        &truth,
        |monitor, truth| {
            let id = monitor.name().to_lowercase();
            let mut whys = Vec::new();
            let mut is_so = true;
            for end in ["close", "reset"] {
                // At once, and behind a redirect on the same connection, where a client has one to reuse.
                let first = format!("/{id}-{end}/do/end={end}/look");
                let second = truth.plain(&format!("/{id}-{end}-2/do/end={end}/look"));
                let second = second
                    .replace('/', "%2F")
                    .replace(':', "%3A")
                    .replace('=', "%3D");
                let from = format!("/{id}-from-{end}/do/status=302,location={second}/look");
                for (path, name) in [
                    (first, format!("{id}-{end}")),
                    (from, format!("{id}-{end}-2")),
                ] {
                    let seen = monitor.look(truth, &Look::at(truth.plain(&path)))?;
                    let asked = truth.asked(&format!("/{name}/")).len();
                    is_so &= asked == 1 && seen.blames == Blames::Target;
                    whys.push(asked.to_string());
                }
            }
            let reused = monitor
                .walks()
                .map(|()| chains::a_reused_connection_ends(truth));
            Ok(Score::of(
                is_so,
                format!(
                    "requests for one look, closed at first and behind a redirect, reset likewise: {}",
                    whys.join(", ") + &reused.unwrap_or_default()
                ),
            ))
        },
    );
}

#[test]
fn t15_a_notification_that_fails_is_told_as_failed() {
    let truth = Truth::start();
    face("T15", "notifying fails", &truth, |monitor, truth| {
        monitor.alerts()?;
        Ok(alarms::unheard(truth))
    });
}

#[test]
fn t16_a_header_field_given_twice_is_two_values() {
    let truth = Truth::start();
    face(
        "T16",
        "multi-valued header fields",
        &truth,
        |monitor, truth| {
            monitor.walks()?;
            Ok(chains::fields_stay_apart(truth))
        },
    );
}

/// The truth itself must be true, or nothing here is worth anything.
#[test]
fn the_ground_truth_does_what_it_is_told() {
    let truth = Truth::start();
    let look = |path: &str| {
        let config = config(&truth.plain(path), ONE_GET, SELDOM);
        let (_, run) = config.once("trap", &[]);
        let asked = truth.asked(path.rsplit_once("/do/").map_or(path, |(name, _)| name));
        (run, asked.last().cloned())
    };
    for (path, failure) in [
        ("/close/do/end=close", "reset in wait"),
        ("/reset/do/end=reset", "reset in wait"),
        ("/cut/do/end=cut,bytes=4000", "reset in transfer"),
        ("/torn/do/end=torn,bytes=4000", "reset in transfer"),
    ] {
        let (run, asked) = look(path);
        assert_eq!(request(&run, "look")["failure"], failure, "{path}");
        assert_eq!(asked.unwrap().0["fate"], "as_told");
    }
    let (run, asked) = look("/later/do/head_ms=200");
    let asked = asked.unwrap();
    let waited = time(&request(&run, "look")["phases"]["wait_ms"]);
    assert!(
        asked.between("last_in", "first_out") >= 200 * MS && waited >= 199 * MS,
        "{waited:?}"
    );
    assert_eq!(asked.0["request_id"], run["run"], "joined by request id");
    truth.door(300 * MS);
    let (run, asked) = look("/door");
    truth.door(Duration::ZERO);
    assert!(asked.unwrap().between("accept", "first_in") >= 300 * MS);
    assert!(time(&request(&run, "look")["total_ms"]) >= 300 * MS);
    truth.order(
        "/many",
        &json!({"headers": [["x-a", "1"], ["x-a", "2"]], "status": 418, "keep": true}),
    );
    let (run, asked) = look("/many");
    assert_eq!(request(&run, "look")["status"], 418);
    assert_eq!(asked.unwrap().received()["method"], "GET");
    after(MS);
    let (run, _) = look("/odd/do/sleep");
    assert_eq!(
        request(&run, "look")["status"],
        400,
        "what cannot be is told"
    );
}
