//! `outrider run`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::Scale;

use super::arena;
use super::exit::Exit;
use super::files::Files;
use super::out;
use super::runtime::runtime;
use crate::agent::{self, AgentError};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    files: Files,
    /// The ledger's file, instead of the one the agent's file names
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Divides every cadence, deadline, timeout and window by this: for drills and demos
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    scale: NonZeroU32,
}

impl Run {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        // Before anything is read, opened or started.
        let one_arena = arena::share_one();
        // Before the files are read: what changes from now on is seen.
        let source = agent::PlanSource::new(
            self.files.config.clone(),
            self.files.overlay.clone(),
            self.ledger.clone(),
            Scale::new(self.scale),
        );
        let mut plan = self.files.scaled_plan(Scale::new(self.scale))?;
        out::start_logging();
        if let Err(why) = one_arena {
            tracing::warn!(error = %why, "the agent cannot start again with MALLOC_ARENA_MAX=1, and keeps more memory than it uses; set it");
        }
        for warning in config::secrets(&plan, Clock::real().now()) {
            tracing::warn!("{warning}");
        }
        if let Some(ledger) = self.ledger {
            plan.settings.ledger = ledger;
        }
        let runtime = runtime()?;
        let ended = runtime.block_on(agent::run(plan, source, Clock::real(), |ready| {
            out::say(
                &serde_json::json!({
                    "ready": "outrider",
                    "listen": format!("{}://{}", ready.scheme, ready.listen),
                    "ledger": ready.ledger,
                    "token_file": ready.token_file,
                })
                .to_string(),
            );
        }));
        // The ledger is closed. What still reads it on another thread, to work budgets out, is not waited for.
        runtime.shutdown_background();
        ended.map(|()| Exit::Fine).map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            match why {
                AgentError::Ledger(_) => Exit::Ledger,
                AgentError::Listen { .. }
                | AgentError::Tls(_)
                | AgentError::Token { .. }
                | AgentError::HashKey { .. } => Exit::Config,
                AgentError::Start(_) => Exit::Internal,
            }
        })
    }
}
