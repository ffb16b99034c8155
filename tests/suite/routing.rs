//! Who hears what, by Alertmanager itself: routes for every partner and severity, business hours, what
//! keeps what quiet, and the loop back to the agent.

use std::path::Path;

use serde_json::{Value, json};

use crate::stack::{self, Alertmanager, Webhook, run_tool};
use crate::support::{Config, Pace, eventually, http, http_with, json as ask};

/// An hour in a minute: groups wait half a second.
const SCALE: &str = "60";

/// Two partners: keystone escalates both severities, meadow pages only, lakeside nothing.
fn config(webhook: &Webhook, more: &str) -> Config {
    let config = Config::new(&Pace {
        every: "1m",
        timeout: "20s",
        deadline: "1m",
        concurrency: 1,
    });
    let path = config.folder.path().join("partners/keystone.toml");
    let keystone = std::fs::read_to_string(path).unwrap();
    let keystone = keystone[..keystone.find("[slo.transport]").unwrap()].to_owned();
    let maps = [
        (
            "keystone",
            format!(
                "page = [\"{}\", \"{}\"]\nticket = [\"{}\"]\ncontact = \"the exchange desk\"\n",
                webhook.url("/keystone-desk"),
                webhook.url("/keystone-manager"),
                webhook.url("/keystone-tickets")
            ),
        ),
        (
            "meadow",
            format!("page = [\"{}\"]\n", webhook.url("/meadow-desk")),
        ),
        ("lakeside", String::new()),
    ];
    for (id, map) in maps {
        let file = keystone
            .replace("id = \"keystone\"", &format!("id = \"{id}\""))
            .replace("journey = \"bulk-exchange\"", "journey = \"liveness\"")
            .replace("members = \"keystone-basic\"\n", "");
        config.write(
            &format!("partners/{id}.toml"),
            &format!("{file}[escalation]\n{map}"),
        );
    }
    let alerting = format!(
        "contact = \"ops@outrider.example\"\n[alerting]\nalertmanager = \"127.0.0.1:9093\"\npage = \"{}\"\nticket = \"{}\"\nheartbeat = \"{}\"\n{more}",
        webhook.url("/page"),
        webhook.url("/ticket"),
        webhook.url("/heartbeat")
    );
    config.write("outrider.toml", &alerting);
    config.write("overlay.toml", "");
    config
}

fn receivers(file: &Path, labels: &[String]) -> String {
    let file = format!("--config.file={}", file.display());
    let mut arguments = vec!["config", "routes", "test", &file];
    arguments.extend(labels.iter().map(String::as_str));
    let output = run_tool("amtool", &arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn every_partner_and_severity_goes_to_whom_its_map_names() {
    let webhook = Webhook::start();
    let config = config(&webhook, "");
    let generated = stack::generate(&config, "1");
    stack::assert_valid(&generated.join("alerts"));
    let file = generated.join("alerts/alertmanager.yml");
    let burn = "alertname=OutriderSloBurn";
    for (labels, receiver) in [
        (
            vec![burn, "partner=keystone", "severity=page"],
            "keystone-page,page",
        ),
        (
            vec![burn, "partner=keystone", "severity=ticket"],
            "keystone-ticket,ticket",
        ),
        (
            vec![burn, "partner=meadow", "severity=page"],
            "meadow-page,page",
        ),
        (vec![burn, "partner=meadow", "severity=ticket"], "ticket"),
        (vec![burn, "partner=lakeside", "severity=page"], "page"),
        (vec![burn, "partner=lakeside", "severity=ticket"], "ticket"),
        (
            vec![
                "alertname=OutriderDisclosure",
                "partner=keystone",
                "severity=page",
            ],
            "keystone-page,page",
        ),
        (
            vec![
                "alertname=OutriderDisclosure",
                "partner=lakeside",
                "severity=page",
            ],
            "page",
        ),
        (vec!["alertname=OutriderAgentDown", "severity=page"], "page"),
        (
            vec!["alertname=OutriderRulesStale", "severity=ticket"],
            "ticket",
        ),
        (vec!["alertname=OutriderPathDown", "severity=page"], "page"),
        (
            vec![
                "alertname=OutriderPartnerUnwatched",
                "partner=keystone",
                "severity=none",
            ],
            "nobody",
        ),
        (
            vec!["alertname=OutriderWatchdog", "severity=none"],
            "loop,heartbeat",
        ),
        (
            vec!["alertname=SomebodyElses", "partner=keystone"],
            "ticket",
        ),
        (vec!["alertname=SomebodyElses"], "ticket"),
    ] {
        let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        assert_eq!(receivers(&file, &labels), receiver, "{labels:?}");
    }
}

/// Puts alerts into Alertmanager as Prometheus would.
fn fire(alertmanager: &Alertmanager, alerts: &[Value]) {
    let body = Value::Array(alerts.to_vec()).to_string();
    let url = format!("http://{}/api/v2/alerts", alertmanager.address());
    let (status, text) = http("POST", &url, &body);
    assert_eq!(status, 200, "{text}");
}

fn alert(labels: &Value) -> Value {
    json!({"labels": labels, "annotations": {"summary": "a test"}})
}

#[test]
fn tickets_wait_for_business_hours_and_pages_do_not() {
    // Two days that are not today, wherever midnight falls meanwhile.
    let today = outrider_domain::clock::Clock::real().system().date_naive();
    let other = |ahead| {
        let day = (today + chrono::Days::new(ahead)).format("%A").to_string();
        day.to_lowercase()
    };
    let closed = format!(
        "[alerting.business_hours]\ntimezone = \"UTC\"\ndays = [\"{}\", \"{}\"]\nfrom = \"00:00\"\nto = \"24:00\"\n",
        other(3),
        other(4)
    );
    let open = "[alerting.business_hours]\ntimezone = \"UTC\"\ndays = [\"monday\", \"tuesday\", \"wednesday\", \
                \"thursday\", \"friday\", \"saturday\", \"sunday\"]\nfrom = \"00:00\"\nto = \"24:00\"\n";
    for (hours, ticket_arrives) in [(closed.as_str(), false), (open, true)] {
        let webhook = Webhook::start();
        let config = config(&webhook, hours);
        let alertmanager = Alertmanager::start(&stack::generate(&config, SCALE));
        let labelled = |severity: &str| {
            alert(
                &json!({"alertname": "OutriderSloBurn", "partner": "keystone", "slo": severity, "severity": severity}),
            )
        };
        fire(&alertmanager, &[labelled("ticket")]);
        let heard = |path: &str| webhook.told().iter().any(|told| told.path == path);
        if ticket_arrives {
            for path in ["/ticket", "/keystone-tickets"] {
                eventually(path, || heard(path).then_some(()));
            }
        }
        // What came later and arrived shows that the ticket was held back, not that it was slow.
        fire(&alertmanager, &[labelled("page")]);
        for path in ["/page", "/keystone-desk", "/keystone-manager"] {
            eventually(path, || heard(path).then_some(()));
        }
        assert_eq!(heard("/ticket"), ticket_arrives, "{hours}");
        assert_eq!(heard("/keystone-tickets"), ticket_arrives, "{hours}");
    }
}

/// A partner with its own PagerDuty, Slack and mailbox: files that Alertmanager takes, few lines more, and no secret.
#[test]
fn a_partner_with_its_own_receivers_costs_few_lines() {
    let webhook = Webhook::start();
    let config = config(&webhook, "");
    let lines = || {
        let generated = stack::generate(&config, "1");
        stack::assert_valid(&generated.join("alerts"));
        let file = generated.join("alerts/alertmanager.yml");
        std::fs::read_to_string(file).unwrap()
    };
    let before = lines();
    let path = config.folder.path().join("partners/lakeside.toml");
    let file = std::fs::read_to_string(path).unwrap();
    let own = r##"
[[escalation.pagerduty]]
routing_key_file = "/etc/alertmanager/lakeside.pagerduty"
[[escalation.slack]]
channel = "#lakeside"
api_url_file = "/etc/alertmanager/lakeside.slack"
[[escalation.email]]
to = "desk@lakeside.example"
"##;
    config.write("partners/lakeside.toml", &format!("{file}{own}"));
    let smtp = "[alerting.smtp]\nsmarthost = \"mail.outrider.example:587\"\nfrom = \"pager@outrider.example\"\n";
    let settings = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(settings).unwrap();
    config.write("outrider.toml", &format!("{text}{smtp}"));
    let after = lines();
    let smtp_lines = 3;
    let more = after.lines().count() - before.lines().count() - smtp_lines;
    assert!(more <= 25, "{more} lines more:\n{after}");
    for line in [
        "routing_key_file: /etc/alertmanager/lakeside.pagerduty",
        "channel: \"#lakeside\"",
        "api_url_file: /etc/alertmanager/lakeside.slack",
        "to: desk@lakeside.example",
        "smtp_smarthost: mail.outrider.example:587",
    ] {
        assert!(after.contains(line), "no {line} in {after}");
    }
}

/// Addresses of webhooks in files: `url_file` in their place, which Alertmanager reads since 0.26; ours is 0.25, which
/// accepts the same file with addresses.
#[test]
fn a_webhook_whose_address_is_secret_is_named_by_a_file() {
    let webhook = Webhook::start();
    let config = config(&webhook, "");
    let settings = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(settings).unwrap();
    let file_of = |key: &str| format!("{key}_file = \"/etc/alertmanager/{key}.url\"");
    let mut written = String::new();
    for line in text.lines() {
        let key = ["page", "ticket", "heartbeat"]
            .into_iter()
            .find(|key| line.starts_with(key));
        written.push_str(&key.map_or(line.to_owned(), file_of));
        written.push('\n');
    }
    config.write("outrider.toml", &written);
    let path = config.folder.path().join("partners/lakeside.toml");
    let partner = std::fs::read_to_string(path).unwrap();
    let own = "[[escalation.webhook]]\nurl_file = \"/etc/alertmanager/lakeside.url\"\n";
    config.write("partners/lakeside.toml", &format!("{partner}\n{own}"));
    let generated = stack::generate(&config, "1");
    let file = generated.join("alerts/alertmanager.yml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    for name in ["page", "ticket", "heartbeat", "lakeside"] {
        let line = format!("url_file: /etc/alertmanager/{name}.url");
        assert!(yaml.contains(&line), "no {line} in {yaml}");
    }
    for path in ["/page", "/ticket", "/heartbeat"] {
        assert!(!yaml.contains(&webhook.url(path)), "{path} in {yaml}");
    }
    let present = yaml.replace("url_file: /etc/", "url: https://outrider.example/");
    std::fs::write(&file, present).unwrap();
    stack::assert_valid(&generated.join("alerts"));
    config.write(
        "outrider.toml",
        &format!("{written}page = \"https://x.example\"\n"),
    );
    let output = config.output(&["check"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("`page` and `page_file`"), "{told}");
}

#[test]
fn a_receiver_that_is_not_whole_is_a_mistake_with_its_fix() {
    let webhook = Webhook::start();
    let config = config(&webhook, "");
    let path = config.folder.path().join("partners/lakeside.toml");
    let file = std::fs::read_to_string(path).unwrap();
    for (written, said) in [
        ("[[escalation.slack]]\nchannel = \"#x\"\n", "api_url_file"),
        (
            "[[escalation.email]]\nto = \"{{ .X }}\"\n",
            "write one line without {{",
        ),
        (
            "[[escalation.pagerduty]]\nrouting_key_file = \"/k\"\nseverities = [\"info\"]\n",
            "one of: page, ticket",
        ),
        ("page = [\"https://x.example/{{ y }}\"]\n", "is no URL"),
    ] {
        config.write("partners/lakeside.toml", &format!("{file}{written}"));
        let output = config.output(&["check", "--overlay", "overlay.toml"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{written}: {told}");
        assert!(told.contains(said), "{written}: {told}");
    }
}

/// Alerts that are kept quiet, by name, partner and objective.
fn quiet(alertmanager: &Alertmanager) -> Vec<String> {
    let label = |alert: &Value, name: &str| {
        alert["labels"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let known = alertmanager.alerts();
    let quiet = known.iter().filter(|alert| {
        let by = alert["status"]["inhibitedBy"].as_array().unwrap();
        !by.is_empty()
    });
    let mut names: Vec<String> = quiet
        .map(|one| {
            let parts = ["alertname", "partner", "slo", "tier"].map(|name| label(one, name));
            parts.join(" ").trim_end().replace("Outrider", "")
        })
        .collect();
    names.sort();
    names
}

/// At three partners: layers and tiers, agents and what they cannot see, and a disclosure at each.
fn alerts_that_follow_from_each_other() -> Vec<Value> {
    let burn = |partner: &str, slo: &str, tier: &str, severity: &str| {
        alert(
            &json!({"alertname": "OutriderSloBurn", "partner": partner, "slo": slo, "tier": tier, "severity": severity}),
        )
    };
    let one = |name: &str, partner: &str, severity: &str| {
        alert(
            &json!({"alertname": name, "partner": partner, "journey": "liveness", "severity": severity}),
        )
    };
    let blind = |agent: &str, partner: &str| {
        alert(&json!({
            "alertname": "OutriderBlind", "agent": agent, "location": "local", "fleet": "f1", "partner": partner,
            "slo": "business", "severity": "page",
        }))
    };
    let mut alerts = vec![
        burn("keystone", "transport", "page-fast", "page"),
        burn("keystone", "transport", "ticket-slow", "ticket"),
        burn("keystone", "business", "page-slow", "page"),
        burn("lakeside", "transport", "ticket-fast", "ticket"),
        burn("lakeside", "business", "page-fast", "page"),
        burn("lakeside", "business", "ticket-fast", "ticket"),
        one("OutriderPartnerUnwatched", "meadow", "none"),
        one("OutriderCoverageLow", "meadow", "page"),
        one("OutriderCoverageLow", "lakeside", "page"),
        alert(&json!({
            "alertname": "OutriderAgentDown", "agent": "outrider", "location": "local", "severity": "page",
        })),
        // Of the agent that is down, and of another one: nothing else hides that nothing is known.
        blind("outrider", "keystone"),
        blind("second", "lakeside"),
    ];
    for partner in ["keystone", "lakeside", "meadow"] {
        alerts.push(one("OutriderDisclosure", partner, "page"));
    }
    alerts
}

#[test]
fn what_follows_from_another_alert_is_quiet_and_a_disclosure_never_is() {
    let webhook = Webhook::start();
    let config = config(&webhook, "");
    let alertmanager = Alertmanager::start(&stack::generate(&config, SCALE));
    fire(&alertmanager, &alerts_that_follow_from_each_other());
    let expected = [
        "Blind keystone business",
        // A disclosure there is known: the paused journey lowers coverage.
        "CoverageLow lakeside",
        "CoverageLow meadow",
        "SloBurn keystone business page-slow",
        "SloBurn keystone transport ticket-slow",
        // A ticket keeps tickets above it quiet, never a page.
        "SloBurn lakeside business ticket-fast",
    ];
    // Inhibition is worked out when a group is notified, which every group is within a moment.
    eventually("what must be quiet", || {
        (quiet(&alertmanager) == expected).then_some(())
    });
    fire(
        &alertmanager,
        &[alert(
            &json!({"alertname": "OutriderPathDown", "severity": "page"}),
        )],
    );
    eventually("the path's page to keep the partners' quiet", || {
        let quiet = quiet(&alertmanager);
        let all = [
            "SloBurn keystone transport page-fast",
            "SloBurn lakeside transport ticket-fast",
        ];
        all.iter()
            .all(|name| quiet.contains(&(*name).to_owned()))
            .then_some(())
    });
    let quiet = quiet(&alertmanager);
    assert!(
        !quiet.iter().any(|name| name.starts_with("Disclosure")),
        "{quiet:?}"
    );
    assert!(
        !quiet.contains(&"SloBurn lakeside business page-fast".to_owned()),
        "{quiet:?}"
    );
}

#[test]
fn only_a_firing_watchdog_closes_the_loop() {
    let config = Config::new(&Pace::default());
    config.write(
        "overlay.toml",
        "[alerting]\nalertmanager = \"127.0.0.1:1\"\n",
    );
    let agent = config.agent();
    let age = || {
        let metrics = agent.metrics().0;
        let mut lines = metrics.lines();
        let line = lines.find(|line| line.starts_with("outrider_alerting_loop_age_seconds{"));
        let (_, value) = line.expect("the age of the loop").rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap()
    };
    let url = agent.url("/v1/alerting/watchdog");
    let told = |status: &str, name: &str| {
        json!({"version": "4", "status": status, "alerts": [{"status": status, "labels": {"alertname": name}}]}).to_string()
    };
    let authorization = config.authorization();
    let token = [("authorization", authorization.as_str())];
    let before = eventually("an age", || Some(age()).filter(|age| *age > 0.5));
    for (body, expected) in [
        (told("resolved", "OutriderWatchdog"), 422),
        (told("firing", "OutriderSloBurn"), 422),
        ("{}".to_owned(), 422),
        ("nonsense".to_owned(), 400),
        (format!("\"{}\"", "x".repeat(100_000)), 413),
    ] {
        let (status, _, text) = http_with("POST", &url, &token, &body);
        assert_eq!(status, expected, "{text}");
    }
    assert!(
        age() >= before,
        "something else than the watchdog was taken for it"
    );
    let word = told("firing", "OutriderWatchdog");
    let (status, _, text) = http_with("POST", &url, &token, &word);
    assert_eq!(status, 204, "{text}");
    let after = age();
    assert!(after < before, "{after} after {before}");
    agent.stop();
}

#[test]
fn without_an_alertmanager_nobody_waits_for_the_watchdog() {
    let config = Config::new(&Pace::default());
    config.write("overlay.toml", "");
    let agent = config.agent();
    assert!(
        !agent
            .metrics()
            .0
            .contains("outrider_alerting_loop_age_seconds")
    );
    let partners = ask("GET", &agent.url("/v1/partners"), "");
    assert!(partners["partners"].is_array());
    agent.stop();
}
