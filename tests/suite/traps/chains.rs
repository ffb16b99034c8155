//! Traps on the way from one answer into the next request: what was sent is what the ground truth got.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::monitor::Score;
use super::outrider::{SELDOM, SIGN_IN, Scheduled, config, states};
use super::truth::{LoggedRequest, Truth};
use crate::support::eventually;

/// The first step asks, the second sends what was kept.
fn two_steps(capture: &str, second: &str) -> String {
    format!(
        r#"
[[step]]
id = "ask"
use = "request"
url = "{{{{ partner.base_url }}}}/ask"
capture = {capture}
[[step]]
id = "tell"
use = "request"
{second}
"#
    )
}

/// Walks two steps whose first answer is this behaviour: exit code, run, and what the second one sent.
fn told(truth: &Truth, name: &str, ask: &Value, steps: &str) -> (i32, Value, Vec<LoggedRequest>) {
    truth.order(&format!("/{name}/ask"), ask);
    truth.order(&format!("/{name}/tell"), &json!({"keep": true}));
    let config = config(&truth.plain(&format!("/{name}")), steps, SELDOM);
    let (code, run) = config.once("trap", &[]);
    truth.heal();
    (code, run, truth.asked(&format!("/{name}/tell")))
}

fn header<'a>(asked: &'a LoggedRequest, name: &str) -> Vec<&'a str> {
    let fields = asked.received()["headers"].as_array().unwrap().iter();
    fields
        .filter(|field| field[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|field| field[1].as_str().unwrap())
        .collect()
}

fn body(asked: &LoggedRequest) -> Value {
    serde_json::from_str(asked.received()["body"].as_str().unwrap()).unwrap()
}

/// T04: nothing becomes another type on its way.
pub(super) fn types_stay(truth: &Truth) -> Score {
    let document =
        r#"{"id":"00012345","flag":"T","exact":12345678901234567890,"yes":true,"e":"1e3"}"#;
    let ask = json!({"body": {"text": document}});
    let capture = r#"{ id = { json = "$.id" }, flag = { json = "$.flag" }, e = { json = "$.e" }, exact = { json = "$.exact", as = "number" }, yes = { json = "$.yes", as = "bool" } }"#;
    let second = r#"
method = "POST"
url = "{{ partner.base_url }}/tell/{{ ask.id }}?e={{ ask.e }}"
headers = { "X-Id" = "{{ ask.id }}" }
body = { json = { id = "{{ ask.id }}", flag = "{{ ask.flag }}", exact = "{{ ask.exact }}", yes = "{{ ask.yes }}" } }
"#;
    let (code, run, asked) = told(truth, "types", &ask, &two_steps(capture, second));
    assert_eq!(code, 0, "{run:#}");
    let one = &asked[0];
    assert_eq!(one.target(), "/types/tell/00012345?e=1e3");
    assert_eq!(header(one, "x-id"), ["00012345"]);
    let sent = one.received()["body"].as_str().unwrap();
    assert!(
        sent.contains("12345678901234567890"),
        "every digit stays: {sent}"
    );
    let sent = body(one);
    assert_eq!(
        (&sent["id"], &sent["flag"], &sent["yes"]),
        (&json!("00012345"), &json!("T"), &json!(true))
    );
    // What is of another type than said is no value at all.
    for wrong in [
        r#"{ id = { json = "$.exact" } }"#,
        r#"{ id = { json = "$.id", as = "number" } }"#,
        r#"{ id = { json = "$.flag", as = "bool" } }"#,
    ] {
        let second =
            "url = \"{{ partner.base_url }}/tell/x\"\nheaders = { \"X-Id\" = \"{{ ask.id }}\" }\n";
        let before = truth.asked("/types/tell").len();
        let (code, run, asked) = told(truth, "types", &ask, &two_steps(wrong, second));
        assert_eq!((code, states(&run)[0].1), (4, "failed"), "{wrong}: {run:#}");
        assert_eq!(asked.len(), before, "{wrong}: nothing is sent");
    }
    Score::of(
        true,
        "\"00012345\", \"T\", \"1e3\", a number of 20 digits and true arrive as they were",
    )
}

/// T08: a captured text means nothing where it goes.
pub(super) fn texts_are_escaped(truth: &Truth) -> Score {
    let evil = r#"x"},"admin":true,{"/../?a=1&b=2#c%41+;d=é"#;
    let plain: String = evil.chars().filter(char::is_ascii).collect();
    let document = json!({"evil": evil, "plain": plain, "split": "a\r\nX-Admin: 1"}).to_string();
    let ask = json!({"body": {"text": document}});
    let capture = r#"{ evil = { json = "$.evil" }, plain = { json = "$.plain" } }"#;
    let into = |more: &str| {
        format!("url = \"{{{{ partner.base_url }}}}/tell/x\"\nmethod = \"POST\"\n{more}\n")
    };
    for (context, second) in [
        (
            "path",
            "url = \"{{ partner.base_url }}/tell/{{ ask.evil }}/end\"\n".to_owned(),
        ),
        (
            "query",
            "url = \"{{ partner.base_url }}/tell/x?v={{ ask.evil }}&end=1\"\n".to_owned(),
        ),
        (
            "header",
            into(
                "headers = { \"X-Value\" = \"{{ ask.plain }}\" }\nbody = { json = { a = \"b\" } }",
            ),
        ),
        (
            "json",
            into("body = { json = { v = \"{{ ask.evil }}\", w = \"<{{ ask.evil }}>\" } }"),
        ),
        (
            "form",
            into("body = { form = { v = \"{{ ask.evil }}\", end = \"1\" } }"),
        ),
    ] {
        let before = truth.asked("/escaped/tell").len();
        let (code, run, asked) = told(truth, "escaped", &ask, &two_steps(capture, &second));
        assert_eq!(code, 0, "{context}: {run:#}");
        assert_arrives(context, &asked[before], evil, &plain);
    }
    // A line end would be another field: nothing is sent at all.
    let before = truth.asked("/escaped/tell").len();
    let capture = r#"{ split = { json = "$.split" } }"#;
    let second =
        into("headers = { \"X-Value\" = \"{{ ask.split }}\" }\nbody = { json = { a = \"b\" } }");
    let (code, run, asked) = told(truth, "escaped", &ask, &two_steps(capture, &second));
    assert_ne!(code, 0, "{run:#}");
    assert_eq!(asked.len(), before, "a header with a line end is not sent");
    Score::of(
        true,
        "path, query, header, JSON and form each get back just the text; a line end into a header sends nothing",
    )
}

/// What arrived where a text was put is that text and no more.
fn assert_arrives(context: &str, one: &LoggedRequest, evil: &str, plain: &str) {
    let target = one.target().to_owned();
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    match context {
        "path" => {
            let parts: Vec<&str> = target.split('/').collect();
            assert_eq!(parts.len(), 5, "{target}");
            let part = percent_decode_str(parts[3]).decode_utf8().unwrap();
            assert_eq!((part.as_ref(), parts[4]), (evil, "end"));
        }
        "query" => {
            let (_, query) = target.split_once('?').unwrap();
            let (value, end) = query.strip_prefix("v=").unwrap().split_once('&').unwrap();
            assert_eq!((decoded(value).as_str(), end), (evil, "end=1"));
        }
        "header" => assert_eq!(header(one, "x-value"), [plain]),
        "json" => {
            let around = format!("<{evil}>");
            assert_eq!(body(one), json!({"v": evil, "w": around}));
        }
        _ => {
            let form = one.received()["body"].as_str().unwrap().to_owned();
            let pairs: Vec<(&str, String)> = form
                .split('&')
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(name, value)| (name, decoded(value)))
                .collect();
            assert_eq!(pairs.len(), 2, "{form}");
            assert!(pairs.contains(&("v", evil.to_owned())), "{form}");
        }
    }
}

/// T16: a header field that is there twice is two values.
pub(super) fn fields_stay_apart(truth: &Truth) -> Score {
    let cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"];
    let ask = json!({"headers": [["set-cookie", cookies[0]], ["Set-Cookie", cookies[1]]]});
    let second = r#"
method = "POST"
url = "{{ partner.base_url }}/tell/x"
body = { json = { cookies = "{{ ask.cookies }}" } }
"#;
    let list = r#"{ cookies = { header = "Set-Cookie", as = "list" } }"#;
    let (code, run, asked) = told(truth, "apart", &ask, &two_steps(list, second));
    assert_eq!(code, 0, "{run:#}");
    assert_eq!(body(&asked[0]), json!({"cookies": cookies}));
    // One of two is a guess: a capture of one text finds none.
    let one = r#"{ cookies = { header = "Set-Cookie" } }"#;
    let (code, run, asked) = told(truth, "apart", &ask, &two_steps(one, second));
    assert_eq!((code, asked.len()), (4, 1), "{run:#}");
    Score::of(
        true,
        "two fields are a list of two, commas inside stay; as one text they break the step",
    )
}

const RETRIED: &str = r#"
[[step]]
id = "look"
use = "request"
url = "{{ partner.base_url }}/look"
retry = { attempts = 2, on = ["5xx"], wait = "50ms", wait_max = "100ms" }
"#;

/// T12: a second try that passes shows both, and the first still counts.
pub(super) fn the_first_try_counts(truth: &Truth) -> Score {
    let scheduled = Scheduled {
        every: "500ms",
        timeout: "3s",
        deadline: "10s",
        concurrency: 20,
    };
    let config = config(&truth.plain("/flaky"), RETRIED, scheduled);
    truth.order_times("/flaky", &json!({"status": 503}), 0, 1);
    let (code, run) = config.once("trap", &[]);
    assert_eq!(
        (code, run["outcome"].as_str()),
        (0, Some("passed_on_retry")),
        "{run:#}"
    );
    let requests = run["steps"][0]["requests"].as_array().unwrap();
    let statuses: Vec<&Value> = requests.iter().map(|request| &request["status"]).collect();
    assert_eq!(
        statuses,
        [&json!(503), &json!(200)],
        "every attempt is kept"
    );
    assert_eq!(truth.asked("/flaky").len(), 2);
    assert_eq!(run["layers"]["application"], "bad", "{run:#}");
    let agent = config.agent();
    truth.order_times("/flaky", &json!({"status": 503}), 2, 1);
    let metrics = eventually("a run that passed on its second try", || {
        let metrics = agent.metrics();
        let retried = [("outcome", "passed_on_retry")];
        (metrics.count("outrider_runs_total", &retried) == 1).then_some(metrics)
    });
    let bad = metrics.count("outrider_sli_bad_total", &[("layer", "application")]);
    let transport = metrics.count("outrider_sli_bad_total", &[("layer", "transport")]);
    assert_eq!(
        (bad, transport),
        (1, 0),
        "the first try decides the layer it broke"
    );
    assert_eq!(agent.stop(), 0);
    Score::of(
        true,
        "outcome passed_on_retry with both answers kept; one bad application run is counted",
    )
}

const FRESH: &str = r#"
id = "sign-in"
deadline = "10s"
timeout = "3s"
[[step]]
id = "discovery"
use = "request"
url = "{{ partner.base_url }}/.well-known/smart-configuration"
capture = { token_endpoint = { json = "$.token_endpoint" } }
[[step]]
id = "token"
use = "token"
endpoint = "{{ discovery.token_endpoint }}"
scope = ["system/Patient.rs"]
fresh = true
"#;

/// T05: with a token in hand all goes on, and that the endpoint is down is seen all the same.
pub(super) fn a_kept_token_hides_nothing(truth: &Truth) -> String {
    let scheduled = Scheduled {
        every: "500ms",
        timeout: "3s",
        deadline: "10s",
        concurrency: 20,
    };
    let steps = SIGN_IN.replace("/do/status=401,body=echo,keep=yes", "");
    let config = config(&truth.plain("/kept"), &steps, scheduled);
    config.write("probes/sign-in.toml", FRESH);
    let file = config.folder.path().join("partners/keystone.toml");
    let partner = std::fs::read_to_string(file).unwrap();
    let probe = "[[probe]]\njourney = \"sign-in\"\nevery = \"500ms\"\nconcurrency = 20\n";
    config.write("partners/keystone.toml", &(partner + probe));
    let agent = config.agent();
    let runs = |journey: &str, outcome: &str| {
        let labels = [("journey", journey), ("outcome", outcome)];
        agent.metrics().count("outrider_runs_total", &labels)
    };
    eventually("a token in hand", || {
        (runs("trap", "passed") > 1 && runs("sign-in", "passed") > 0).then_some(())
    });
    truth.order("/kept/token", &json!({"status": 503}));
    let before = runs("trap", "passed");
    eventually("failed sign-ins", || {
        (runs("sign-in", "failed") > 2).then_some(())
    });
    eventually("runs by the kept token", || {
        (runs("trap", "passed") > before + 2).then_some(())
    });
    let metrics = agent.metrics();
    let bad = |journey: &str| {
        let labels = [("journey", journey), ("layer", "application")];
        metrics.count("outrider_sli_bad_total", &labels)
    };
    assert_eq!(bad("trap"), 0, "a token that holds is used");
    assert!(bad("sign-in") > 2, "the endpoint is an SLI of its own");
    truth.heal();
    let before = runs("sign-in", "passed");
    eventually("sign-ins again", || {
        (runs("sign-in", "passed") > before).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    format!(
        "journeys go on by a kept token while {} sign-ins by schedule are bad",
        bad("sign-in")
    )
}

/// T14: the second request on a connection is answered by its end; nobody sends it once more.
pub(super) fn a_reused_connection_ends(truth: &Truth) -> String {
    let steps = r#"
connection = "reuse"
[[step]]
id = "first"
use = "request"
url = "{{ partner.base_url }}/first"
[[step]]
id = "second"
use = "request"
url = "{{ partner.base_url }}/do/end=close/second"
"#;
    let config = config(&truth.plain("/reused"), steps, SELDOM);
    let (code, run) = config.once("trap", &[]);
    assert_eq!((code, states(&run)[1].1), (4, "failed"), "{run:#}");
    let asked = truth.asked("/reused");
    let nth: Vec<&Value> = asked.iter().map(|one| &one.0["nth"]).collect();
    assert_eq!(
        nth,
        [&json!(1), &json!(2)],
        "one connection, one request each"
    );
    "; on a connection that we reuse: 1".to_owned()
}
