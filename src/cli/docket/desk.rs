//! What every entry of a docket needs: whose, by whom, why; and the way to the ledger.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::{
    DocketDeed, DocketReason, DocketRequest, Partner, PartnerId, Plan, Scale,
};
use outrider_domain::sla::Docket;

use super::super::agent_client::{AgentAddress, AgentClient};
use super::super::exit::Exit;
use super::super::files::LedgerFiles;
use super::super::out;
use crate::agent::{self, NotRecorded};
use crate::ledger::{Ledger, LedgerError};

/// Who records what, and why.
#[derive(Debug, clap::Args)]
pub(in super::super) struct EntryArguments {
    /// The partner: the id of a file in partners/
    #[arg(long)]
    partner: String,
    /// Why, in a word that reports carry
    #[arg(long, value_name = "WORD")]
    reason: String,
    /// Why, in one line without data of members; it never leaves the ledger
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// A person's name; it is shown as stated and proves nothing
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    way: RecordRoute,
    #[command(flatten)]
    files: LedgerFiles,
}

/// The way to the ledger.
#[derive(Debug, clap::Args)]
pub(in super::super) struct RecordRoute {
    /// Where the agent listens, instead of the address in its file: a host with a port, or its URL
    #[arg(long, value_name = "ADDRESS")]
    agent: Option<AgentAddress>,
    /// The file with the operator's token that says who records it, instead of the user of the operating system
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Reads a time as people write it; now where none is given.
pub(super) fn time(name: &'static str, text: Option<&str>) -> Result<DateTime<Utc>, Exit> {
    let now = Clock::real().now();
    let Some(text) = text else { return Ok(now) };
    config::moment(text, now).map_err(|why| {
        let help = "write 2h or 3d (ago), a date (UTC) or RFC 3339";
        out::print_error(&format!("outrider: --{name}: {why}; {help}"));
        Exit::Usage
    })
}

/// A word of a closed list.
pub(super) fn word<T: Copy>(
    parameter: &'static str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, Exit> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    let known = || all.iter().map(|one| name(*one));
    found.ok_or_else(|| out::mistake(&QueryMistake::unknown(parameter, text, known())))
}

impl EntryArguments {
    /// Records it; says its number.
    pub(in super::super) fn record(self, act: DocketDeed) -> Result<Exit, Exit> {
        let reason = word(
            "reason",
            &self.reason,
            DocketReason::ALL,
            DocketReason::name,
        )?;
        let what = act.name();
        let wish = DocketRequest {
            partner: self.partner,
            act,
            reason,
            note: self.note,
            stated: self.by,
        };
        let number = self.way.record(&self.files.plan()?, wish)?;
        out::say(&format!("{what}: recorded as {number}"));
        Ok(Exit::Fine)
    }
}

impl RecordRoute {
    /// The number of what was recorded.
    pub(in super::super) fn record(&self, plan: &Plan, wish: DocketRequest) -> Result<u64, Exit> {
        if self.agent.is_some() || self.token_file.is_some() {
            return self.ask(plan, &wish);
        }
        // No ledger is made for it.
        Ledger::reader(&plan.settings.ledger).map_err(unavailable)?;
        let now = Clock::real().now();
        let mut ledger = match Ledger::open(&plan.settings.ledger, Scale::REAL, now) {
            Ok(ledger) => ledger,
            Err(LedgerError::InUse { .. }) => return self.ask(plan, &wish),
            Err(why) => return Err(unavailable(why)),
        };
        let number = agent::record(&mut ledger, plan, wish, now).map_err(|why| match why {
            NotRecorded::Refused(why) => {
                out::print_error(&format!("outrider: {why}"));
                Exit::Usage
            }
            NotRecorded::Ledger(why) => unavailable(why),
        })?;
        ledger.close().map_err(unavailable)?;
        Ok(number)
    }

    /// Has the running agent record it.
    fn ask(&self, plan: &Plan, wish: &DocketRequest) -> Result<u64, Exit> {
        let client = AgentClient::new(&plan.settings, self.agent.clone(), self.token_file.clone())?;
        let away = |why: &dyn std::fmt::Display| {
            out::print_error(&format!(
                "outrider: no agent answers at {}: {why}; start it, or name its address with --agent",
                client.address
            ));
            Exit::CouldNotLook
        };
        let body = serde_json::to_value(wish).map_err(|_| Exit::Internal)?;
        let answer = client.post("/v1/docket", &body).map_err(|why| away(&why))?;
        if let Some(number) = answer.recorded {
            return Ok(number);
        }
        let (status, problem) = (answer.status, answer.problem);
        out::print_error(&format!("outrider: {problem} ({status})"));
        Err(if (400..500).contains(&status) {
            Exit::Usage
        } else {
            Exit::CouldNotLook
        })
    }
}

/// Whose docket is read.
#[derive(Debug, clap::Args)]
pub(super) struct Reading {
    /// The partner: the id of a file in partners/
    #[arg(long)]
    partner: String,
    #[command(flatten)]
    files: LedgerFiles,
}

impl Reading {
    /// What `show` makes of the docket.
    pub(super) fn show(
        self,
        show: impl FnOnce(&Plan, &Ledger, &Partner, &Docket) -> Result<String, LedgerError>,
    ) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let partner = plan.partners.get(&PartnerId::new(self.partner.as_str()));
        let known = plan.partners.keys().map(PartnerId::as_str);
        let partner = partner
            .ok_or_else(|| out::mistake(&QueryMistake::unknown("partner", &self.partner, known)))?;
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(unavailable)?;
        let docket = ledger.docket(&partner.id).map_err(unavailable)?;
        let text = show(&plan, &ledger, partner, &docket).map_err(unavailable)?;
        out::say(text.trim_end());
        Ok(Exit::Fine)
    }
}

fn unavailable(why: LedgerError) -> Exit {
    out::print_error(&format!("outrider: {why}"));
    Exit::Ledger
}
