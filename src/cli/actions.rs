//! `outrider actions`: the action log, read next to the agent that writes it.

use std::io::IsTerminal as _;

use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::view::actions_json;

use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;
use crate::ledger::{Ledger, LedgerError};
use crate::render;

/// Entries that are printed at once, at most.
const PRINTED_MAX: u32 = 100_000;
/// Entries that are printed where no limit is given.
const PRINTED_DEFAULT: u32 = 50;

/// What `actions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Actions {
    /// At this time or later: 2h or 3d (ago), a date (UTC) or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// At most so many, the last ones
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    limit: Option<String>,
    #[command(flatten)]
    files: LedgerFiles,
    /// One JSON document instead of text, as /v1/actions answers
    #[arg(long)]
    json: bool,
}

impl Actions {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let given = [
            ("from", &self.from),
            ("to", &self.to),
            ("limit", &self.limit),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let now = Clock::real().now();
        let filter = config::action_filter(given, now, PRINTED_DEFAULT, PRINTED_MAX);
        let filter = filter.map_err(|why| out::mistake(&why))?;
        let plan = self.files.readable_plan()?;
        let away = |why: LedgerError| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        };
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(away)?;
        let actions = ledger.actions(&filter).map_err(away)?;
        if self.json {
            out::say(&actions_json(&actions).to_string());
        } else if actions.is_empty() && std::io::stdout().is_terminal() {
            out::print_error("nothing was done in that time");
        } else {
            out::say(render::actions_text(&actions).trim_end());
        }
        Ok(Exit::Fine)
    }
}
