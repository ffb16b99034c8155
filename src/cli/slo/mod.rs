//! `outrider slo`: what is promised and how it stands.

mod explain;
mod export;
mod objectives;
mod status;

use clap::Subcommand;

use super::exit::Exit;

/// What `slo` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Slo {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What each alert tier of each objective means: when it fires, how soon, how often falsely
    Explain(explain::Explain),
    /// The status of each objective, from the ledger: budget, burn, forecast, coverage
    Status(status::Status),
    /// Writes the objectives as OpenSLO v1 (YAML)
    Export(export::Export),
}

impl Slo {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.what {
            What::Explain(explain) => explain.carry_out(),
            What::Status(status) => status.carry_out(),
            What::Export(export) => export.carry_out(),
        }
    }
}
