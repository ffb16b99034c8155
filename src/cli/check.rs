//! `outrider check`.

use outrider_domain::config::{self, Diagnostics, Severity};
use outrider_domain::model::Plan;

use super::exit::Exit;
use super::files::Files;
use super::out;

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
                    diagnostics.extend(config::secrets(&plan));
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
            out::diagnostics_json(&diagnostics);
        } else {
            if !diagnostics.is_empty() {
                out::diagnostics(&diagnostics);
            }
            if let Some(plan) = plan.filter(|_| is_fine) {
                out::say(&summary(&plan));
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
    format!("fine: {}", counts.join(", "))
}
