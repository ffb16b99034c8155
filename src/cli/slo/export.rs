//! `outrider slo export`.

use super::objectives::{ObjectiveFilter, objectives};
use crate::cli::exit::Exit;
use crate::cli::files::Files;
use crate::cli::out;
use crate::render;

/// What `slo export` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: ObjectiveFilter,
    #[command(flatten)]
    files: Files,
}

impl Export {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let all = objectives(&plan)?;
        let wanted = self.which.of(&plan, &all)?;
        match render::openslo(&plan, &wanted) {
            Ok(text) => {
                out::say(text.trim_end());
                Ok(Exit::Fine)
            }
            Err(why) => {
                out::print_error(&format!("outrider: {why}"));
                Err(Exit::Internal)
            }
        }
    }
}
