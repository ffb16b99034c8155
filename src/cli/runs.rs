//! `outrider runs`: reads the history next to the agent that writes it.

use std::io::IsTerminal;

use outrider_domain::clock::Clock;
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::RunFilter;
use outrider_domain::view::{RunsPage, runs_json};

use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;
use crate::agent::{under_present_names, unknown_name};
use crate::ledger::{Ledger, LedgerError};
use crate::render;

/// Runs that are printed at once, at most.
const PRINTED_MAX: u32 = 100_000;
/// Runs that are printed where no limit is given.
const PRINTED_DEFAULT: u32 = 50;

/// What `runs` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Runs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    files: LedgerFiles,
    /// One JSON document instead of text, as /v1/runs answers
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV with a header instead of text
    #[arg(long)]
    csv: bool,
}

/// Which runs are wanted. Values are read in one place for the command line and for HTTP.
#[derive(Debug, clap::Args)]
struct Which {
    /// One partner only, also one that is no longer in the files
    #[arg(long)]
    partner: Option<String>,
    /// One journey only
    #[arg(long)]
    journey: Option<String>,
    /// Runs whose blame is in this layer: transport, application or business
    #[arg(long)]
    layer: Option<String>,
    /// Runs whose blame has this cause, such as timeout
    #[arg(long)]
    cause: Option<String>,
    /// Runs that came to this: passed, passed_on_retry, failed, ...
    #[arg(long)]
    outcome: Option<String>,
    /// Runs that carried this member
    #[arg(long)]
    member: Option<String>,
    /// Intended to start at this time or later: 2h or 3d (ago), a date (UTC) or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Intended to start before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Oldest first, after the run with this seq; without it the last ones
    #[arg(long, value_name = "SEQ", allow_hyphen_values = true)]
    after: Option<String>,
    /// The last ones before the run with this seq
    #[arg(long, value_name = "SEQ", allow_hyphen_values = true)]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    limit: Option<String>,
}

impl Which {
    fn filter(&self) -> Result<RunFilter, QueryMistake> {
        let given = [
            ("partner", &self.partner),
            ("journey", &self.journey),
            ("layer", &self.layer),
            ("cause", &self.cause),
            ("outcome", &self.outcome),
            ("member", &self.member),
            ("from", &self.from),
            ("to", &self.to),
            ("after", &self.after),
            ("before", &self.before),
            ("limit", &self.limit),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        config::run_filter(given, Clock::real().now(), PRINTED_DEFAULT, PRINTED_MAX)
    }
}

impl Runs {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let filter = self.which.filter().map_err(|why| out::mistake(&why))?;
        let plan = self.files.readable_plan()?;
        let away = |why: LedgerError| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        };
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(away)?;
        let filter = under_present_names(&plan, &ledger, filter).map_err(away)?;
        if let Some(why) = unknown_name(&plan, &ledger, &filter).map_err(away)? {
            return Err(out::mistake(&why));
        }
        let found = ledger.find_runs(&filter, u64::MAX).map_err(away)?;
        // Tables show what the rows have; what was seen is read for JSON alone.
        let runs = ledger.read_runs(&found.places, self.json).map_err(away)?;
        let page = RunsPage {
            runs: runs.into_iter().map(|run| (run.seq, run.record)).collect(),
            next: found.through,
            has_newer: found.has_newer,
            previous: found.older_before,
        };
        if self.json {
            out::say(&runs_json(&page).to_string());
        } else if self.csv {
            let text = render::runs_csv(&page).map_err(|why| {
                out::print_error(&format!(
                    "outrider: the runs cannot be written as CSV: {why}"
                ));
                Exit::Internal
            })?;
            out::say(text.trim_end());
        } else {
            out::say(&render::runs_text(&page, out::paint()));
            // For a person: a pipe gets the runs alone.
            if std::io::stdout().is_terminal() {
                out::say(&render::runs_paging(&page));
            } else {
                out::print_error(&render::runs_paging(&page));
            }
        }
        Ok(Exit::Fine)
    }
}
