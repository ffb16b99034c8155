//! Outrider behind the adapter: the real program, `once` and `run`, on files of the trap's own.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::monitor::{
    Blames, Cannot, DISTURBED, Look, Monitor, STOPPED, Said, Seen, SignIn, Slips, Tally, UNTOLD,
    slips,
};
use super::truth::Truth;
use crate::hostile::key;
use crate::support::{Config, Pace, after, eventually, http};

/// One GET, without a rule of its own.
pub(super) const ONE_GET: &str = r#"
[[step]]
id = "look"
use = "request"
url = "{{ partner.base_url }}"
"#;

/// Signs in, and shows its token to an address that refuses it and repeats all it got.
pub(super) const SIGN_IN: &str = r#"
[[step]]
id = "discovery"
use = "request"
url = "{{ partner.base_url }}/.well-known/smart-configuration"
capture = { token_endpoint = { json = "$.token_endpoint" } }
[[step]]
id = "sign-in"
use = "token"
endpoint = "{{ discovery.token_endpoint }}"
scope = ["system/Patient.rs"]
[[step]]
id = "read"
use = "request"
url = "{{ partner.base_url }}/do/status=401,body=echo,keep=yes/read"
token = "sign-in"
"#;

/// How a probe of the trap is scheduled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    pub(super) every: &'static str,
    pub(super) timeout: &'static str,
    pub(super) deadline: &'static str,
    pub(super) concurrency: u32,
}

/// For what is walked by `once`.
pub(super) const SELDOM: Scheduled = Scheduled {
    every: "1h",
    timeout: "8s",
    deadline: "20s",
    concurrency: 1,
};

/// A folder with one journey of these steps, `trap`, and keystone as its partner at this address.
pub(super) fn config(url: &str, steps: &str, scheduled: Scheduled) -> Config {
    let config = Config::new(&Pace::default());
    config.write("overlay.toml", "");
    config.write("key.pem", key());
    let head = "id = \"trap\"\ndeadline = \"60s\"\ntimeout = \"30s\"\n";
    config.write("probes/trap.toml", &format!("{head}{steps}"));
    partner(&config, "keystone", url, scheduled);
    config
}

/// Writes a partner that walks `trap`.
pub(super) fn partner(config: &Config, id: &str, url: &str, scheduled: Scheduled) {
    let Scheduled {
        every,
        timeout,
        deadline,
        concurrency,
    } = scheduled;
    let text = format!(
        r#"
id = "{id}"
base_url = "{url}"
environment = "sandbox"
region = "us-east"
[auth]
client_id = "outrider"
key = {{ file = "key.pem" }}
[[probe]]
journey = "trap"
every = "{every}"
timeout = "{timeout}"
deadline = "{deadline}"
concurrency = {concurrency}
"#
    );
    config.write(&format!("partners/{id}.toml"), &text);
}

/// A request of a run, by its step.
pub(super) fn request<'a>(run: &'a Value, step: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    let step = steps.iter().find(|one| one["step"] == step).unwrap();
    &step["requests"][0]
}

/// The states of a run's steps, in order.
pub(super) fn states(run: &Value) -> Vec<(&str, &str)> {
    let steps = run["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect()
}

/// Milliseconds of a run's JSON.
pub(super) fn time(value: &Value) -> Duration {
    let millis = value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no time"));
    Duration::from_secs_f64(millis / 1000.0)
}

fn once(config: &Config) -> Command {
    config.outrider(&[
        "once",
        "trap",
        "--partner",
        "keystone",
        "--json",
        "--overlay",
        "overlay.toml",
    ])
}

fn at(look: &Look) -> Config {
    let timeout = format!("{}ms", look.timeout.as_millis());
    let config = config(&look.url, ONE_GET, SELDOM);
    config.replace(
        "partners/keystone.toml",
        "\"8s\"",
        &format!("\"{timeout}\""),
    );
    if let Some(trust) = &look.trust {
        let trust = format!("trust = \"{}\"\n[auth]", trust.display());
        config.replace("partners/keystone.toml", "[auth]", &trust);
    }
    config
}

fn seen(output: &Output) -> Seen {
    let run: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no run: {}", String::from_utf8_lossy(&output.stderr)));
    let request = request(&run, "look");
    let is_marked = |value: &Value| value["agent_delayed"] == true;
    Seen {
        blames: match run["outcome"].as_str().unwrap() {
            "passed" => Blames::Nobody,
            "agent_fault" | "inconclusive" => Blames::Itself,
            _ => Blames::Target,
        },
        latency: time(&request["total_ms"]),
        transfer: request["phases"].get("transfer_ms").map(time),
        is_marked: is_marked(&run) || is_marked(request),
    }
}

pub(super) struct Outrider;

impl Monitor for Outrider {
    fn name(&self) -> &'static str {
        "Outrider"
    }

    fn look(&self, _truth: &Truth, look: &Look) -> Result<Seen, Cannot> {
        Ok(seen(&once(&at(look)).output().unwrap()))
    }

    fn look_frozen(
        &self,
        truth: &Truth,
        look: &Look,
        name: &str,
        time: Duration,
    ) -> Result<Seen, Cannot> {
        let config = at(look);
        let walk = once(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = walk.id().to_string();
        let signal = |name: &str| {
            let told = Command::new("kill").args(["-s", name, &id]).status();
            assert!(told.unwrap().success());
        };
        truth.wait_for(name);
        signal("STOP");
        after(time);
        signal("CONT");
        Ok(seen(&walk.wait_with_output().unwrap()))
    }

    fn keep_looking(
        &self,
        _truth: &Truth,
        look: &Look,
        every: Duration,
        times: u64,
    ) -> Result<Tally, Cannot> {
        let config = config(
            &look.url,
            ONE_GET,
            Scheduled {
                every: "500ms",
                timeout: "1900ms",
                deadline: "2s",
                concurrency: 4,
            },
        );
        let millis = every.as_millis().to_string();
        config.replace(
            "partners/keystone.toml",
            "\"500ms\"",
            &format!("\"{millis}ms\""),
        );
        // One run at a time over all: what is due meanwhile cannot run.
        config.replace(
            "outrider.toml",
            "stop_grace",
            "runs_in_flight_max = 1\nlate_after = \"100ms\"\nstop_grace",
        );
        let agent = config.agent();
        let ticks = || agent.metrics().count("outrider_ticks_total", &[]);
        eventually("intended starts", || (ticks() >= times).then_some(()));
        let told = agent.metrics();
        let good = told.count("outrider_runs_total", &[("outcome", "passed")]);
        let reported = ticks();
        assert_eq!(agent.stop(), 0);
        // What the schedule intended is arithmetic of its first and last start in the ledger.
        let period = i64::try_from(every.as_micros()).unwrap();
        let span: i64 = config.in_ledger(&format!(
            "SELECT (max(due_us) - min(due_us)) / {period} + 1 FROM starts"
        ));
        let closed: u64 = config
            .ticks()
            .into_iter()
            .filter(|(name, _)| name != "open")
            .map(|(_, n)| n)
            .sum();
        assert!(
            closed >= reported,
            "the ledger has {closed}, the metrics {reported}"
        );
        Ok(Tally {
            intended: u64::try_from(span).unwrap(),
            reported: closed,
            good,
        })
    }

    fn say_all(&self, truth: &Truth) -> Result<Said, Cannot> {
        let config = config(
            &truth.plain("/told"),
            SIGN_IN,
            Scheduled {
                every: "300ms",
                timeout: "5s",
                deadline: "10s",
                concurrency: 40,
            },
        );
        truth.order("/told/token", &json!({"keep": true}));
        let walked = once(&config).env("RUST_LOG", "trace").output().unwrap();
        let agent = config.talkative_agent();
        eventually("runs", || (agent.runs(0).len() > 2).then_some(()));
        let run = agent.runs(0)[0]["run"].as_str().unwrap().to_owned();
        let mut said = Said::default();
        for page in [
            "/",
            "/metrics",
            "/v1/partners",
            "/v1/runs?after=0",
            "/healthz",
            "/readyz",
        ] {
            said.texts
                .push((page.to_owned(), http("GET", &agent.url(page), "").1));
        }
        for page in [format!("/runs/{run}"), format!("/v1/runs/{run}")] {
            said.texts
                .push((page.clone(), http("GET", &agent.url(&page), "").1));
        }
        said.texts.push(("log".to_owned(), agent.log()));
        assert_eq!(agent.stop(), 0);
        for (place, bytes) in [
            ("once", [walked.stdout, walked.stderr].concat()),
            ("check", config.output(&["check", "--json"]).stdout),
            (
                "ledger",
                std::fs::read(config.folder.path().join("ledger.db")).unwrap(),
            ),
        ] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            said.texts.push((place.to_owned(), text));
        }
        said.secrets = secrets(truth);
        Ok(said)
    }

    fn reread(&self, truth: &Truth) -> Result<Slips, Cannot> {
        let scheduled = Scheduled {
            every: "500ms",
            timeout: "5s",
            deadline: "10s",
            concurrency: 40,
        };
        let config = config(&truth.plain("/changed"), ONE_GET, scheduled);
        // Some run of the other one is always going on.
        partner(
            &config,
            "lakeside",
            &truth.plain("/other/do/head_ms=1200/x"),
            scheduled,
        );
        let agent = config.agent();
        let runs = |partner: &str| {
            let runs = agent.runs(0).into_iter();
            runs.filter(|run| run["partner"] == partner).count()
        };
        let more = |partner: &str| {
            let before = runs(partner);
            eventually("more runs", || (runs(partner) > before + 2).then_some(()));
        };
        let is_good = || {
            let name = "outrider_config_last_reload_successful";
            agent.metrics().sum(name, &[]) > 0.5
        };
        more("lakeside");
        config.replace("partners/keystone.toml", "concurrency", "concurency");
        agent.signal("HUP");
        eventually("the mistake to be told", || (!is_good()).then_some(()));
        more("keystone");
        more("lakeside");
        config.replace("partners/keystone.toml", "concurency", "concurrency");
        config.replace("partners/keystone.toml", "\"500ms\"", "\"700ms\"");
        agent.signal("HUP");
        eventually("the good one to be taken", || is_good().then_some(()));
        more("keystone");
        more("lakeside");
        let bad = agent
            .metrics()
            .sum("outrider_runs_total", &[("outcome", "failed")]);
        assert_eq!(agent.stop(), 0);
        let others: (i64, i64) = config
            .ledger()
            .query_row(
                "SELECT count(*), (max(due_us) - min(due_us)) / 500000 + 1 FROM starts
                 WHERE partner = 'lakeside' AND disposition IN ('ran', 'late')",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        // Every start of its one grid ran, through both changes. (It waited for the mistake to be told.)
        let is_disturbed = others.0 != others.1 || others.0 <= 8;
        Ok(slips([
            (STOPPED, bad > 0.5),
            (UNTOLD, false),
            (DISTURBED, is_disturbed),
        ]))
    }

    fn walks(&self) -> Result<(), Cannot> {
        Ok(())
    }

    fn retries(&self) -> Result<(), Cannot> {
        Ok(())
    }

    fn sign_in_down(&self, truth: &Truth) -> Result<SignIn, Cannot> {
        truth.order("/signin/token", &json!({"status": 503}));
        let config = config(&truth.plain("/signin"), SIGN_IN, SELDOM);
        let (code, run) = config.once("trap", &[]);
        truth.heal();
        Ok(SignIn {
            fails: code == 4 && run["blame"]["layer"] == "application",
            is_named: run["blame"]["step"] == "sign-in",
        })
    }

    fn alerts(&self) -> Result<(), Cannot> {
        Ok(())
    }
}

/// Tokens, signed assertions and the key, as the truth saw them and as they lie in the file.
fn secrets(truth: &Truth) -> Vec<String> {
    let mut secrets = vec!["PRIVATE KEY".to_owned(), "groundtruth-token-".to_owned()];
    secrets.push(key().lines().nth(1).unwrap().to_owned());
    for asked in truth.asked("/told/token") {
        let body = asked.received()["body"].as_str().unwrap().to_owned();
        let (_, assertion) = body.split_once("client_assertion=").unwrap();
        secrets.push(assertion.split('&').next().unwrap().to_owned());
    }
    assert!(secrets.len() > 4, "it signed in");
    let read = truth.asked("/told/do/status=401");
    let shown = read[0].received().to_string();
    assert!(
        shown.contains("groundtruth-token-"),
        "it showed its token: {shown}"
    );
    secrets
}
