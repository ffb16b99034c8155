//! `outrider resume`: a person lifts the pause that a disclosure put on a journey.

use std::path::PathBuf;

use super::agent_client::{AgentAddress, AgentClient};
use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;

/// What `resume` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The journey that is paused
    journey: String,
    /// The partner at which it is paused
    #[arg(long)]
    partner: String,
    /// Who resumes it: a person's name; kept in the action log
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why it may go on, without data of members; kept in the action log
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Where the agent listens, instead of the address in its file: a host with a port, or its URL
    #[arg(long, value_name = "ADDRESS")]
    agent: Option<AgentAddress>,
    /// The file with a token that may resume, instead of the agent's own next to its ledger
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    files: LedgerFiles,
}

impl Resume {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let settings = self.files.plan()?.settings;
        let client = AgentClient::new(&settings, self.agent, self.token_file)?;
        let body = serde_json::json!({
            "partner": self.partner,
            "journey": self.journey,
            "by": self.by,
            "note": self.note,
        });
        let probe = format!("{}/{}", self.partner, self.journey);
        match client.post("/v1/resume", &body) {
            Ok(answer) if answer.status == 200 => {
                out::say(&format!("resumed {probe}"));
                Ok(Exit::Fine)
            }
            Ok(answer) if answer.status == 404 => {
                let help = "paused journeys are listed on the agent's first page";
                out::print_error(&format!("{probe} is not paused; {help}"));
                Err(Exit::Usage)
            }
            Ok(answer) => {
                let (status, problem) = (answer.status, answer.problem);
                out::print_error(&format!("{probe} was not resumed ({status}): {problem}"));
                Err(if status < 500 {
                    Exit::Usage
                } else {
                    Exit::CouldNotLook
                })
            }
            Err(why) => {
                let help = "start it, or name its address with --agent";
                out::print_error(&format!(
                    "no agent answers at {}: {why}; {help}",
                    client.address
                ));
                Err(Exit::CouldNotLook)
            }
        }
    }
}
