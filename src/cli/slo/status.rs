//! `outrider slo status`: reads the ledger while the agent writes it.

use std::num::NonZeroU32;

use outrider_domain::clock::Clock;
use outrider_domain::model::Scale;

use super::objectives::{ObjectiveFilter, objectives};
use crate::agent::{in_flight, slo_status};
use crate::cli::exit::Exit;
use crate::cli::files::LedgerFiles;
use crate::cli::out;
use crate::ledger::{Ledger, LedgerError};
use crate::render;

/// What `slo status` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    which: ObjectiveFilter,
    #[command(flatten)]
    files: LedgerFiles,
    /// By how much the agent's durations were divided, as given to `run --scale`
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    scale: NonZeroU32,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.scaled_plan(Scale::new(self.scale))?;
        let all = objectives(&plan)?;
        let wanted = self.which.of(&plan, &all)?;
        let away = |why: LedgerError| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        };
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(away)?;
        let at = Clock::real().now();
        let mut statuses = Vec::new();
        for objective in wanted {
            let status = slo_status(&plan, &ledger, objective, at).map_err(away)?;
            statuses.push((objective, status));
        }
        let status = render::Status {
            at,
            objectives: statuses,
            in_flight: in_flight(&plan, &ledger, at).map_err(away)?,
        };
        if self.json {
            out::say(&render::status_json(&status).to_string());
        } else {
            out::say(&render::status_text(&status, out::paint()));
        }
        Ok(Exit::Fine)
    }
}
