//! Prometheus and Alertmanager on the generated files, next to the demo's other programs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::clock::SCALE;
use crate::http::{HttpClient, encoded};
use crate::notice::Receiver;
use crate::pager::{self, Pager};
use crate::processes::Processes;
use crate::session::VICTIM;
use crate::state::State;
use crate::stop::Step;
use crate::tools::{self, Tools};
use crate::webhook::Webhook;

/// Where people look for Prometheus.
const PROMETHEUS_PORT: u16 = 9090;
/// Where people look for Alertmanager.
const ALERTMANAGER_PORT: u16 = 9093;
/// Below the state folder: alerts/ and dashboards/.
const GENERATED: &str = "generated";

/// Both, ready.
#[derive(Debug)]
pub(crate) struct Stack {
    prometheus: HttpClient,
    alertmanager: HttpClient,
    webhook: Webhook,
    /// What shows Alertmanager's alerts, when it has no pages.
    amtool: Option<PathBuf>,
}

/// What writes the files.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    /// The program.
    pub(crate) outrider: &'a Path,
    /// The agent's file.
    pub(crate) config: &'a Path,
    /// The agent that runs.
    pub(crate) agent: &'a str,
    /// The file with the token that Alertmanager shows to it.
    pub(crate) token_file: &'a Path,
}

/// Generates the files for the agent that runs, and starts Alertmanager and Prometheus on them.
///
/// # Errors
/// When one does not start or refuses its file, or a person asks to stop.
pub(crate) fn start(
    tools: &Tools,
    generator: &Generator<'_>,
    processes: &mut Processes<'_>,
) -> Step<Stack> {
    let webhook = Webhook::listen()?;
    let agent = HttpClient::at(generator.agent)?.address();
    let at = |address: SocketAddr| HttpClient::at(&format!("http://{address}"));
    let alertmanager = at(tools::address(ALERTMANAGER_PORT)?)?;
    let token_file =
        std::path::absolute(generator.token_file).context("could not find the current folder")?;
    let text = overlay(agent, &token_file, alertmanager.address(), &webhook);
    let overlay = processes.state.write("generate.toml", &text)?;
    let mut generate = Command::new(generator.outrider);
    generate
        .arg("generate")
        .arg("--config")
        .arg(generator.config)
        .arg("--overlay")
        .arg(overlay)
        .arg("--scale")
        .arg(SCALE.to_string())
        .arg("--out")
        .arg(processes.state.path(GENERATED));
    processes.run("generate", generate)?;
    let alerts = processes.state.path(GENERATED).join("alerts");
    let command = tools.alertmanager(
        &alerts.join("alertmanager.yml"),
        &processes.state.empty_folder("alertmanager")?,
        alertmanager.address(),
    );
    processes.serve("alertmanager", command, &alertmanager)?;
    let prometheus = at(tools::address(PROMETHEUS_PORT)?)?;
    let command = tools.prometheus(
        &alerts.join("prometheus.yml"),
        // The ledger starts empty, too: counts of another one would look like a lost ledger.
        &processes.state.empty_folder("prometheus")?,
        prometheus.address(),
    );
    processes.serve("prometheus", command, &prometheus)?;
    Ok(Stack {
        prometheus,
        alertmanager,
        webhook,
        amtool: tools.instead_of_pages(),
    })
}

fn overlay(
    agent: SocketAddr,
    token_file: &Path,
    alertmanager: SocketAddr,
    webhook: &Webhook,
) -> String {
    let [page, ticket, heartbeat] = Receiver::ALL.map(|receiver| webhook.url(receiver));
    format!(
        "# Written by the demo, again at each start.\nlisten = \"{agent}\"\n\n[access]\n\
         credentials_file = {}\n\n[alerting]\n\
         alertmanager = \"{alertmanager}\"\npage = \"{page}\"\nticket = \"{ticket}\"\n\
         heartbeat = \"{heartbeat}\"\n",
        serde_json::json!(token_file)
    )
}

impl Stack {
    /// Where to click.
    pub(crate) fn places(&self, state: &State) -> Vec<String> {
        let prometheus = format!("http://{}", self.prometheus.address());
        let alertmanager = format!("http://{}", self.alertmanager.address());
        let mut places = vec![
            // Debian's Prometheus has the classic pages only.
            format!("  alerts    {prometheus}/classic/alerts"),
            format!("  targets   {prometheus}/classic/targets"),
            "  graph     bad runs of each layer, and the counts above which they page:".to_owned(),
            format!("            {prometheus}{}", graph()),
        ];
        places.extend(match &self.amtool {
            None => vec![format!("  pager     {alertmanager}/#/alerts")],
            Some(amtool) => vec![
                format!("  pager     {alertmanager}/api/v2/alerts"),
                "            Debian leaves out Alertmanager's own pages; in a terminal:".to_owned(),
                format!(
                    "            {} alert --alertmanager.url={alertmanager}",
                    amtool.display()
                ),
            ],
        });
        places.extend([
            format!(
                "  files     {}, {}",
                state.shown("generated/alerts"),
                state.shown("generated/dashboards")
            ),
            format!(
                "  logs      {}, {}",
                state.shown("prometheus.log"),
                state.shown("alertmanager.log")
            ),
        ]);
        for (name, client, usual) in [
            ("Prometheus", &self.prometheus, PROMETHEUS_PORT),
            ("Alertmanager", &self.alertmanager, ALERTMANAGER_PORT),
        ] {
            let port = client.address().port();
            if port != usual {
                places.push(format!(
                    "            {name}'s usual port {usual} is taken: it has {port}"
                ));
            }
        }
        places
    }

    /// Listens for people from now on.
    pub(crate) fn pager(self) -> Pager {
        Pager::new(self.webhook, self.prometheus)
    }
}

/// The counts of the fastest tier, and their thresholds, as Prometheus draws them.
fn graph() -> String {
    let query = encoded(&pager::counts(VICTIM));
    format!("/classic/graph?g0.expr={query}&g0.tab=0&g0.range_input=15m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlay_names_every_receiver() {
        let webhook = Webhook::listen().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let token = Path::new("/state/outrider.db.token");
        let text = overlay(at(9464), token, at(9093), &webhook);
        let read: toml::Table = toml::from_str(&text).unwrap();
        let access = &read["access"];
        assert_eq!(access["credentials_file"].as_str(), token.to_str());
        assert_eq!(read["listen"].as_str(), Some("127.0.0.1:9464"));
        let alerting = &read["alerting"];
        assert_eq!(alerting["alertmanager"].as_str(), Some("127.0.0.1:9093"));
        for receiver in Receiver::ALL {
            let url = webhook.url(receiver);
            assert_eq!(alerting[&receiver.to_string()].as_str(), Some(url.as_str()));
        }
    }

    #[test]
    fn it_says_where_to_click_and_which_port_is_not_the_usual_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::take(folder.path()).unwrap();
        let mut stack = Stack {
            prometheus: HttpClient::at("http://127.0.0.1:41231").unwrap(),
            alertmanager: HttpClient::at("http://127.0.0.1:9093").unwrap(),
            webhook: Webhook::listen().unwrap(),
            amtool: Some("/t/amtool".into()),
        };
        let said = stack.places(&state).join("\n");
        assert!(
            said.contains("http://127.0.0.1:41231/classic/alerts\n"),
            "{said}"
        );
        assert!(said.contains("9090 is taken: it has 41231"), "{said}");
        assert!(said.contains("127.0.0.1:9093/api/v2/alerts"), "{said}");
        assert!(said.contains("/t/amtool alert --alertmanager.url=http://127.0.0.1:9093"));
        assert!(!said.contains("9093 is taken"), "{said}");
        stack.amtool = None;
        let said = stack.places(&state).join("\n");
        assert!(said.contains("http://127.0.0.1:9093/#/alerts"), "{said}");
    }
}
