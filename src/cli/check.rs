//! `outrider check`.

use outrider_domain::clock::Clock;
use outrider_domain::config::{self, Diagnostics, SecretState, Severity};
use outrider_domain::model::{Plan, ProxyChoice};
use outrider_domain::schedule::expected_size;
use outrider_domain::slo;

use super::exit::Exit;
use super::files::Files;
use super::ledger::{expected_json, expected_text};
use super::out;
use crate::journey::is_in_environment;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
    /// Warnings, such as a key that is not there, count as mistakes
    #[arg(long)]
    strict: bool,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let (plan, mut diagnostics) =
            match config::load_with_warnings(&self.files.config, self.files.overlay.as_deref()) {
                Ok((plan, Diagnostics(mut diagnostics))) => {
                    let (file, now) = (&self.files.config, Clock::real().now());
                    diagnostics.extend(config::secrets(&plan, now));
                    diagnostics.extend(config::without_objectives(&plan));
                    diagnostics.extend(config::ledger_fits(&plan, file, now));
                    (Some(plan), diagnostics)
                }
                Err(diagnostics) => (None, diagnostics.0),
            };
        if self.strict {
            diagnostics
                .iter_mut()
                .for_each(|one| one.severity = Severity::Error);
        }
        let is_fine = !diagnostics
            .iter()
            .any(|one| one.severity == Severity::Error);
        if self.json {
            let secrets = plan.as_ref().map(config::secret_states);
            let secrets = secrets.unwrap_or_default();
            let plan = plan.filter(|_| is_fine);
            let size = plan.map(|plan| expected_json(expected_size(&plan, Clock::real().now())));
            out::diagnostics_json(&diagnostics, size.as_ref(), &secrets_json(&secrets));
        } else {
            if !diagnostics.is_empty() {
                out::diagnostics(&diagnostics);
            }
            match plan {
                Some(plan) if is_fine => out::say(&summary(&plan)),
                Some(plan) if !unused_proxy(&plan).is_empty() => {
                    out::say(unused_proxy(&plan).trim_start());
                }
                _ => {}
            }
        }
        if is_fine {
            Ok(Exit::Fine)
        } else {
            Err(Exit::Config)
        }
    }
}

fn summary(plan: &Plan) -> String {
    let members: usize = plan.members.values().map(|set| set.members.len()).sum();
    let counts = [
        (plan.partners.len(), "partner"),
        (plan.journeys.len(), "journey"),
        (plan.probes.len(), "probe"),
        (members, "member"),
    ];
    let counts: Vec<_> = counts
        .into_iter()
        .map(|(n, noun)| out::counted(n, noun))
        .collect();
    let expected = expected_size(plan, Clock::real().now());
    format!(
        "fine: {}\nledger: {}{}",
        counts.join(", "),
        expected_text(plan, expected),
        unused_proxy(plan)
    ) + &secrets_text(plan)
        + &without_objective(plan)
}

/// Where each secret comes from, and whether it can be read.
fn secrets_text(plan: &Plan) -> String {
    let states = config::secret_states(plan).into_iter();
    let lines = states.map(|one| {
        let whose = one.partner.as_deref().unwrap_or("the agent");
        let state = one.fault.map_or("read".to_owned(), |why| why.to_string());
        format!("\nsecret of {whose}: {}: {state}", one.source)
    });
    lines.collect()
}

fn secrets_json(states: &[SecretState]) -> serde_json::Value {
    let states = states.iter().map(|one| {
        serde_json::json!({
            "partner": one.partner,
            "source": one.source,
            "fault": one.fault.map(|why| why.to_string()),
        })
    });
    states.collect()
}

/// The probes that no objective counts, and how they are heard; nothing where there are none.
fn without_objective(plan: &Plan) -> String {
    let all = plan.probes.values();
    let uncounted = all.filter(|probe| !slo::is_counted(plan, probe));
    let lines = uncounted.map(|probe| {
        let heard = match slo::failures_in_row(plan, probe) {
            Some(failures) => format!("pages at {failures} failures in a row"),
            None => "no alert watches it".to_owned(),
        };
        format!("\nno objective counts {}: {heard}", probe.id)
    });
    lines.collect()
}

/// That the environment names a proxy and nobody uses it.
fn unused_proxy(plan: &Plan) -> &'static str {
    let choices = plan.partners.values();
    let mut choices = choices.map(|one| one.proxy.as_ref().unwrap_or(&plan.settings.proxy));
    let is_used = choices.any(|one| *one != ProxyChoice::Direct);
    if is_in_environment() && !is_used {
        "\nproxy: the environment names one and it is not used; proxy = \"environment\" uses it"
    } else {
        ""
    }
}
