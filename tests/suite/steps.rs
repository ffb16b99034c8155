//! Steps: bodies, header fields, captures, conditions, attempts, deadlines.

use serde_json::{Value, json};

use crate::scripted::{Say, Scripted, document, status};
use crate::support::{Config, Pace, Sandbox, eventually, json as ask_json};

/// A step of a run by its id, with its place.
fn step<'r>(run: &'r Value, id: &str) -> &'r Value {
    let mut steps = run["steps"].as_array().unwrap().iter();
    steps
        .find(|step| step["step"] == id)
        .unwrap_or_else(|| panic!("no step {id} in {run}"))
}

fn requests(step: &Value) -> &Vec<Value> {
    step["requests"].as_array().unwrap()
}

/// One fault of the sandbox, for so many hits.
fn inject(sandbox: &Sandbox, fault: &str, operation: &str, times: u64) {
    let order = json!({"fault": fault, "operation": operation, "times": times}).to_string();
    ask_json(
        "POST",
        &sandbox.control("/partners/keystone/faults"),
        &order,
    );
}

/// The kick-off of a match asks again after what may pass by itself.
fn with_retry(config: &Config, retry: &str) {
    config.replace(
        "probes/bulk-exchange.toml",
        "body = \"member-match-parameters\"",
        &format!("body = \"member-match-parameters\"\nretry = {retry}"),
    );
}

#[test]
fn a_run_that_passes_on_its_second_attempt_says_so_and_the_first_one_counts() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    with_retry(&config, "{ attempts = 3, on = [\"5xx\"], wait = \"50ms\" }");
    inject(&sandbox, "server-error", "bulk-match", 1);
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(code, 0, "{run}");
    assert_eq!(run["outcome"], "passed_on_retry");
    let layers = json!({"transport": "good", "application": "bad", "business": "good"});
    assert_eq!(run["layers"], layers);
    assert_eq!(run["counts"], layers);
    assert_eq!(run["blame"]["cause"], "status");
    assert_eq!(run["blame"]["step"], "match");
    let attempts: Vec<_> = requests(step(&run, "match"))
        .iter()
        .map(|request| (request["attempt"].clone(), request["status"].clone()))
        .collect();
    assert_eq!(attempts, [(json!(1), json!(500)), (json!(2), json!(202))]);
    assert_eq!(step(&run, "match")["state"], "passed");
    assert_eq!(step(&run, "match")["retried"][0]["cause"], "status");

    // The same in the counters, and on the text that people see.
    inject(&sandbox, "server-error", "bulk-match", 1);
    let output = config.output(&[
        "once",
        "bulk-exchange",
        "--partner",
        "keystone",
        "--overlay",
        "overlay.toml",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("attempt 2") && text.contains("passed_on_retry"),
        "{text}"
    );
    inject(&sandbox, "server-error", "bulk-match", 1);
    let agent = config.agent();
    eventually(
        "a run that passed on retry, and one that passed at once",
        || {
            let metrics = agent.metrics();
            let runs = |outcome| metrics.count("outrider_runs_total", &[("outcome", outcome)]);
            (runs("passed_on_retry") == 1 && runs("passed") >= 1).then_some(())
        },
    );
    let metrics = agent.metrics();
    let bad = |layer| metrics.count("outrider_sli_bad_total", &[("layer", layer)]);
    assert_eq!(
        [bad("transport"), bad("application"), bad("business")],
        [0, 1, 0]
    );
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_step_asks_again_by_its_rule_and_never_else() {
    let sandbox = Sandbox::start();
    for (retry, fault, sent) in [
        // Not named by the rule.
        ("{ attempts = 3, on = [\"connect\"] }", "server-error", 1),
        // The partner asks for more patience than the rule has.
        (
            "{ attempts = 3, on = [\"429\"], wait_max = \"2s\" }",
            "throttled",
            1,
        ),
        // All attempts are used up, and the last one decides.
        (
            "{ attempts = 3, on = [\"5xx\"], wait = \"20ms\" }",
            "server-error",
            3,
        ),
    ] {
        let config = Config::at(&sandbox, &Pace::patient());
        with_retry(&config, retry);
        sandbox.inject("keystone", fault);
        let (code, run) = config.once("bulk-exchange", &[]);
        sandbox.heal("keystone");
        assert_eq!((code, &run["outcome"]), (4, &json!("failed")), "{run}");
        assert_eq!(requests(step(&run, "match")).len(), sent, "{retry}: {run}");
        assert_eq!(run["layers"]["business"], "not_reached");
    }
    // Without a rule, once.
    let config = Config::at(&sandbox, &Pace::patient());
    sandbox.inject("keystone", "server-error");
    let (_, run) = config.once("bulk-exchange", &[]);
    assert_eq!(requests(step(&run, "match")).len(), 1);
}

/// Captures one of each kind and sends each to every place that takes it.
const EACH_KIND: &str = r#"
id = "scripted"
deadline = "5s"
[[step]]
id = "begin"
use = "request"
url = "{{ partner.base_url }}/begin"
[step.capture]
id = { json = "$.id" }
flag = { json = "$.flag" }
yes = { json = "$.yes", as = "bool" }
count = { json = "$.count", as = "number" }
odd = { json = "$.odd" }
key = { json = "$.key", as = "secret" }
list = { json = "$.list", as = "list" }
whole = { json = "$.whole", as = "document" }
cookies = { header = "Set-Cookie", as = "list" }
etag = { header = "ETag" }
absent = { json = "$.absent", optional = true }
[[step]]
id = "send"
use = "request"
method = "POST"
url = "{{ partner.base_url }}/send?odd={{ begin.odd }}&id={{ begin.id }}"
headers = { If-Match = "{{ begin.etag }}", X-Key = "{{ begin.key }}" }
[step.body.json]
id = "{{ begin.id }}"
flag = "{{ begin.flag }}"
yes = "{{ begin.yes }}"
count = "{{ begin.count }}"
text = "{{ begin.count }} of {{ begin.odd }}"
list = "{{ begin.list }}"
whole = { inside = ["{{ begin.whole }}", 7, 1.5, true] }
cookies = "{{ begin.cookies }}"
key = "{{ begin.key }}"
[[step]]
id = "form"
use = "request"
method = "POST"
url = "{{ partner.base_url }}/form"
body = { form = { odd = "{{ begin.odd }}", id = "{{ begin.id }}" } }
[[step]]
id = "never"
use = "request"
url = "{{ partner.base_url }}/never/{{ begin.absent }}"
"#;

#[test]
fn what_is_captured_goes_out_as_it_came_in_and_escaped_for_its_place() {
    let odd = "a/b?c=d&e \"quoted\"\\ ü";
    let server = Scripted::start([
        (
            "/begin",
            vec![Say::Answer(
                200,
                vec![
                    ("content-type", "application/json".to_owned()),
                    ("set-cookie", "a=1, b".to_owned()),
                    ("set-cookie", "c=2".to_owned()),
                    ("etag", "W/\"7\"".to_owned()),
                ],
                json!({
                    "id": "00012345", "flag": "T", "yes": true, "count": 3, "odd": odd,
                    "key": "s3cret-9f2", "list": ["x", 1], "whole": {"a": [null, "T"]},
                })
                .to_string(),
            )],
        ),
        ("/send", vec![document(&json!({}))]),
        ("/form", vec![document(&json!({}))]),
    ]);
    let config = server.config(EACH_KIND, &Pace::default());
    let (code, run) = config.once("scripted", &[]);
    assert_eq!(code, 0, "{run}");
    let got = server.got();
    assert_eq!(got.len(), 3, "a step without its value is skipped");
    assert_eq!(step(&run, "never")["state"], "skipped");
    let encoded = "a%2Fb%3Fc%3Dd%26e%20%22quoted%22%5C%20%C3%BC";
    assert_eq!(
        got[1].line,
        format!("POST /send?odd={encoded}&id=00012345 HTTP/1.1")
    );
    assert_eq!(got[1].field("if-match"), Some("W/\"7\""));
    assert_eq!(got[1].field("x-key"), Some("s3cret-9f2"));
    assert_eq!(got[1].field("content-type"), Some("application/json"));
    let sent: Value = serde_json::from_str(&got[1].body).unwrap();
    let wanted = json!({
        "id": "00012345", "flag": "T", "yes": true, "count": 3, "text": format!("3 of {odd}"),
        "list": ["x", 1], "whole": {"inside": [{"a": [null, "T"]}, 7, 1.5, true]},
        "cookies": ["a=1, b", "c=2"], "key": "s3cret-9f2",
    });
    assert_eq!(sent, wanted);
    // Keys of a TOML table stand in the order of their names.
    assert_eq!(got[2].body, format!("id=00012345&odd={encoded}"));
    assert!(!run.to_string().contains("s3cret"), "{run}");
}

#[test]
fn a_value_of_another_kind_breaks_the_step_and_so_does_one_too_many() {
    let cookies = vec![
        ("set-cookie", "a=1".to_owned()),
        ("set-cookie", "b=2".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let body = json!({"id": 12_345, "flag": "true", "text": "two\r\nx-evil: 1"}).to_string();
    let server = Scripted::start([("/begin", vec![Say::Answer(200, cookies, body)])]);
    for (capture, seen) in [
        ("{ json = \"$.id\" }", "another type"),
        ("{ json = \"$.flag\", as = \"bool\" }", "another type"),
        ("{ json = \"$.nothing\" }", "none"),
        ("{ header = \"set-cookie\" }", "several"),
    ] {
        let journey = format!(
            "id = \"scripted\"\ndeadline = \"5s\"\n[[step]]\nid = \"begin\"\nuse = \"request\"\n\
             url = \"{{{{ partner.base_url }}}}/begin\"\ncapture = {{ it = {capture} }}\n"
        );
        let (code, run) = server
            .config(&journey, &Pace::default())
            .once("scripted", &[]);
        assert_eq!(
            (code, &run["blame"]["cause"]),
            (4, &json!("schema")),
            "{run}"
        );
        let findings = step(&run, "begin")["findings"].as_array().unwrap();
        let broken = findings.iter().find(|one| one["held"] == false).unwrap();
        assert_eq!(broken["seen"], seen);
    }
    // No line end gets into a header field.
    let journey = r#"
id = "scripted"
deadline = "5s"
[[step]]
id = "begin"
use = "request"
url = "{{ partner.base_url }}/begin"
capture = { text = { json = "$.text" } }
[[step]]
id = "send"
use = "request"
url = "{{ partner.base_url }}/begin"
headers = { X-Text = "{{ begin.text }}" }
"#;
    let before = server.got().len();
    let (code, run) = server
        .config(journey, &Pace::default())
        .once("scripted", &[]);
    assert_eq!((code, &run["blame"]["step"]), (4, &json!("send")), "{run}");
    assert_eq!(server.got().len(), before + 1, "nothing was sent");
}

#[test]
fn conditions_and_steps_that_may_fail_leave_every_result_in_its_place() {
    let server = Scripted::start([
        ("/a", vec![document(&json!({"state": "open"}))]),
        ("/b", vec![status(500)]),
        ("/c", vec![status(200)]),
        ("/d", vec![status(404)]),
        ("/e", vec![status(200)]),
    ]);
    let request = |id: &str, more: &str| {
        format!(
            "[[step]]\nid = \"{id}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/{id}\"\n{more}\n"
        )
    };
    let journey = [
        "id = \"scripted\"\ndeadline = \"5s\"\n".to_owned(),
        request("a", "capture = { state = { json = \"$.state\" }, none = { json = \"$.no\", optional = true } }"),
        request("b", "allow_failure = true\ncapture = { x = { json = \"$.x\" } }"),
        request("b-again", "when = { value = \"a.none\", present = true }"),
        request("c", "when = { value = \"a.state\", equals = \"open\" }"),
        request("c-too", "when = { value = \"a.state\", equals = \"closed\" }"),
        request("d", ""),
        request("after", ""),
        request("e", "always = true"),
    ]
    .concat();
    let (code, run) = server
        .config(&journey, &Pace::default())
        .once("scripted", &[]);
    assert_eq!(code, 4, "{run}");
    let states: Vec<(&str, &str)> = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("a", "passed"),
            ("b", "failed"),
            ("b-again", "skipped"),
            ("c", "passed"),
            ("c-too", "skipped"),
            ("d", "failed"),
            ("after", "skipped"),
            ("e", "passed"),
        ]
    );
    assert_eq!(run["blame"]["step"], "d", "what may fail takes no blame");
    assert_eq!(requests(step(&run, "e"))[0]["status"], 200);
}

#[test]
fn the_deadline_cancels_the_step_that_goes_on_and_skips_the_rest() {
    let server = Scripted::start([
        ("/a", vec![Say::Nothing]),
        ("/b", vec![status(200)]),
        ("/c", vec![status(200)]),
    ]);
    let journey = r#"
id = "scripted"
deadline = "600ms"
timeout = "500ms"
[[step]]
id = "a"
use = "request"
url = "{{ partner.base_url }}/a"
timeout = "600ms"
retry = { attempts = 9, on = ["connect"] }
[[step]]
id = "b"
use = "request"
url = "{{ partner.base_url }}/b"
[[step]]
id = "c"
use = "request"
url = "{{ partner.base_url }}/c"
always = true
"#;
    let pace = Pace {
        deadline: "600ms",
        timeout: "500ms",
        ..Pace::default()
    };
    let (code, run) = server.config(journey, &pace).once("scripted", &[]);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &json!("timeout")),
        "{run}"
    );
    assert_eq!(step(&run, "b")["state"], "skipped");
    assert_eq!(step(&run, "c")["state"], "passed");
    let lines: Vec<_> = server.got().into_iter().map(|got| got.line).collect();
    assert_eq!(lines, ["GET /a HTTP/1.1", "GET /c HTTP/1.1"]);
}

#[test]
fn a_document_is_looked_at_until_it_says_done() {
    let state = |state: &str| document(&json!({"state": state, "result": "r-1"}));
    let server = Scripted::start([
        (
            "/good",
            vec![state("queued"), state("running"), state("completed")],
        ),
        ("/bad", vec![state("queued"), state("rejected")]),
        ("/busy", vec![status(429), state("completed")]),
    ]);
    let watch = |path: &str| {
        format!(
            r#"
id = "scripted"
deadline = "10s"
[[step]]
id = "watch"
use = "poll"
url = "{{{{ partner.base_url }}}}/{path}"
every = "30ms"
until = {{ path = "$.state", equals = "completed" }}
fail = {{ path = "$.state", one_of = ["rejected", "dead"] }}
capture = {{ result = {{ json = "$.result" }} }}
[[step]]
id = "after"
use = "request"
url = "{{{{ partner.base_url }}}}/good?{{{{ watch.result }}}}"
"#
        )
    };
    let pace = Pace::patient();
    let (code, run) = server.config(&watch("good"), &pace).once("scripted", &[]);
    assert_eq!(code, 0, "{run}");
    let job = &step(&run, "watch")["job"];
    assert_eq!(job["polls"], 3);
    let time = |name: &str| job[name].as_f64().unwrap();
    let parts = time("server_ms") + time("overhead_ms") + time("transfer_ms");
    assert!((parts - time("elapsed_ms")).abs() < 0.01, "{job}");
    assert_eq!(server.got().last().unwrap().line, "GET /good?r-1 HTTP/1.1");
    let (code, run) = server.config(&watch("bad"), &pace).once("scripted", &[]);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &json!("schema")),
        "{run}"
    );
    let (code, run) = server.config(&watch("busy"), &pace).once("scripted", &[]);
    assert_eq!(code, 0, "a 429 asks for patience: {run}");
}
