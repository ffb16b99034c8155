//! `outrider run`.

use std::path::PathBuf;

use super::{Exit, Files, out};
use crate::agent::{self, AgentError};
use crate::clock::Clock;
use crate::config;

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    files: Files,
    /// The ledger's file, instead of the one the agent's file names
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl Run {
    pub(super) fn carry_out(self) -> Exit {
        let mut plan = match config::load(&self.files.config, self.files.overlay.as_deref()) {
            Ok(plan) => plan,
            Err(complaints) => {
                out::unusable(&complaints);
                return Exit::Config;
            }
        };
        out::start_logging();
        for warning in config::secrets(&plan) {
            tracing::warn!("{warning}");
        }
        if let Some(ledger) = self.ledger {
            plan.settings.ledger = ledger;
        }
        let Ok(runtime) = super::runtime() else {
            out::complain("this machine gives no threads");
            return Exit::Internal;
        };
        let ended = runtime.block_on(agent::run(plan, Clock::real(), |ready| {
            out::say(
                &serde_json::json!({
                    "ready": "outrider",
                    "listen": format!("http://{}", ready.listen),
                    "ledger": ready.ledger,
                })
                .to_string(),
            );
        }));
        match ended {
            Ok(()) => Exit::Fine,
            Err(why) => {
                out::complain(&format!("outrider: {why}"));
                match why {
                    AgentError::Ledger(_) => Exit::Ledger,
                    AgentError::Listen { .. } => Exit::Config,
                    AgentError::Start(_) => Exit::Internal,
                }
            }
        }
    }
}
