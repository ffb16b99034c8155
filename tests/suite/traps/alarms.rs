//! Traps about being told: the agent, Debian's Prometheus and Alertmanager, a minute in a second.

use std::time::Duration;

use super::monitor::Score;
use super::outrider::{ONE_GET, Scheduled, config};
use super::truth::Truth;
use crate::stack::{Alertmanager, Prometheus, Webhook, generate};
use crate::support::{Agent, Config, eventually, eventually_within, http};

const SCALE: &str = "60";
/// On a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(180);

/// An agent that looks once a second, on everything that was generated for it.
struct Stage {
    config: Config,
    agent: Agent,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    webhook: Webhook,
}

impl Stage {
    fn set(truth: &Truth, name: &str) -> Self {
        let scheduled = Scheduled {
            every: "1m",
            timeout: "5m",
            deadline: "5m",
            concurrency: 6,
        };
        let config = config(&truth.plain(name), ONE_GET, scheduled);
        let objective = "[slo.transport]\njourneys = [\"trap\"]\nobjective = 99.0\n";
        let file = config.folder.path().join("partners/keystone.toml");
        let partner = std::fs::read_to_string(file).unwrap();
        config.write("partners/keystone.toml", &(partner + objective));
        let webhook = Webhook::start();
        let overlay = |listen: &str, alertmanager: &str| {
            config.write(
                "overlay.toml",
                &format!(
                    "listen = \"{listen}\"\n[alerting]\nalertmanager = \"{alertmanager}\"\npage = \"{}\"\nticket = \"{}\"\n",
                    webhook.url("/page"),
                    webhook.url("/ticket")
                ),
            );
        };
        overlay("127.0.0.1:0", "127.0.0.1:1");
        let agent = config.agent_with(&["--overlay", "overlay.toml", "--scale", SCALE]);
        let listen = agent.url("").replace("http://", "");
        overlay(&listen, "127.0.0.1:1");
        let alertmanager = Alertmanager::start(&generate(&config, SCALE));
        overlay(&listen, alertmanager.address());
        let prometheus = Prometheus::start_eager(&generate(&config, SCALE));
        let stage = Self {
            config,
            agent,
            prometheus,
            alertmanager,
            webhook,
        };
        eventually("runs in Prometheus", || {
            stage
                .prometheus
                .number("sum(outrider_runs_total)")
                .filter(|runs| *runs > 4.5)
        });
        stage
    }

    fn fires(&self, alert: &str) -> bool {
        let firing = format!("max(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}})");
        self.prometheus.number(&firing).is_some()
    }

    /// How often somebody was told that an alert fires.
    fn told(&self, alert: &str) -> usize {
        let told = self.webhook.told().into_iter();
        told.filter(|told| told.status == "firing" && told.label("alertname") == alert)
            .count()
    }
}

/// The agent is killed: nothing says that its partner is well, and somebody is told.
pub(super) fn dead(truth: &Truth) -> Score {
    let stage = Stage::set(truth, "/dead");
    let seen = "sum(outrider_slo_events_total)";
    let down = "OutriderAgentDown";
    // Prometheus began before it knew the agent.
    eventually("a calm begin", || (!stage.fires(down)).then_some(()));
    let before = stage.told(down);
    assert!(stage.prometheus.number(seen).is_some());
    let Stage { agent, .. } = &stage;
    agent.signal("KILL");
    eventually_within(PATIENCE, "word of the dead agent", || {
        (stage.told(down) > before).then_some(())
    });
    // Unknown, not good: no sample goes on as it was.
    let left = stage.prometheus.number(seen);
    let burns = stage.fires("OutriderSloBurn");
    let status = stage.config.output(&[
        "slo",
        "status",
        "--overlay",
        "overlay.toml",
        "--scale",
        SCALE,
        "--json",
    ]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    Score::of(
        left.is_none() && !burns && !status.is_null(),
        "OutriderAgentDown reaches the pager, the counts end, and no partner is blamed",
    )
}

/// Alertmanager's word no longer arrives: that is told as broken.
pub(super) fn unheard(truth: &Truth) -> Score {
    let stage = Stage::set(truth, "/unheard");
    let broken = "OutriderAlertingLoopBroken";
    eventually("the loop to be whole", || {
        let age = stage
            .agent
            .metrics()
            .sum("outrider_alerting_loop_age_seconds", &[]);
        (age < 4.0 && !stage.fires(broken)).then_some(())
    });
    let file = stage
        .config
        .folder
        .path()
        .join("generated/alerts/alertmanager.yml");
    let good = std::fs::read_to_string(&file).unwrap();
    let bad = good.replace("/v1/alerting/watchdog", "/v1/alerting/nowhere");
    assert_ne!(good, bad);
    std::fs::write(&file, bad).unwrap();
    let reload = format!("http://{}/-/reload", stage.alertmanager.address());
    assert_eq!(http("POST", &reload, "").0, 200);
    eventually_within(PATIENCE, "the broken loop to be told", || {
        stage.fires(broken).then_some(())
    });
    let age = stage
        .agent
        .metrics()
        .sum("outrider_alerting_loop_age_seconds", &[]);
    std::fs::write(&file, good).unwrap();
    assert_eq!(http("POST", &reload, "").0, 200);
    eventually_within(PATIENCE, "the end of it", || {
        (!stage.fires(broken)).then_some(())
    });
    Score::of(
        age > 5.0,
        format!("{broken} fires when nothing came back for {age:.0} s, and ends with the cure"),
    )
}
