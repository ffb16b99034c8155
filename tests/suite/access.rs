//! Who reads and who acts: no token, the local token, and tokens with roles; over TLS where other machines reach the
//! agent.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::stack::{self, Alertmanager, Prometheus};
use crate::support::{Agent, Config, Metrics, Pace, eventually, http, http_with};

/// By what the intervals of rules and scrapes are divided.
const SCALE: &str = "60";
/// A partner that is never reached, so that it has runs at once.
const LAKESIDE: &str = "partners/lakeside.toml";
const RESUME: &str =
    r#"{"partner":"keystone","journey":"bulk-exchange","by":"Dana","note":"seen"}"#;
const NOTIFICATION: &str =
    r#"{"status":"firing","alerts":[{"labels":{"alertname":"OutriderWatchdog"}}]}"#;

/// The configuration with settings and tables added to the agent's file.
fn config(settings: &str, tables: &str) -> Config {
    let config = Config::new(&Pace::default());
    let path = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(path).unwrap();
    config.write("outrider.toml", &format!("{settings}{text}{tables}"));
    config
}

/// `outrider token new`: the token, and the lines for the agent's file.
pub(crate) fn token(config: &Config, arguments: &[&str]) -> (String, String) {
    let output = config.output(&[&["token", "new"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (token, lines) = text.split_once('\n').unwrap();
    assert!(!lines.contains(token), "the file must not hold the token");
    (format!("Bearer {token}"), lines.to_owned())
}

/// Status and body of a request with this authorization.
fn ask(agent: &Agent, method: &str, path: &str, bearer: &str, body: &str) -> (u16, String) {
    let fields = [("authorization", bearer)];
    let (status, _, body) = http_with(method, &agent.url(path), &fields, body);
    (status, body)
}

#[test]
fn on_loopback_everybody_reads_and_a_token_acts() {
    let config = config("", "");
    let agent = config.agent_with(&[]);
    let file = config.folder.path().join("ledger.db.token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (path, body) in [
        ("/v1/resume", RESUME),
        ("/v1/alerting/watchdog", NOTIFICATION),
    ] {
        let (status, head, text) = http_with("POST", &agent.url(path), &[], body);
        assert_eq!(status, 401, "{text}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert!(text.contains(".token"), "the fix: {text}");
        for wrong in ["Bearer ort_nobody", "Bearer", "Basic b3J0Og==", ""] {
            assert_eq!(ask(&agent, "POST", path, wrong, body).0, 401, "{wrong}");
        }
    }
    assert_eq!(http("GET", &agent.url("/v1/partners"), "").0, 200);
    // A token that is wrong is a mistake, also where none is needed.
    assert_eq!(ask(&agent, "GET", "/", "Bearer ort_nobody", "").0, 401);
    let local = config.authorization();
    assert_eq!(ask(&agent, "POST", "/v1/resume", &local, RESUME).0, 404);
    let (status, text) = ask(
        &agent,
        "POST",
        "/v1/alerting/watchdog",
        &local,
        NOTIFICATION,
    );
    assert_eq!(status, 204, "{text}");
    assert_eq!(agent.stop(), 0);
    // The next agent keeps it, so that Alertmanager's stays right.
    let agent = config.agent_with(&[]);
    assert_eq!(config.authorization(), local);
    let port = agent.url("").rsplit(':').next().unwrap().to_owned();
    for (address, wanted) in [
        (agent.url(""), "is not paused"),
        (agent.url("/"), "is not paused"),
        (format!("localhost:{port}"), "is not paused"),
        (format!("https://localhost:{port}"), "speaks http"),
        ("localhost".to_owned(), "a host with a port"),
    ] {
        let journey = ["resume", "bulk-exchange", "--partner", "keystone"];
        let reason = ["--by", "Dana", "--note", "seen", "--agent", &address];
        let output = config.output(&[&journey[..], &reason].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(wanted), "{address}: {text}");
    }
    // Who may not read the token is told so.
    std::fs::remove_file(file).unwrap();
    let resumed = config.resume(&agent);
    assert_eq!(resumed.status.code(), Some(7), "{resumed:?}");
    let text = String::from_utf8(resumed.stderr).unwrap();
    assert!(text.contains("--token-file"), "{text}");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn each_role_may_do_its_own_and_a_token_that_is_taken_away_ends() {
    let config = config("", "[access]\nbehind_proxy = true\n");
    let roles = ["viewer", "operator", "machine"];
    let made: Vec<_> = roles
        .iter()
        .map(|role| token(&config, &["--role", role]))
        .collect();
    let path = config.folder.path().join("outrider.toml");
    let bare = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = made.iter().map(|(_, lines)| lines.as_str()).collect();
    config.write("outrider.toml", &format!("{bare}{}", lines.concat()));
    let agent = config.agent_with(&[]);
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        eventually(path, || {
            (http("GET", &agent.url(path), "").0 == 200).then_some(())
        });
    }
    for path in ["/", "/v1/runs", "/metrics", "/style.css", "/nowhere"] {
        assert_eq!(http("GET", &agent.url(path), "").0, 401, "{path}");
    }
    // What each role is answered: reading, the action log, a resume, the watchdog.
    for ((bearer, _), wanted) in made.iter().zip([
        [200, 200, 403, 403],
        [200, 200, 404, 204],
        [200, 200, 403, 204],
    ]) {
        let found = [
            ask(&agent, "GET", "/metrics", bearer, ""),
            ask(&agent, "GET", "/v1/actions", bearer, ""),
            ask(&agent, "POST", "/v1/resume", bearer, RESUME),
            ask(
                &agent,
                "POST",
                "/v1/alerting/watchdog",
                bearer,
                NOTIFICATION,
            ),
        ];
        let statuses = found.each_ref().map(|(status, _)| *status);
        assert_eq!(statuses, wanted, "{found:?}");
    }
    let viewer = &made[0].0;
    config.write(
        "outrider.toml",
        &format!("{bare}metrics = \"open\"\n{}", lines[1]),
    );
    eventually("the token to end", || {
        (ask(&agent, "GET", "/", viewer, "").0 == 401).then_some(())
    });
    assert_eq!(http("GET", &agent.url("/metrics"), "").0, 200, "it is open");
    assert_eq!(agent.stop(), 0);
    for wrong in [
        &["--role", "admin"][..],
        &["--role", "partner"],
        &["--role", "viewer", "--partner", "keystone"],
        &["--role", "partner", "--partner", "nope"],
    ] {
        let output = config.output(&[&["token", "new"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Two partners, a token of keystone's, and runs of both.
fn two_partners() -> (Config, Agent, String) {
    let config = config("", "");
    let keystone = config.folder.path().join("partners/keystone.toml");
    let lakeside = std::fs::read_to_string(keystone).unwrap();
    config.write(LAKESIDE, &lakeside.replace("keystone", "lakeside"));
    let set = config.folder.path().join("members/lakeside-basic.json");
    let members = std::fs::read_to_string(set).unwrap();
    let members = members.replace("or-m0001", "lakeside-m0001");
    config.write("members/lakeside-basic.json", &members);
    let (bearer, lines) = token(&config, &["--role", "partner", "--partner", "keystone"]);
    let path = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let access = "[access]\nbehind_proxy = true\n";
    config.write("outrider.toml", &format!("{text}{access}{lines}"));
    let agent = config.agent_with(&[]);
    (config, agent, bearer)
}

/// Runs of one partner, as the local token sees them.
fn runs_of(agent: &Agent, local: &str, partner: &str) -> Vec<Value> {
    let (_, text) = ask(
        agent,
        "GET",
        &format!("/v1/runs?partner={partner}"),
        local,
        "",
    );
    let runs: Value = serde_json::from_str(&text).unwrap();
    runs["runs"].as_array().cloned().unwrap_or_default()
}

/// What a partner may not do is answered as a path that there is not.
fn assert_rights_are_hidden(agent: &Agent, bearer: &str) {
    let get = |path: &str| ask(agent, "GET", path, bearer, "");
    let nothing = get("/nowhere");
    for path in ["/metrics", "/v1/actions", "/v1/actions?x=1"] {
        assert_eq!(get(path), nothing, "{path}");
    }
    let unknown = ask(agent, "POST", "/nowhere", bearer, RESUME);
    for (path, body) in [
        ("/v1/resume", RESUME),
        ("/v1/resume", "{"),
        ("/v1/alerting/watchdog", NOTIFICATION),
    ] {
        assert_eq!(ask(agent, "POST", path, bearer, body), unknown, "{path}");
    }
}

/// No spelling of a path leads to another partner.
fn assert_no_detour(agent: &Agent, bearer: &str) {
    let get = |path: &str| ask(agent, "GET", path, bearer, "");
    for path in [
        "//v1/partners",
        "/v1/./partners",
        "/evidence/keystone%2f..%2flakeside/transport",
        "/evidence/keystone/../lakeside/transport",
        "/runs/..%2fv1%2fpartners",
        "/%2e%2e/metrics",
        "/metrics/",
        "/v1/runs?partner=keystone&partner=Lakeside",
        "/v1/runs?partner=Lakeside",
        "/v1/runs?layer=transpor",
    ] {
        let (status, text) = get(path);
        assert!((400..500).contains(&status), "{path}: {status}");
        let echoed = text.replace("Lakeside", "");
        assert!(!echoed.contains("lakeside"), "{path}: {text}");
    }
}

#[test]
fn a_partner_sees_itself_alone_and_what_it_may_not_see_is_as_what_is_not_there() {
    let (config, agent, bearer) = two_partners();
    let local = config.authorization();
    for partner in ["keystone", "lakeside"] {
        eventually("runs of both", || {
            (!runs_of(&agent, &local, partner).is_empty()).then_some(())
        });
    }
    let foreign = runs_of(&agent, &local, "lakeside")[0]["run"].clone();
    let own = runs_of(&agent, &local, "keystone")[0]["run"].clone();
    let (foreign, own) = (foreign.as_str().unwrap(), own.as_str().unwrap());
    let get = |path: &str| ask(&agent, "GET", path, &bearer, "");
    for path in [
        "/".to_owned(),
        format!("/runs/{own}"),
        "/evidence/keystone/transport".to_owned(),
        "/v1/partners".to_owned(),
        "/v1/runs".to_owned(),
        "/v1/runs?partner=keystone".to_owned(),
        format!("/v1/runs/{own}"),
    ] {
        let (status, text) = get(&path);
        assert_eq!(status, 200, "{path}: {text}");
        assert!(text.contains("keystone"), "{path}: {text}");
        assert!(!text.contains("lakeside"), "{path}: {text}");
    }
    // The same answer to what is another's and to what nobody has; the name that was asked for may stand in it.
    for (forbidden, unknown) in [
        (format!("/runs/{foreign}"), "/runs/nobody".to_owned()),
        (format!("/v1/runs/{foreign}"), "/v1/runs/nobody".to_owned()),
        (
            "/evidence/lakeside/transport".to_owned(),
            "/evidence/nobody/transport".to_owned(),
        ),
        (
            "/v1/runs?partner=lakeside".to_owned(),
            "/v1/runs?partner=nobody".to_owned(),
        ),
    ] {
        let (status, text) = get(&forbidden);
        let (other, same) = get(&unknown);
        assert_eq!((status, other), (404, 404), "{forbidden}: {text}");
        assert_eq!(text.replace("lakeside", "nobody"), same, "{forbidden}");
    }
    for (forbidden, unknown) in [
        ("/v1/runs?member=lakeside-m0001", "/v1/runs?member=nobody"),
        ("/v1/runs?journey=bulk-export", "/v1/runs?journey=nobody"),
    ] {
        assert_eq!(get(forbidden), get(unknown), "{forbidden}");
    }
    assert_rights_are_hidden(&agent, &bearer);
    assert_no_detour(&agent, &bearer);
    assert_eq!(agent.stop(), 0);
}

/// A certificate for this machine, and its key.
fn certificate(config: &Config) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    config.write("listen.key.pem", &key.serialize_pem());
    config.write("listen.pem", &certificate);
    certificate
}

#[test]
fn beyond_loopback_the_agent_starts_with_tls_and_tokens_alone_and_reads_its_certificate_again() {
    let tls = "[access.tls]\ncertificate = \"listen.pem\"\nkey = \"listen.key.pem\"\n";
    let config = config("", "");
    config.replace("outrider.toml", "127.0.0.1:0", "0.0.0.0:0");
    let path = config.folder.path().join("outrider.toml");
    let bare = std::fs::read_to_string(path).unwrap();
    let (bearer, lines) = token(&config, &["--role", "operator"]);
    for (tables, is_fine) in [
        ("", false),
        (tls, false),
        (lines.as_str(), false),
        ("[access]\nbehind_proxy = true\n", false),
        (
            &format!("[access]\nbehind_proxy = true\n{tls}{lines}"),
            false,
        ),
        (&format!("[access]\nbehind_proxy = true\n{lines}"), true),
        (&format!("{tls}{lines}"), true),
    ] {
        config.write("outrider.toml", &format!("{bare}{tables}"));
        let code = config.output(&["check"]).status.code();
        assert_eq!(code, Some(if is_fine { 0 } else { 3 }), "{tables}");
    }
    let missing = config.output(&["run"]);
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
    let told = String::from_utf8(missing.stderr).unwrap();
    assert!(told.contains("listen.pem: there is no such file"), "{told}");
    certificate(&config);
    let agent = config.agent_with(&[]);
    let listen = agent.url("");
    let port = listen.strip_prefix("https://0.0.0.0:").expect("TLS");
    let address = format!("127.0.0.1:{port}");
    let resume = |more: &[&str]| {
        let journey = ["resume", "bulk-exchange", "--partner", "keystone"];
        let reason = ["--by", "Dana", "--note", "seen", "--agent", &address];
        let output = config.output(&[&journey[..], &reason, more].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(resume(&[]).contains("is not paused"), "{}", resume(&[]));
    config.write("operator.token", bearer.trim_start_matches("Bearer "));
    let with_file = resume(&["--token-file", "operator.token"]);
    assert!(with_file.contains("is not paused"), "{with_file}");
    let plain = std::panic::catch_unwind(|| http("GET", &format!("http://{address}/healthz"), ""));
    assert!(plain.is_err(), "it answers in the clear");
    // Half of a new pair leaves the previous one in use.
    config.write("listen.key.pem", "nonsense");
    eventually("the refusal", || {
        agent
            .log()
            .contains("keeps its previous certificate")
            .then_some(())
    });
    assert!(resume(&[]).contains("is not paused"));
    certificate(&config);
    eventually("the new certificate", || {
        resume(&[]).contains("is not paused").then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

#[test]
fn generated_files_name_the_token_that_the_agent_takes() {
    let config = config("", "");
    let read = |name: &str| {
        let output = config.output(&["generate"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        std::fs::read_to_string(config.folder.path().join("alerts").join(name)).unwrap()
    };
    let file = "credentials_file: ../ledger.db.token";
    assert!(read("alertmanager.yml").contains(file));
    assert!(!read("prometheus.yml").contains("credentials_file"));
    let (_, lines) = token(&config, &["--role", "machine"]);
    let path = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("127.0.0.1:0", "0.0.0.0:9464");
    let hosts = "[access]\nhosts = [\"outrider.example\"]\ncredentials_file = \"../own.token\"\n";
    let tls = "[access.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\nca = \"../ca.pem\"\n";
    config.write("outrider.toml", &format!("{text}{hosts}{tls}{lines}"));
    config.write("own.token", "x");
    let certificate = certificate(&config);
    config.write("ca.pem", &certificate);
    let (prometheus, alertmanager) = (read("prometheus.yml"), read("alertmanager.yml"));
    for line in [
        "credentials_file: ../own.token",
        "ca_file: ../ca.pem",
        "outrider.example:9464",
    ] {
        assert!(prometheus.contains(line), "{line}: {prometheus}");
        assert!(alertmanager.contains(line), "{line}: {alertmanager}");
    }
    assert!(prometheus.contains("scheme: https"), "{prometheus}");
    assert!(alertmanager.contains("https://outrider.example:9464/v1/alerting/watchdog"));
    stack::assert_valid(&config.folder.path().join("alerts"));
}

#[test]
fn prometheus_and_alertmanager_reach_an_agent_that_asks_for_tokens() {
    let config = config("", "");
    let (bearer, lines) = token(&config, &["--role", "machine"]);
    let path = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(path).unwrap();
    // As Prometheus reaches it from `generated/alerts`. Behind a proxy nobody reads without a token.
    let access = "[access]\nbehind_proxy = true\ncredentials_file = \"../../machine.token\"\n";
    config.write("outrider.toml", &format!("{text}{access}{lines}"));
    let secret = bearer.trim_start_matches("Bearer ");
    config.write("machine.token", secret);
    config.write("overlay.toml", "");
    let agent = config.agent();
    assert_eq!(http("GET", &agent.url("/metrics"), "").0, 401);
    let listen = agent.url("").replace("http://", "");
    let generate = |alertmanager: &str| {
        let overlay =
            format!("listen = \"{listen}\"\n[alerting]\nalertmanager = \"{alertmanager}\"\n");
        config.write("overlay.toml", &overlay);
        stack::generate(&config, SCALE)
    };
    let alertmanager = Alertmanager::start(&generate("127.0.0.1:1"));
    let prometheus = Prometheus::start_eager(&generate(alertmanager.address()));
    eventually("a scrape with the token", || {
        (prometheus.number("max(outrider_build_info)") == Some(1.0)).then_some(())
    });
    let age = || {
        let (status, page) = ask(&agent, "GET", "/metrics", &bearer, "");
        assert_eq!(status, 200);
        Metrics(page).sum("outrider_alerting_loop_age_seconds", &[])
    };
    let mut oldest = 0.0_f64;
    eventually("the watchdog to come back with the token", || {
        let now = age();
        oldest = oldest.max(now);
        (now < oldest).then_some(())
    });
    // Both read the file for each request: a token that nobody has is refused.
    config.write("machine.token", "ort_nobody");
    eventually("a scrape that is refused", || {
        (prometheus.number("max(up{job=\"outrider\"})") == Some(0.0)).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}
