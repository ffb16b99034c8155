//! `outrider incident`: when a service was struck, when support answered, when it was there again.

use std::ops::Range;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{DocketDeed, Partner, Plan};
use outrider_domain::sla::{Episode, episodes};

use super::super::exit::Exit;
use super::desk::{EntryArguments, Reading, time};
use crate::ledger::{Ledger, LedgerError};
use crate::render::incidents_text;

/// What `incident` takes.
#[derive(Debug, clap::Args)]
pub(in super::super) struct IncidentCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Records that one began; reports of its period show it
    Open(Open),
    /// Records that the partner's support answered
    Ack(Step),
    /// Records that the service was there again
    Restore(Step),
    /// Records that nothing is left to do
    Close(Close),
    /// Lists incidents, and episodes of failed runs that none covers
    List(List),
}

#[derive(Debug, clap::Args)]
struct Open {
    /// When it began: 2h or 3d (ago), a date (UTC) or RFC 3339; now where it is not given
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 1 is the worst, 4 the least
    #[arg(long)]
    severity: u8,
    /// The kind of exchange that it struck; all where it is not given
    #[arg(long)]
    journey: Option<String>,
    #[command(flatten)]
    desk: EntryArguments,
}

#[derive(Debug, clap::Args)]
struct Step {
    /// The incident's number
    incident: u64,
    /// When: 2h (ago), a date (UTC) or RFC 3339; now where it is not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    desk: EntryArguments,
}

#[derive(Debug, clap::Args)]
struct Close {
    /// The incident's number
    incident: u64,
    #[command(flatten)]
    desk: EntryArguments,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Episodes from this time on: 30d (ago), a date (UTC) or RFC 3339
    #[arg(long, value_name = "TIME", default_value = "30d")]
    from: String,
    #[command(flatten)]
    reading: Reading,
}

impl IncidentCommand {
    pub(in super::super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.command {
            Command::Open(open) => {
                let from = time("from", open.from.as_deref())?;
                open.desk.record(DocketDeed::IncidentOpen {
                    from,
                    severity: open.severity,
                    journey: open.journey,
                })
            }
            Command::Ack(step) => {
                let (incident, at) = (step.incident, time("at", step.at.as_deref())?);
                step.desk.record(DocketDeed::IncidentAck { incident, at })
            }
            Command::Restore(step) => {
                let (incident, at) = (step.incident, time("at", step.at.as_deref())?);
                step.desk
                    .record(DocketDeed::IncidentRestore { incident, at })
            }
            Command::Close(close) => {
                let incident = close.incident;
                close.desk.record(DocketDeed::IncidentClose { incident })
            }
            Command::List(list) => {
                let between = time("from", Some(&list.from))?..Clock::real().now();
                list.reading.show(|plan, ledger, partner, docket| {
                    let found = proposed(plan, ledger, partner, &between)?;
                    Ok(incidents_text(docket, &found))
                })
            }
        }
    }
}

/// Episodes of failed runs by journey.
fn proposed(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
    between: &Range<DateTime<Utc>>,
) -> Result<Vec<(String, Episode)>, LedgerError> {
    let mut all = Vec::new();
    for probe in plan.probes.keys().filter(|one| one.partner == partner.id) {
        let found = episodes(ledger.judged_runs(probe, between)?).into_iter();
        all.extend(found.map(|episode| (probe.journey.to_string(), episode)));
    }
    all.sort_by_key(|(_, episode)| episode.from);
    Ok(all)
}
