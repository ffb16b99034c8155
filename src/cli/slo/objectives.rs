//! ObjectiveFilter objectives a command is about.

use outrider_domain::model::{Plan, SloName};
use outrider_domain::slo::{self, Objective};

use crate::cli::exit::Exit;
use crate::cli::out;

/// ObjectiveFilter objectives.
#[derive(Debug, clap::Args)]
pub(super) struct ObjectiveFilter {
    /// Of this partner only
    #[arg(long)]
    partner: Option<String>,
    /// Of this name only, such as `business` or `latency`
    #[arg(long)]
    slo: Option<String>,
}

impl ObjectiveFilter {
    /// The objectives asked for; says so when there is no such partner or objective.
    pub(super) fn of<'o, 'p>(
        &self,
        plan: &Plan,
        all: &'o [Objective<'p>],
    ) -> Result<Vec<&'o Objective<'p>>, Exit> {
        let names = SloName::ALL.iter().map(|name| name.name());
        known(
            self.slo.as_deref(),
            "objective",
            "Objectives",
            &names.collect::<Vec<_>>(),
        )?;
        let partners: Vec<&str> = plan.partners.keys().map(|id| id.as_str()).collect();
        known(self.partner.as_deref(), "partner", "Partners", &partners)?;
        let is_wanted = |objective: &&Objective<'p>| {
            let is = |wanted: &Option<String>, name: &str| {
                wanted.as_deref().is_none_or(|wanted| wanted == name)
            };
            is(&self.partner, objective.partner.id.as_str())
                && is(&self.slo, objective.slo.name.name())
        };
        let found: Vec<_> = all.iter().filter(is_wanted).collect();
        if found.is_empty() {
            out::print_error(
                "outrider: no such objective. Give a partner one: [slo.business] in its file",
            );
            return Err(Exit::Usage);
        }
        Ok(found)
    }
}

fn known(wanted: Option<&str>, noun: &str, nouns: &str, all: &[&str]) -> Result<(), Exit> {
    match wanted {
        Some(wanted) if !all.contains(&wanted) => {
            out::print_error(&format!(
                "outrider: no {noun} \"{wanted}\". {nouns}: {}",
                all.join(", ")
            ));
            Err(Exit::Usage)
        }
        Some(_) | None => Ok(()),
    }
}

/// Every objective of a plan.
pub(super) fn objectives(plan: &Plan) -> Result<Vec<Objective<'_>>, Exit> {
    slo::objectives(plan).map_err(|why| {
        out::print_error(&format!("outrider: {why}"));
        Exit::Internal
    })
}
