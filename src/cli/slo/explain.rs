//! `outrider slo explain`.

use super::objectives::{ObjectiveFilter, objectives};
use crate::cli::exit::Exit;
use crate::cli::files::Files;
use crate::cli::out;
use crate::render;

/// What `slo explain` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    which: ObjectiveFilter,
    #[command(flatten)]
    files: Files,
    /// One JSON document instead of tables
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let all = objectives(&plan)?;
        let wanted = self.which.of(&plan, &all)?;
        if self.json {
            out::say(&render::explain_json(&plan, &wanted).to_string());
        } else {
            out::say(&render::explain_text(&plan, &wanted, out::paint()));
        }
        Ok(Exit::Fine)
    }
}
