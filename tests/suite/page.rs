//! A page, for real: agent, sandboxes, Debian's Prometheus and Alertmanager on generated files, an hour
//! in a minute. What arrives at the webhook is what a person on call would get.
//!
//! Four partners, so that one must not page for another and nobody waits for anybody: keystone is cut
//! off, lakeside leaves out records, meadow shows another member's data, solo fails once.

use std::time::Duration;

use serde_json::Value;

use crate::stack::{self, Alertmanager, Notification, Prometheus, Webhook};
use crate::support::{
    Agent, Config, Pace, Sandbox, eventually, eventually_within, http, repository,
};

/// A minute is a second: cadences of one second, scrapes four times a second.
const SCALE: &str = "60";
/// For what ends only when enough runs were judged: a machine that is busy needs longer.
const RECOVERY: Duration = Duration::from_secs(240);

struct Stage {
    config: Config,
    near: Sandbox,
    far: Sandbox,
    agent: Agent,
    webhook: Webhook,
    alertmanager: Alertmanager,
    prometheus: Prometheus,
}

/// A partner's file. `more` holds its probe and its objectives.
pub(crate) fn partner(id: &str, name: &str, more: &str) -> String {
    format!(
        r#"
id = "{id}"
name = "{name}"
base_url = "https://127.0.0.1:1/{id}/fhir"
environment = "sandbox"
region = "us-east"
[auth]
client_id = "outrider"
key = {{ file = "missing.pem" }}
{more}"#
    )
}

/// Long deadlines: a busy machine must not look like a bad partner.
fn bulk(members: &str, every: &str, concurrency: u32) -> String {
    format!(
        r#"[[probe]]
journey = "bulk-exchange"
every = "{every}"
timeout = "5m"
deadline = "5m"
concurrency = {concurrency}
members = "{members}"
"#
    )
}

/// Objectives that page at the 9th bad run of the layer that breaks, and later above it.
pub(crate) fn objectives(transport: &str, application: &str, business: &str) -> String {
    let all = [
        ("transport", transport),
        ("application", application),
        ("business", business),
    ];
    let tables = all.map(|(layer, objective)| {
        format!("[slo.{layer}]\njourneys = [\"bulk-exchange\"]\nobjective = {objective}\n")
    });
    tables.concat()
}

const LIVENESS: &str = r#"[[probe]]
journey = "liveness"
every = "5m"
timeout = "5m"
deadline = "5m"
[slo.transport]
journeys = ["liveness"]
objective = 99.0
"#;

/// Nobody answers there, which was declared: what runs calls nobody.
fn declared_down() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a calendar is declared around the real time"
    )]
    let now = chrono::Utc::now();
    let hours = |by| (now + chrono::TimeDelta::hours(by)).to_rfc3339();
    format!(
        "{}[[calendar]]\nreason = \"they move house\"\neffects = [\"no_alert\"]\nfrom = \"{}\"\nto = \"{}\"\n",
        LIVENESS.replace("every = \"5m\"\n", "every = \"1m\"\nconcurrency = 6\n"),
        hours(-1),
        hours(1)
    )
}

fn configure() -> Config {
    let config = Config::new(&Pace::default());
    let members = std::fs::read_to_string(repository().join("members/lakeside-basic.json"));
    let members = members.unwrap().replace("\"lakeside\"", "\"meadow\"");
    config.write(
        "members/meadow-basic.json",
        &members.replace("\"lakeside-basic\"", "\"meadow-basic\""),
    );
    let cut_off = bulk("keystone-basic", "1m", 6) + &objectives("99.0", "99.0", "98.5");
    let short = bulk("lakeside-basic", "1m", 6) + &objectives("99.0", "99.0", "99.0");
    for (id, name, more) in [
        ("keystone", "Keystone Health Plan", cut_off),
        ("lakeside", "Lakeside Mutual", short),
        (
            "meadow",
            "Meadow Health",
            bulk("meadow-basic", "5m", 1) + "",
        ),
        ("solo", "Solo Care", LIVENESS.to_owned()),
        ("harbor", "Harbor Care", declared_down()),
    ] {
        config.write(&format!("partners/{id}.toml"), &partner(id, name, &more));
    }
    config
}

/// The overlay: who plays which partner, and who hears of alerts.
fn overlay(config: &Config, sandboxes: [(&Sandbox, [&str; 2]); 2], head: &str) {
    let mut overlay = head.to_owned();
    for (sandbox, ids) in sandboxes {
        let trust = sandbox.ready()["trust"].as_str().unwrap();
        for played in sandbox.ready()["partners"].as_array().unwrap() {
            let text = |key: &str| played[key].as_str().unwrap();
            let id = ids[usize::from(text("id") == "lakeside")];
            overlay.push_str(&format!(
                "[partner.{id}]\nbase_url = \"{}\"\ntrust = \"{trust}\"\nkey = \"{}\"\n",
                text("base_url"),
                text("key")
            ));
        }
    }
    config.write("overlay.toml", &overlay);
}

fn agent(config: &Config) -> Agent {
    config.agent_with(&["--overlay", "overlay.toml", "--scale", SCALE])
}

impl Stage {
    /// Everybody is there, knows of each other, and has seen each partner once.
    fn set() -> Self {
        let config = configure();
        let (near, far) = (Sandbox::start(), Sandbox::start());
        let played = [
            (&near, ["keystone", "lakeside"]),
            (&far, ["solo", "meadow"]),
        ];
        let webhook = Webhook::start();
        let alerting = |alertmanager: &str| {
            format!(
                "[alerting]\nalertmanager = \"{alertmanager}\"\npage = \"{}\"\nticket = \"{}\"\nheartbeat = \"{}\"\n",
                webhook.url("/page"),
                webhook.url("/ticket"),
                webhook.url("/heartbeat")
            )
        };
        overlay(&config, played, "");
        let agent = agent(&config);
        let listen = agent.url("").replace("http://", "");
        let listen = format!("listen = \"{listen}\"\n");
        // Its own address is no part of what Alertmanager reads, so it can be started before that is known.
        overlay(
            &config,
            played,
            &(listen.clone() + &alerting("127.0.0.1:1")),
        );
        let alertmanager = Alertmanager::start(&stack::generate(&config, SCALE));
        overlay(
            &config,
            played,
            &(listen + &alerting(alertmanager.address())),
        );
        let generated = stack::generate(&config, SCALE);
        stack::assert_valid(&generated.join("alerts"));
        let prometheus = Prometheus::start(&generated);
        let stage = Self {
            config,
            near,
            far,
            agent,
            webhook,
            alertmanager,
            prometheus,
        };
        eventually("a run of every partner in Prometheus", || {
            let seen = "count(sum by (partner) (outrider_runs_total) > 0)";
            stage.prometheus.number(seen).filter(|seen| *seen > 4.5)
        });
        stage
    }

    /// Waits for the first notification that fits, after so many.
    fn told(&self, what: &str, after: usize, fits: impl Fn(&Notification) -> bool) -> Notification {
        eventually_within(RECOVERY, &format!("{what} at the webhook"), || {
            self.webhook.told().into_iter().skip(after).find(&fits)
        })
    }

    fn page(&self, partner: &str, slo: &str, after: usize) -> Notification {
        self.told(&format!("a page for {partner} {slo}"), after, |told| {
            told.path == "/page" && told.status == "firing" && is_burn(told, partner, slo)
        })
    }

    fn resolved(&self, partner: &str, slo: &str, after: usize) {
        self.told(&format!("the end for {partner} {slo}"), after, |told| {
            told.path == "/page" && told.group == "resolved" && is_burn(told, partner, slo)
        });
    }

    /// Whether Prometheus holds that a burn alert fires.
    fn fires(&self, partner: &str, slo: &str) -> bool {
        let firing = format!(
            "max(ALERTS{{alertname=\"OutriderSloBurn\",alertstate=\"firing\",partner=\"{partner}\",slo=\"{slo}\",tier=\"page-fast\"}})"
        );
        self.prometheus.number(&firing).is_some()
    }

    /// The runs that were bad in a layer, oldest first.
    fn bad(&self, partner: &str, layer: &str) -> Vec<Value> {
        let runs = self.agent.runs(0).into_iter();
        runs.filter(|run| run["partner"] == partner && run["counts"][layer] == "bad")
            .collect()
    }
}

pub(crate) fn is_burn(told: &Notification, partner: &str, slo: &str) -> bool {
    told.label("alertname") == "OutriderSloBurn"
        && (told.label("partner"), told.label("slo")) == (partner, slo)
}

/// The page says what a person needs, and its links lead there.
fn assert_tells(stage: &Stage, page: &Notification, name: &str, cause: &str) {
    let (partner, slo) = (page.label("partner"), page.label("slo"));
    let (layer, word) = cause.split_once(' ').unwrap();
    let said = |what: &str| format!("{what} of {:#}", page.alert);
    assert_eq!(page.label("tier"), "page-fast", "{}", said("tier"));
    assert_eq!(page.label("severity"), "page", "{}", said("severity"));
    assert_eq!(page.annotation("layer"), slo, "{}", said("layer"));
    assert_eq!(
        page.annotation("cause"),
        format!("{cause}, owner partner"),
        "{}",
        said("cause")
    );
    let summary = format!("{name}: {slo} runs are bad");
    assert_eq!(page.annotation("summary"), summary, "{}", said("summary"));
    let description = page.annotation("description");
    let counts = description.strip_prefix("In the window of page-fast: ");
    let (bad, rest) = counts
        .and_then(|counts| counts.split_once(" bad, "))
        .unwrap();
    assert!(bad.parse::<u64>().unwrap() >= 9, "{}", said("description"));
    assert!(
        rest.contains(" judged, and it fires at 9 bad runs."),
        "{}",
        said("description")
    );
    for (name, value) in page.alert["annotations"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        let is_filled = !value.is_empty() && !value.contains(['{', '?']);
        assert!(
            is_filled && !value.contains("error"),
            "{}",
            said(name.as_str())
        );
    }
    let runbook = page.annotation("runbook_url");
    let page_name = format!("{layer}-{word}.md");
    assert_eq!(
        runbook,
        stage.agent.url(&format!("/runbooks/{page_name}")),
        "{}",
        said("runbook")
    );
    let (status, text) = http("GET", runbook, "");
    let title = std::fs::read_to_string(repository().join("runbooks").join(&page_name)).unwrap();
    let title = title.lines().next().unwrap().trim_start_matches("# ");
    assert!((status, text.contains(title)) == (200, true), "{text}");
    assert_answers(page, partner, name);
    let evidence = page.annotation("evidence_url");
    assert_eq!(
        evidence,
        stage.agent.url(&format!("/evidence/{partner}/{slo}"))
    );
    let (status, text) = http("GET", evidence, "");
    let first = &stage.bad(partner, slo)[0];
    let link = format!("/runs/{}", first["run"].as_str().unwrap());
    assert!((status, text.contains(&link)) == (200, true), "{text}");
    assert!(text.contains(word), "no {word} in {text}");
}

/// For whom, how sure, what it costs, what to do.
fn assert_answers(page: &Notification, partner: &str, name: &str) {
    let affected = page.annotation("affected");
    assert!(
        affected.starts_with(&format!("{name} ({partner}, sandbox)")),
        "{affected}"
    );
    let confidence = page.annotation("confidence");
    assert!(
        confidence.ends_with(" judged in the long window, and 9 bad ones are enough"),
        "{confidence}"
    );
    let cost = page.annotation("cost");
    let (spent, of) = cost.split_once("% of the ").expect(cost);
    assert!(spent.parse::<f64>().unwrap() > 0.0, "{cost}");
    assert!(
        of.contains("bad runs that 12h may hold are spent"),
        "{cost}"
    );
    let next = page.annotation("next");
    assert!(next.starts_with("The next run is due 2"), "{next}");
    let action = page.annotation("action");
    let walk = format!("(outrider once bulk-exchange --partner {partner})");
    assert!(action.contains(&walk), "{action}");
}

/// `since` is when the first of the bad runs in a row was due, as far as their number tells: not before it by more than
/// two cadences, and before the page.
fn assert_since(page: &Notification, first_bad: &Value) {
    let since = page.annotation("since");
    let (began, in_a_row) = since.split_once(" UTC, ").expect(since);
    let began = chrono::DateTime::parse_from_str(began, "%Y-%m-%d %H:%M:%S%.f %z").expect(since);
    let time =
        |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    let due = time(&first_bad["due_at"]);
    let fired = time(&page.alert["startsAt"]);
    assert!(
        due - chrono::TimeDelta::seconds(2) <= began && began < fired,
        "{since}, the first was due at {due}, and it fired at {fired}"
    );
    let (count, words) = in_a_row.split_once(' ').unwrap();
    assert!(count.parse::<u64>().unwrap() >= 9, "{since}");
    assert_eq!(words, "failed runs in a row");
}

#[test]
fn a_fault_leads_to_a_page_and_one_failed_run_does_not() {
    let mut stage = Stage::set();
    fail_once(&stage);
    stage.near.inject("keystone", "connection-refused");
    stage.near.inject("lakeside", "records-missing");
    stage.far.inject("lakeside", "foreign-record");
    disclosure_pages_on_one_event(&stage);
    faults_page_and_quiet_what_follows_from_them(&stage);
    healing_resolves(&stage);
    declared_maintenance_called_nobody(&stage);
    one_failed_run_did_not_page(&stage);
    let stage = {
        let (healed, before) = page_again(&stage);
        stage = lose_the_agent(stage, before);
        stage.near.heal(healed);
        stage
    };
    disclosure_stays_until_a_person_resumes(&stage);
    stage.told("the watchdog", 0, |told| {
        told.path == "/heartbeat" && told.label("alertname") == "OutriderWatchdog"
    });
    eventually("a loop of alerts that is closed", || {
        let age = stage
            .prometheus
            .number("max(outrider_alerting_loop_age_seconds)");
        age.filter(|age| *age < 5.0)
    });
    let unwatched = |told: &Notification| told.label("alertname") == "OutriderPartnerUnwatched";
    assert!(
        !stage.webhook.told().iter().any(unwatched),
        "it is told to nobody"
    );
    let log = stage.prometheus.log();
    assert!(!log.contains("level=error"), "{log}");
    assert!(!log.contains("template"), "{log}");
}

/// One bad run at solo; its next one is seconds away.
fn fail_once(stage: &Stage) {
    stage.far.inject("keystone", "connection-refused");
    eventually("one bad run at solo", || {
        (stage.bad("solo", "transport").len() == 1).then_some(())
    });
    stage.far.heal("keystone");
}

/// Bad runs in a window of the fast page about transport.
fn window(partner: &str, span: &str) -> String {
    let name = "partner_slo_tier:outrider_slo_window_runs:max";
    format!(
        "{name}{{partner=\"{partner}\",slo=\"transport\",tier=\"page-fast\",span=\"{span}\",count=\"bad\"}}"
    )
}

fn one_failed_run_did_not_page(stage: &Stage) {
    let short = window("solo", "short");
    eventually_within(RECOVERY, "solo's short window to pass", || {
        stage.prometheus.number(&short).filter(|bad| *bad < 0.5)
    });
    let seen = stage
        .prometheus
        .number(&format!("max_over_time({short}[3m])"));
    assert!(seen.is_some_and(|bad| bad > 0.5), "Prometheus saw {seen:?}");
    assert_eq!(stage.bad("solo", "transport").len(), 1, "it failed once");
    let told = stage.webhook.told();
    let of_solo: Vec<_> = told
        .iter()
        .filter(|told| told.label("partner") == "solo")
        .collect();
    assert!(of_solo.is_empty(), "{of_solo:#?}");
}

/// All of its runs were bad, ran and count, more of them than page elsewhere; they are in no window.
fn declared_maintenance_called_nobody(stage: &Stage) {
    let counted = "max(outrider_slo_bad_total{partner=\"harbor\",slo=\"transport\"}) > 9";
    eventually("harbor's bad runs to be counted", || {
        stage.prometheus.number(counted)
    });
    let in_window = stage.prometheus.number(&window("harbor", "long"));
    assert_eq!(in_window, Some(0.0), "an excused run is in no window");
    assert!(stage.bad("harbor", "transport").len() > 9);
    assert!(!stage.fires("harbor", "transport"));
    let ran = "sum(outrider_ticks_total{partner=\"harbor\",disposition=~\"ran|late\"})";
    assert!(stage.prometheus.number(ran).is_some_and(|ran| ran > 9.0));
    let told = stage.webhook.told();
    let of_harbor: Vec<_> = told
        .iter()
        .filter(|told| told.label("partner") == "harbor")
        .collect();
    assert!(of_harbor.is_empty(), "{of_harbor:#?}");
}

fn disclosure_pages_on_one_event(stage: &Stage) {
    let page = stage.told("a disclosure", 0, is_disclosure);
    let words = ["partner", "journey", "severity"].map(|name| page.label(name));
    assert_eq!(words, ["meadow", "bulk-exchange", "page"]);
    assert_eq!(page.annotation("cause"), "business disclosure");
    let runs = stage.bad("meadow", "business");
    assert_eq!(runs.len(), 1, "one event is enough: {runs:#?}");
    assert_eq!(runs[0]["blame"]["cause"], "disclosure");
    for (link, holds) in [("runbook_url", "disclosure"), ("evidence_url", "/runs/")] {
        let (status, text) = http("GET", page.annotation(link), "");
        assert!(
            (status, text.contains(holds)) == (200, true),
            "{link}: {text}"
        );
    }
}

fn is_disclosure(told: &Notification) -> bool {
    told.path == "/page"
        && told.status == "firing"
        && told.label("alertname") == "OutriderDisclosure"
}

fn faults_page_and_quiet_what_follows_from_them(stage: &Stage) {
    let cut_off = stage.page("keystone", "transport", 0);
    // Nobody gets any data from a partner that is cut off: business burns too, and does not page.
    let quiet = eventually("business at keystone to be kept quiet", || {
        let alerts = stage.alertmanager.alerts().into_iter();
        let mut of_business = alerts.filter(|alert| {
            (&alert["labels"]["partner"], &alert["labels"]["slo"])
                == (&"keystone".into(), &"business".into())
        });
        of_business.find(|alert| alert["status"]["state"] == "suppressed")
    });
    let by = quiet["status"]["inhibitedBy"].as_array().unwrap();
    assert!(!by.is_empty(), "{quiet:#}");
    assert!(stage.fires("keystone", "business"), "it fires, quietly");
    stage.near.heal("keystone");
    let short = stage.page("lakeside", "business", 0);
    stage.near.heal("lakeside");
    assert_tells(stage, &cut_off, "Keystone Health Plan", "transport connect");
    assert_since(&cut_off, &stage.bad("keystone", "transport")[0]);
    assert_tells(stage, &short, "Lakeside Mutual", "business completeness");
    assert!(!short.annotation("since").is_empty());
}

fn healing_resolves(stage: &Stage) {
    stage.resolved("keystone", "transport", 0);
    stage.resolved("lakeside", "business", 0);
    let told = stage.webhook.told();
    let others: Vec<_> = told
        .iter()
        .filter(|told| told.label("alertname") == "OutriderSloBurn")
        .filter(|told| !is_burn(told, "keystone", "transport"))
        .filter(|told| !is_burn(told, "lakeside", "business"))
        .collect();
    assert!(others.is_empty(), "nobody else pages: {others:#?}");
}

/// A page that the loss of the agent must not end. Who is to be healed, and what was told before.
fn page_again(stage: &Stage) -> (&'static str, usize) {
    let before = stage.webhook.told().len();
    stage.near.inject("keystone", "connection-refused");
    stage.page("keystone", "transport", before);
    let before = stage.webhook.told().len();
    ("keystone", before)
}

/// SIGKILL in mid-outage: a page about the agent, and the partner's page stays; a restart ends the
/// first, and not the second.
fn lose_the_agent(stage: Stage, before: usize) -> Stage {
    let Stage {
        config,
        near,
        far,
        agent: lost,
        webhook,
        alertmanager,
        prometheus,
    } = stage;
    lost.kill();
    let agent_down = |status: &str| {
        eventually_within(RECOVERY, &format!("the agent's loss, {status}"), || {
            let told = webhook.told();
            told.into_iter().find(|told| {
                let is_page = told.path == "/page" && told.status == status;
                is_page && told.label("alertname") == "OutriderAgentDown"
            })
        })
    };
    assert_names_what_is_held(&agent_down("firing"));
    eventually("the partner to be known as unwatched", || {
        let known = alertmanager.alerts().into_iter();
        let is_it = |alert: &Value| {
            let labels = &alert["labels"];
            labels["alertname"] == "OutriderPartnerUnwatched" && labels["partner"] == "keystone"
        };
        known.into_iter().find(is_it)
    });
    // By now the condition has not held for longer than an alert goes on by itself.
    let burning = format!("present_over_time({}[6s])", window("keystone", "short"));
    eventually("the short window to be away", || {
        prometheus.number(&burning).is_none().then_some(())
    });
    let judged =
        "sum(increase(outrider_slo_events_total{partner=\"keystone\",slo=\"transport\"}[1m]))";
    let judged = prometheus.number(judged);
    let agent = self::agent(&config);
    let stage = Stage {
        config,
        near,
        far,
        agent,
        webhook,
        alertmanager,
        prometheus,
    };
    assert!(
        stage.fires("keystone", "transport"),
        "the loss of the agent ended the page, with {judged:?} runs judged in the long window"
    );
    stage.told("the agent's return", 0, |told| {
        told.label("alertname") == "OutriderAgentDown" && told.status == "resolved"
    });
    assert!(
        stage.fires("keystone", "transport"),
        "the return ended the page"
    );
    for told in &stage.webhook.told()[before..] {
        // What tells of the agent itself may end with it.
        let ended = told.status == "resolved" && !told.label("partner").is_empty();
        assert!(!ended, "the agent's loss ended {told:#?}");
    }
    stage
}

/// The page about the agent says whose alerts nobody can confirm meanwhile.
fn assert_names_what_is_held(page: &Notification) {
    assert_eq!(page.label("agent"), "outrider");
    assert!(
        page.annotation("runbook_url")
            .ends_with("/runbooks/agent-down.md")
    );
    let held = page.annotation("held");
    assert!(held.contains("keystone transport since 2"), "{held}");
    assert_eq!(
        page.annotation("affected").trim(),
        "harbor keystone lakeside meadow solo"
    );
}

fn disclosure_stays_until_a_person_resumes(stage: &Stage) {
    let paused = || {
        let overview = crate::support::json("GET", &stage.agent.url("/v1/partners"), "");
        let partners = overview["partners"].as_array().unwrap().clone();
        let meadow = partners.iter().find(|one| one["partner"] == "meadow");
        meadow.unwrap()["probes"][0]["paused"].as_bool().unwrap()
    };
    assert!(paused(), "a restart does not lift the pause");
    let is_end = |told: &Notification| {
        told.label("alertname") == "OutriderDisclosure" && told.status == "resolved"
    };
    // The level came back with the agent, and stood for longer than an alert goes on by itself.
    let level = "min(min_over_time(outrider_disclosure_open{partner=\"meadow\"}[10s])) > 0";
    eventually_within(RECOVERY, "the level to be there again", || {
        stage.prometheus.number(level)
    });
    let firing =
        "max(ALERTS{alertname=\"OutriderDisclosure\",alertstate=\"firing\",partner=\"meadow\"})";
    assert!(
        stage.prometheus.number(firing).is_some(),
        "it ended by itself"
    );
    assert!(
        !stage.webhook.told().iter().any(is_end),
        "it ended by itself"
    );
    stage.far.heal("lakeside");
    let output = stage.config.output(&[
        "resume",
        "bulk-exchange",
        "--partner",
        "meadow",
        "--by",
        "Dana Reyes",
        "--note",
        "looked at with the partner",
        "--overlay",
        "overlay.toml",
    ]);
    assert!(output.status.success(), "{output:?}");
    assert!(!paused());
    stage.told("the disclosure's end", 0, is_end);
}

#[test]
fn committed_rules_are_valid() {
    stack::assert_valid(&repository().join("alerts"));
}
