//! The agent's listener under rough clients: other sites' pages, half of a request, more connections than handles.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::support::{Agent, Config, Pace, Program, Sandbox, eventually, http, http_with};

/// More connections than any listener has seats for.
const FLOOD: usize = 1_100;
/// Every kind of page.
const PAGES: [&str; 9] = [
    "/",
    "/style.css",
    "/runbooks/README.md",
    "/evidence/keystone/transport",
    "/v1/partners",
    "/v1/runs",
    "/v1/actions",
    "/metrics",
    "/healthz",
];

fn address(agent: &Agent) -> SocketAddr {
    let url = agent.url("");
    url.trim_start_matches("http://").parse().unwrap()
}

/// A whole URL in the request line names the host too.
fn assert_whole_url_is_refused(own: &str) {
    let whole = "GET http://evil.example/ HTTP/1.1";
    let mut stream = TcpStream::connect(own).unwrap();
    write!(
        stream,
        "{whole}\r\nhost: {own}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    assert!(answer.contains("under [access]"), "the fix: {answer}");
}

#[test]
fn names_and_pages_of_other_sites_are_refused_on_every_path() {
    let config = Config::new(&Pace::default());
    config.replace(
        "outrider.toml",
        "stop_grace",
        "portal = \"https://pages.example/\"\nstop_grace",
    );
    let text = std::fs::read_to_string(config.folder.path().join("outrider.toml")).unwrap();
    let hosts = "[access]\nhosts = [\"outrider.example\", \"other.example:8443\"]\n";
    config.write("outrider.toml", &format!("{text}{hosts}"));
    let agent = config.agent_with(&[]);
    let port = address(&agent).port();
    let own = format!("127.0.0.1:{port}");
    for path in PAGES.iter().chain(&["/nowhere"]) {
        let ask = |fields: &[(&str, &str)]| http_with("GET", &agent.url(path), fields, "").0;
        for host in [
            "evil.example",
            &format!("evil.example:{port}"),
            &format!("127.0.0.1.evil.example:{port}"),
            &format!("127.0.0.2:{port}"),
            &format!("{own}@evil.example"),
            &format!("evil.example@{own}"),
            "other.example",
            "[::1]",
            "",
        ] {
            let status = ask(&[("host", host)]);
            assert!(matches!(status, 400 | 421), "{path} {host}: {status}");
        }
        let two = ask(&[("host", &own), ("host", "evil.example")]);
        assert!(matches!(two, 400 | 421), "{path}: {two}");
        let fine = if *path == "/nowhere" { 404 } else { 200 };
        for host in [
            own.as_str(),
            "localhost",
            "LOCALHOST:1234",
            "outrider.example",
            "outrider.example:443",
            "other.example:8443",
            "pages.example",
        ] {
            assert_eq!(ask(&[("host", host)]), fine, "{path} {host}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "",
            "http://127.0.0.1",
            "http://localhost:1",
            "file://",
        ] {
            assert_eq!(ask(&[("origin", origin)]), 403, "{path} {origin}");
        }
        for origin in [
            format!("http://{own}"),
            "https://outrider.example".to_owned(),
            "https://pages.example".to_owned(),
        ] {
            assert_eq!(ask(&[("origin", &origin)]), fine, "{path} {origin}");
        }
    }
    assert_whole_url_is_refused(&own);
    assert_eq!(agent.stop(), 0);
}

#[test]
fn what_a_page_of_another_site_would_change_is_refused() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    let bearer = config.authorization();
    let (token, cookie) = (("authorization", bearer.as_str()), ("cookie", "a=b"));
    let body =
        r#"{"partner": "keystone", "journey": "bulk-exchange", "by": "Dana", "note": "seen"}"#;
    let post =
        |fields: &[(&str, &str)]| http_with("POST", &agent.url("/v1/resume"), fields, body).0;
    for site in ["cross-site", "same-site", "CROSS-SITE", ""] {
        let site = ("sec-fetch-site", site);
        assert_eq!(post(&[site]), 403, "{site:?}");
        assert_eq!(post(&[site, token, cookie]), 403, "{site:?}");
        assert_eq!(post(&[("sec-fetch-site", "none"), site]), 403, "{site:?}");
        assert_eq!(post(&[site, token]), 404, "a program: {site:?}");
        let (read, _, _) = http_with("GET", &agent.url("/"), &[site], "");
        assert_eq!(read, 200, "a link may lead here: {site:?}");
    }
    for site in ["same-origin", "none"] {
        let site = ("sec-fetch-site", site);
        assert_eq!(post(&[site]), 401, "{site:?}");
        assert_eq!(post(&[site, token, cookie]), 404, "{site:?}");
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn every_answer_has_the_headers_that_browsers_obey_and_no_page_needs_inline_code() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let run = agent.runs(0)[0]["run"].as_str().unwrap().to_owned();
    let run = format!("/runs/{run}");
    let all = [run.as_str(), "/runs/nobody", "/nowhere", "/v1/runs?x=1"];
    for path in PAGES.iter().chain(&all) {
        let (_, head, body) = http_with("GET", &agent.url(path), &[], "");
        for line in [
            "content-security-policy: default-src 'none'; style-src 'self';",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: same-origin",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(line), "{path} has no {line}: {head}");
        }
        if !head.contains("text/html") {
            continue;
        }
        for inline in ["<style", " style=", "<script", " onload=", "javascript:"] {
            assert!(!body.contains(inline), "{path} has {inline}");
        }
    }
    let (_, head, _) = http_with("GET", &agent.url("/.well-known/jwks.json"), &[], "");
    assert!(head.contains("cache-control: max-age=300"), "{head}");
    assert_eq!(agent.stop(), 0);
}

/// A request whose body does not come.
fn half_sent(address: SocketAddr, authorization: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/resume HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    // It may have had to leave already.
    let _gone = stream.write_all(head.as_bytes());
    stream
}

#[test]
fn floods_and_few_handles_disturb_neither_health_nor_runs() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let program = env!("CARGO_BIN_EXE_outrider");
    let mut command = Command::new("sh");
    command.current_dir(config.folder.path()).args([
        "-c",
        "ulimit -n 128; exec \"$0\" run --overlay overlay.toml",
        program,
    ]);
    let agent = Program::start(command, &config.folder.path().join("agent.log"));
    let url = |path: &str| format!("{}{path}", agent.ready["listen"].as_str().unwrap());
    let address: SocketAddr = url("").trim_start_matches("http://").parse().unwrap();
    let passed = || {
        let runs = crate::support::json("GET", &url("/v1/runs?outcome=passed&limit=1000"), "");
        runs["runs"].as_array().unwrap().len()
    };
    eventually("a run", || (passed() > 0).then_some(()));
    let authorization = config.authorization();
    for half in ["silence", "half a head", "half a body"] {
        let held: Vec<TcpStream> = (0..FLOOD)
            .map(|_| match half {
                "half a body" => half_sent(address, &authorization),
                _ => {
                    let mut stream = TcpStream::connect(address).unwrap();
                    if half == "half a head" {
                        let _gone = stream.write_all(b"GET / HTTP/1.1\r\nhost: 127");
                    }
                    stream
                }
            })
            .collect();
        assert_eq!(http("GET", &url("/healthz"), "").0, 200, "{half}");
        let before = passed();
        eventually("runs to go on", || (passed() > before).then_some(()));
        drop(held);
    }
    let failed = crate::support::json("GET", &url("/v1/runs?outcome=agent_fault"), "");
    assert_eq!(failed["runs"].as_array().unwrap().len(), 0, "{failed}");
    let log = agent.log();
    let refused = log.matches("connections cannot be accepted").count();
    assert!(refused < 20, "{refused} lines");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_token_over_its_rate_waits_and_takes_nothing_from_others() {
    const MORE_THAN_ANY: usize = 40;
    let config = Config::new(&Pace::patient());
    let text = std::fs::read_to_string(config.folder.path().join("outrider.toml")).unwrap();
    let limit = "[access]\nrequests_per_minute = 3\n";
    config.write("outrider.toml", &format!("{text}{limit}"));
    let agent = config.agent_with(&[]);
    let own = config.authorization();
    let ask = |path: &str, fields: &[(&str, &str)]| http_with("GET", &agent.url(path), fields, "");
    let mut requests = (0..MORE_THAN_ANY).map(|_| ask("/v1/partners", &[]));
    assert_eq!(requests.next().unwrap().0, 200);
    let (_, head, body) = requests.find(|(status, _, _)| *status == 429).unwrap();
    let wait = head
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let wait: u64 = wait.unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(body.contains("requests_per_minute"), "{body}");
    assert!(head.contains("content-security-policy"), "{head}");
    assert_eq!(ask("/v1/partners", &[("authorization", &own)]).0, 200);
    for _ in 0..MORE_THAN_ANY {
        assert_eq!(ask("/healthz", &[]).0, 200);
        assert_eq!(
            ask("/v1/partners", &[("authorization", "Bearer no")]).0,
            401
        );
    }
    let limited = agent.metrics().sum(
        "outrider_requests_limited_total",
        &[("limit", "requests_per_minute")],
    );
    assert!(limited >= 1.0, "{limited}");
}
