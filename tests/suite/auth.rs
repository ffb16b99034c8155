//! Signing in: keys, secrets, certificates, tokens that are kept, and who gets one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use std::time::Duration;

use outrider_domain::model::{Outcome, RunRecord};
use serde_json::{Value, json};

use crate::scripted::{Got, Say, Scripted, document, status};
use crate::support::{Config, Pace, Sandbox, eventually, http, json as ask_json};
use crate::traps::truth::Truth;

const SECRET: &str = "correct horse: battery/staple";
const TOKEN: &str = "kept-token-5d1c";

fn tokens_in(run: &Value) -> usize {
    let steps = run["steps"].as_array().unwrap().iter();
    steps
        .flat_map(|step| step["requests"].as_array().unwrap())
        .filter(|request| request["kind"] == "token")
        .count()
}

/// A server with a token endpoint and one resource.
fn server() -> Scripted {
    Scripted::start([
        ("/token", vec![granted(TOKEN, 300)]),
        ("/data", vec![document(&json!({}))]),
    ])
}

fn granted(token: &str, seconds: u64) -> Say {
    document(&json!({"access_token": token, "token_type": "bearer", "expires_in": seconds}))
}

const JOURNEY: &str = r#"
id = "scripted"
deadline = "5s"
[[step]]
id = "token"
use = "token"
endpoint = "{{ partner.base_url }}/token"
scope = ["system/*.rs"]
[[step]]
id = "data"
use = "request"
url = "{{ partner.base_url }}/data"
token = "token"
"#;

/// The same partner with another `[auth]`.
fn signing_in(config: &Config, auth: &str) {
    config.replace(
        "partners/keystone.toml",
        "client_id = \"outrider\"\nkey = { file = \"missing.pem\" }",
        auth,
    );
}

#[test]
fn a_refused_release_asks_for_no_second_token() {
    let server = server();
    let job = ("content-location", format!("{}/job", server.url()));
    server.script("/kick", vec![Say::Answer(202, vec![job], String::new())]);
    server.script("/job", vec![status(401)]);
    let pace = Pace {
        every: "200ms",
        deadline: "4s",
        concurrency: 20,
        ..Pace::default()
    };
    let steps = "[[step]]\nid = \"kick\"\nuse = \"submit\"\nmethod = \"GET\"\nurl = \"{{ partner.base_url }}/kick\"\ntoken = \"token\"\n\
                 [[step]]\nid = \"release\"\nuse = \"request\"\nrelease = \"kick\"\nalways = true\n";
    let config = server.config(&format!("{JOURNEY}{steps}"), &pace);
    // A job is opened for a member.
    config.replace(
        "partners/keystone.toml",
        "[[probe]]\njourney = \"scripted\"",
        "[[probe]]\nmembers = \"keystone-basic\"\njourney = \"scripted\"",
    );
    config.write("secret", &format!("{SECRET}\n"));
    signing_in(
        &config,
        "kind = \"client_secret_basic\"\nclient_id = \"outrider\"\nsecret = { file = \"secret\" }",
    );
    let agent = config.agent();
    let released = |got: &&Got| got.line.starts_with("DELETE /job");
    eventually("ten refused releases", || {
        (server.got().iter().filter(released).count() >= 10).then_some(())
    });
    // The same token was good for the kick-offs all the time.
    assert!(asked(&server, "/kick") > 1);
    assert_eq!(asked(&server, "/token"), 1, "one token for all of them");
    assert_eq!(agent.stop(), 0);
    let tokens: BTreeSet<Option<String>> = server
        .got()
        .iter()
        .filter(released)
        .map(|got| got.field("authorization").map(str::to_owned))
        .collect();
    assert_eq!(tokens, BTreeSet::from([Some(format!("Bearer {TOKEN}"))]));
}

#[test]
fn a_client_secret_goes_where_the_partner_wants_it_and_nowhere_else() {
    let basic = "Basic b3V0cmlkZXI6Y29ycmVjdCUyMGhvcnNlJTNBJTIwYmF0dGVyeSUyRnN0YXBsZQ==";
    for (kind, authorization, body) in [
        (
            "client_secret_basic",
            Some(basic),
            "grant_type=client%5Fcredentials&scope=system%2F%2A%2Ers",
        ),
        (
            "client_secret_post",
            None,
            "grant_type=client%5Fcredentials&scope=system%2F%2A%2Ers&client_id=outrider&\
             client_secret=correct%20horse%3A%20battery%2Fstaple",
        ),
    ] {
        let server = server();
        let config = server.config(JOURNEY, &Pace::default());
        config.write("secret", &format!("{SECRET}\n"));
        signing_in(
            &config,
            &format!(
                "kind = \"{kind}\"\nclient_id = \"outrider\"\nsecret = {{ file = \"secret\" }}"
            ),
        );
        let (code, run) = config.once("scripted", &[]);
        assert_eq!(code, 0, "{run}");
        let got = server.got();
        assert_eq!(got[0].field("authorization"), authorization);
        assert_eq!(got[0].body, body);
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(got[1].field("authorization"), Some(bearer.as_str()));
        let told = run.to_string();
        assert!(!told.contains("horse") && !told.contains(TOKEN), "{told}");
        assert!(!told.contains("b3V0"), "{told}");

        // What cannot be read is our own fault.
        config.write("secret", "two\nlines\n");
        let (code, run) = config.once("scripted", &[]);
        assert_eq!((code, &run["blame"]["cause"]), (7, &json!("key")), "{run}");
        assert!(!run.to_string().contains("lines"), "{run}");
    }
}

#[test]
fn a_token_that_does_not_change_asks_nobody() {
    let server = server();
    let config = server.config(JOURNEY, &Pace::default());
    config.write("token", "fixed-0c4e");
    signing_in(&config, "kind = \"bearer\"\ntoken = { file = \"token\" }");
    let (code, run) = config.once("scripted", &[]);
    assert_eq!((code, tokens_in(&run)), (0, 0), "{run}");
    let got = server.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].field("authorization"), Some("Bearer fixed-0c4e"));
    assert!(!run.to_string().contains("fixed-0c4e"));
}

/// Points a partner at another of the sandbox's keys.
fn with_key(config: &Config, sandbox: &Sandbox, alg: &str) {
    let partner = &sandbox.ready()["partners"][0];
    let mut clients = partner["clients"].as_array().unwrap().iter();
    let client = clients.find(|one| one["alg"] == alg).unwrap();
    config.replace(
        "overlay.toml",
        partner["key"].as_str().unwrap(),
        client["key"].as_str().unwrap(),
    );
}

#[test]
fn an_rsa_key_signs_by_rs384() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    with_key(&config, &sandbox, "RS384");
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!((code, &run["outcome"]), (0, &json!("passed")), "{run}");
}

#[test]
fn a_client_certificate_is_shown_and_the_token_is_bound_to_it() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--mtls"]);
    let config = Config::at(&sandbox, &Pace::patient());
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(
        (code, &run["blame"]["owner"]),
        (7, &json!("agent")),
        "{run}"
    );
    let summary = run["blame"]["summary"].as_str().unwrap();
    assert!(summary.contains("wants a client certificate"), "{run}");
    let client = &sandbox.ready()["partners"][0]["clients"][0];
    let file = client["certificate"].as_str().unwrap();
    let overlay = fs::read_to_string(config.folder.path().join("overlay.toml")).unwrap();
    let shown = format!("{overlay}certificate = \"{file}\"\ncertificate_key = \"{file}\"\n");
    config.write("overlay.toml", &shown);
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!((code, &run["outcome"]), (0, &json!("passed")), "{run}");
    // A certificate that cannot be read is ours, and `check` says so beforehand.
    config.write("overlay.toml", &shown.replace(file, "nowhere.pem"));
    let (code, run) = config.once("bulk-exchange", &[]);
    assert_eq!(
        (code, &run["blame"]["owner"]),
        (7, &json!("agent")),
        "{run}"
    );
    let told = config.output(&["check", "--overlay", "overlay.toml"]);
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(
        told.contains("client certificate for \"keystone\""),
        "{told}"
    );
}

/// A configuration in which `sign-in` and `scripted` are walked often.
fn often(server: &Scripted, every: &str) -> Config {
    let pace = Pace {
        every,
        deadline: "2s",
        concurrency: 20,
        ..Pace::default()
    };
    let config = server.config(JOURNEY, &pace);
    config.write("secret", SECRET);
    signing_in(
        &config,
        "kind = \"client_secret_post\"\nclient_id = \"outrider\"\nsecret = { file = \"secret\" }",
    );
    config
}

fn asked(server: &Scripted, path: &str) -> usize {
    let wanted = format!(" {path} ");
    server
        .got()
        .iter()
        .filter(|got| got.line.contains(&wanted))
        .count()
}

#[test]
fn a_token_is_kept_from_run_to_run_and_given_up_before_its_end() {
    let server = server();
    let config = often(&server, "200ms");
    let agent = config.agent();
    eventually("ten runs", || (asked(&server, "/data") >= 10).then_some(()));
    assert_eq!(asked(&server, "/token"), 1, "one token for all of them");
    let runs = agent.runs(0);
    let kept = |run: &Value| {
        let run = run["run"].as_str().unwrap();
        let run = ask_json("GET", &agent.url(&format!("/v1/runs/{run}")), "");
        run["steps"][0]["cached_token"].clone()
    };
    assert_eq!(kept(&runs[0]), false);
    assert_eq!(kept(runs.last().unwrap()), true);
    // One that lives for two seconds is renewed after 1.6 of them: never used when it is over.
    server.script("/token", vec![granted("short-2b77", 2)]);
    assert_eq!(agent.stop(), 0);
    let before = asked(&server, "/token");
    let agent = config.agent();
    eventually("renewals", || {
        (asked(&server, "/token") >= before + 3).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let failed: u64 = config.in_ledger("SELECT count(*) FROM runs WHERE outcome <> 'passed'");
    assert_eq!(failed, 0);
}

#[test]
fn runs_that_need_a_token_at_once_wait_for_one_of_them_to_ask() {
    let truth = Truth::start();
    let server = server();
    let config = often(&server, "100ms");
    let journey = JOURNEY
        .replace("}}/token", "}}/signing-in/do/head_ms=500/token")
        .replace("}}/data", "}}/data/do/bytes=2");
    config.write("probes/scripted.toml", &journey);
    let home = truth.plain("");
    let overlay = format!("[partner.keystone]\nbase_url = \"{home}\"\n");
    config.write("overlay.toml", &overlay);
    let agent = config.agent();
    eventually("runs", || (truth.begun("data") >= 20).then_some(()));
    assert_eq!(truth.begun("signing-in"), 1);
    assert_eq!(agent.stop(), 0);
    // Those that began while one was asking took over what it got.
    let records = config.records();
    let waited = records.iter().find(|run| {
        let is_long = run.duration > Duration::from_millis(100);
        run.outcome == Outcome::Passed && is_long && run.steps[0].cached_token
    });
    assert!(waited.is_some());
}

#[test]
fn a_token_is_asked_for_on_a_schedule_while_the_kept_one_is_still_good() {
    let server = server();
    let config = often(&server, "100ms");
    let journey = JOURNEY.replace("scope", "fresh_every = \"1s\"\nscope");
    config.write("probes/scripted.toml", &journey);
    let agent = config.agent();
    eventually("four tokens", || {
        (asked(&server, "/token") >= 4).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let (kept, asked): (Vec<RunRecord>, Vec<RunRecord>) = config
        .records()
        .into_iter()
        .partition(|run| run.steps.first().is_some_and(|step| step.cached_token));
    assert!(!kept.is_empty(), "a kept token serves between two of them");
    // From one that was granted to the next that is asked for is never less than what the file says.
    let mut asked: Vec<_> = asked
        .iter()
        .map(|run| (run.started_at, run.ended_at()))
        .collect();
    asked.sort();
    for pair in asked.windows(2) {
        let apart = pair[1].1 - pair[0].0;
        assert!(apart.num_microseconds().unwrap() >= 1_000_000, "{apart}");
    }
}

#[test]
fn an_outage_of_the_token_endpoint_is_seen_although_the_kept_token_still_works() {
    let server = server();
    let config = often(&server, "200ms");
    let fresh = JOURNEY
        .replace("id = \"scripted\"", "id = \"fresh\"")
        .replace("scope", "fresh = true\nscope");
    config.write("probes/fresh.toml", &fresh);
    config.replace(
        "partners/keystone.toml",
        "[slo.transport]",
        "[[probe]]\njourney = \"fresh\"\nevery = \"200ms\"\ntimeout = \"800ms\"\ndeadline = \"2s\"\n\
         concurrency = 20\n[slo.transport]",
    );
    let agent = config.agent();
    let bad = |journey: &str| {
        let labels = [("journey", journey), ("layer", "application")];
        agent.metrics().count("outrider_sli_bad_total", &labels)
    };
    eventually("good runs of both", || {
        let events = |journey| {
            let labels = [("journey", journey), ("outcome", "passed")];
            agent.metrics().count("outrider_runs_total", &labels)
        };
        (events("scripted") >= 3 && events("fresh") >= 3).then_some(())
    });
    server.script("/token", vec![status(503)]);
    let before = asked(&server, "/data");
    eventually("the outage", || (bad("fresh") >= 5).then_some(()));
    eventually("the other journey to go on", || {
        (asked(&server, "/data") >= before + 5).then_some(())
    });
    assert_eq!(bad("scripted"), 0, "its SLI stands apart");
    assert_eq!(agent.stop(), 0);
    let records = config.records();
    let failed = records.iter().find(|run| run.outcome == Outcome::Failed);
    let blame = failed.unwrap().verdict.blame.as_ref();
    assert_eq!(blame.unwrap().cause.name(), "status");
}

#[test]
fn a_kept_token_that_is_refused_is_asked_for_anew_once() {
    let server = server();
    let config = often(&server, "300ms");
    let agent = config.agent();
    eventually("a run", || (asked(&server, "/data") >= 2).then_some(()));
    server.script("/token", vec![granted("second-91aa", 300)]);
    server.script("/data", vec![status(401), document(&json!({}))]);
    eventually("another token", || {
        (asked(&server, "/token") == 2).then_some(())
    });
    let told = eventually("a run that tells of it", || {
        let runs = agent.runs(0);
        let whole = runs.iter().map(|run| {
            let run = run["run"].as_str().unwrap();
            ask_json("GET", &agent.url(&format!("/v1/runs/{run}")), "")
        });
        let mut whole = whole.filter(|run| tokens_in(run) == 1);
        whole.find(|run| run["steps"][1]["requests"].as_array().unwrap().len() == 3)
    });
    assert_eq!(told["outcome"], "passed", "{told}");
    let requests = told["steps"][1]["requests"].as_array().unwrap();
    let seen: Vec<_> = requests
        .iter()
        .map(|one| {
            (
                one["kind"].as_str().unwrap(),
                one["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("request", 401), ("token", 200), ("request", 200)]);
    let findings = told["steps"][1]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|one| one["check"] == "kept-token"));
    // One that is refused again is refused.
    server.script("/data", vec![status(401)]);
    eventually("a failed run", || {
        let labels = [("outcome", "failed")];
        (agent.metrics().count("outrider_runs_total", &labels) >= 1).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

/// The key sets that a listener publishes.
fn published(url: &str) -> Vec<Value> {
    let (status, text) = http("GET", url, "");
    assert_eq!(status, 200, "{text}");
    let set: Value = serde_json::from_str(&text).unwrap();
    set["keys"].as_array().unwrap().clone()
}

#[test]
fn a_key_that_replaces_another_signs_the_next_assertion_and_both_are_published() {
    let sandbox = Sandbox::start();
    let pace = Pace {
        every: "500ms",
        deadline: "10s",
        ..Pace::patient()
    };
    let config = Config::at(&sandbox, &pace);
    let partner = &sandbox.ready()["partners"][0];
    let client = |alg: &str| {
        let mut clients = partner["clients"].as_array().unwrap().iter();
        clients.find(|one| one["alg"] == alg).unwrap()
    };
    let key = config.folder.path().join("own.pem");
    let copy = |from: &str| fs::copy(Path::new(from), &key).unwrap();
    copy(client("ES384")["key"].as_str().unwrap());
    config.replace("overlay.toml", partner["key"].as_str().unwrap(), "own.pem");
    let agent = config.agent();
    let url = agent.url("/.well-known/jwks.json");
    let before = published(&url);
    assert_eq!(before.len(), 1);
    assert_eq!(
        (&before[0]["kty"], &before[0]["alg"]),
        (&json!("EC"), &json!("ES384"))
    );
    assert_eq!(before[0]["kid"], client("ES384")["kid"]);
    assert!(before[0].get("d").is_none(), "only the public half");
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));

    // The new key is there from now on, and the partner takes over what we publish.
    copy(client("RS384")["key"].as_str().unwrap());
    let both = published(&url);
    let mut kinds: Vec<_> = both
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ES384", "RS384"], "the old one stays for a while");
    let set = json!({"keys": both.iter().filter(|key| key["alg"] == "RS384").collect::<Vec<_>>()});
    let registered = client("ES384")["jwks"].as_str().unwrap();
    fs::write(registered, set.to_string()).unwrap();
    let ran = agent.runs(0).len();
    eventually("three more runs", || {
        (agent.runs(0).len() >= ran + 3).then_some(())
    });
    let runs = agent.runs(0);
    assert!(
        runs.iter()
            .rev()
            .take(2)
            .all(|run| run["outcome"] == "passed")
    );
    assert_eq!(agent.stop(), 0);
}
