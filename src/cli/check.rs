//! `outrider check`.

use outrider_domain::config::{self, Complaints, Weight};
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
        let (plan, mut complaints) =
            match config::load_with_warnings(&self.files.config, self.files.overlay.as_deref()) {
                Ok((plan, Complaints(mut complaints))) => {
                    complaints.extend(config::secrets(&plan));
                    (Some(plan), complaints)
                }
                Err(complaints) => (None, complaints.0),
            };
        if self.strict {
            complaints
                .iter_mut()
                .for_each(|one| one.weight = Weight::Error);
        }
        let is_fine = !complaints.iter().any(|one| one.weight == Weight::Error);
        if self.json {
            out::complaints_json(&complaints);
        } else {
            if !complaints.is_empty() {
                out::complaints(&complaints);
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
