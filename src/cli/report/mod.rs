//! `outrider report`: what a partner's promises came to in a period, as files that a partner can verify.

mod order;
mod revise;
mod verify;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config::QueryMistake;
use outrider_domain::model::{Partner, PartnerId, Plan};
use outrider_domain::secret::SecretRef;
use outrider_domain::sla::{Report, ReportPeriod};

use self::order::{failed, period};
use super::docket::RecordRoute;
use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;
use crate::agent::{self, Format, ReportOptions, write_overview, write_report};
use crate::ledger::Ledger;
use crate::proof::{ProofKey, sha256_hex};
use crate::render::{Paper, report_text};

/// What `report` takes.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ReportCommand {
    #[command(subcommand)]
    command: Option<Command>,
    /// The partner: the id of a file in partners/
    #[arg(long, conflicts_with = "all")]
    partner: Option<String>,
    /// Every partner whose file says what a contract promises, and one page over all of them
    #[arg(long)]
    all: bool,
    /// A month (2026-10), a quarter (2026-Q4), an ISO week (2026-W45) or days without the last
    /// (2026-10-01..2026-10-15), in the contract's time zone
    #[arg(long, value_name = "PERIOD", required = true)]
    period: Option<String>,
    /// What to write, with commas: json, html, csv, pdf; the JSON is always written
    #[arg(
        long,
        value_name = "FORMATS",
        value_delimiter = ',',
        default_value = "json,html,csv"
    )]
    format: Vec<String>,
    /// The folder to write to; without it the verdicts are shown and nothing is written
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Signs with this key: Ed25519, PKCS #8 PEM, as openssl genpkey makes it
    #[arg(long, value_name = "FILE", requires = "out")]
    key: Option<PathBuf>,
    #[command(flatten)]
    extras: Extras,
    /// The paper that the page and the PDF are laid out for: a4 or letter
    #[arg(long, value_name = "PAPER", default_value = "a4")]
    paper: String,
    #[command(flatten)]
    files: LedgerFiles,
}

/// What is done besides writing a report.
#[derive(Debug, clap::Args)]
struct Extras {
    /// Writes what the figures are counted from as well: the folder PARTNER-PERIOD.evidence
    #[arg(long, requires = "out")]
    evidence: bool,
    /// Records in the ledger that the report is published: from then on what changes it makes a revision
    #[arg(long, requires = "out")]
    publish: bool,
    #[command(flatten)]
    way: RecordRoute,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Works a report out again and checks its signature; exit 8 when it is not valid, 7 without a key
    Verify(verify::Verify),
    /// Begins a correction of a published report: the next one is its revision, and says what changed and why
    Revise(revise::Revise),
}

impl ReportCommand {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.command {
            Some(Command::Verify(verify)) => return verify.carry_out(),
            Some(Command::Revise(revise)) => return revise.carry_out(),
            None => {}
        }
        let period = period(self.period.as_deref().unwrap_or_default())?;
        let order = self.order()?;
        let plan = self.files.plan()?;
        let partners = self.partners(&plan)?;
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        })?;
        let now = Clock::real().now();
        let (mut reports, mut first_fault) = (Vec::new(), None);
        for partner in partners {
            match one(&plan, &ledger, partner, (&period, now), order.as_ref()) {
                Ok(report) => {
                    if self.extras.publish {
                        publish(&plan, &ledger, &report, &self.extras.way)?;
                    }
                    reports.push(report);
                }
                Err(exit) => first_fault = first_fault.or(Some(exit)),
            }
        }
        if let Some(order) = order.filter(|_| self.all && !reports.is_empty()) {
            let path = write_overview(&reports, &period, &order).map_err(unwritten)?;
            path.iter()
                .for_each(|path| out::say(&path.display().to_string()));
        }
        first_fault.map_or(Ok(Exit::Fine), Err)
    }

    fn order(&self) -> Result<Option<ReportOptions>, Exit> {
        let mut formats = Vec::new();
        for name in &self.format {
            let known = Format::ALL.iter().map(|format| format.name());
            let format = Format::named(name)
                .ok_or_else(|| out::mistake(&QueryMistake::unknown("format", name, known)))?;
            formats.push(format);
        }
        let paper = Paper::named(&self.paper).ok_or_else(|| {
            let known = Paper::ALL.iter().map(|paper| paper.name());
            out::mistake(&QueryMistake::unknown("paper", &self.paper, known))
        })?;
        let Some(folder) = self.out.clone() else {
            return Ok(None);
        };
        let key = self.key.as_ref().map(|path| {
            ProofKey::read(&SecretRef::File(path.clone())).map_err(|why| {
                out::print_error(&format!("outrider: --key {}: {why}", path.display()));
                Exit::CouldNotLook
            })
        });
        Ok(Some(ReportOptions {
            formats,
            paper,
            folder,
            key: key.transpose()?,
            evidence: self.extras.evidence,
        }))
    }

    fn partners<'p>(&self, plan: &'p Plan) -> Result<Vec<&'p Partner>, Exit> {
        let Some(id) = &self.partner else {
            if !self.all {
                out::print_error(
                    "outrider: whose report? Name a partner with --partner, or every one with --all",
                );
                return Err(Exit::Usage);
            }
            let with_terms = plan.partners.values().filter(|one| !one.slas.is_empty());
            let all: Vec<_> = with_terms.collect();
            if all.is_empty() {
                out::print_error(
                    "outrider: no partner has an [[sla]]. Add one to a file in partners/ with what \
                     the contract promises",
                );
                return Err(Exit::Usage);
            }
            return Ok(all);
        };
        let found = plan.partners.get(&PartnerId::new(id.as_str()));
        let known = plan.partners.keys().map(PartnerId::as_str);
        found
            .map(|partner| vec![partner])
            .ok_or_else(|| out::mistake(&QueryMistake::unknown("partner", id, known)))
    }
}

/// One partner's report, written or shown.
fn one(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
    (period, now): (&ReportPeriod, DateTime<Utc>),
    order: Option<&ReportOptions>,
) -> Result<Report, Exit> {
    let found = agent::report(plan, ledger, partner, period, now).map_err(failed)?;
    out::say(&report_text(&found.report));
    if let Some(order) = order {
        for file in write_report(&found, order).map_err(unwritten)? {
            out::say(&format!("  {}", file.display()));
        }
    }
    Ok(found.report)
}

/// Keeps in the ledger that a report was published; one that was published as it is stays so.
fn publish(plan: &Plan, ledger: &Ledger, report: &Report, way: &RecordRoute) -> Result<(), Exit> {
    if !report.is_recorded_whole {
        out::print_error(
            "outrider: what was due in the period is not yet counted to its end, so the figures may \
             change; start the agent, let it count, and publish then",
        );
        return Err(Exit::CouldNotLook);
    }
    let json = report.json().map_err(|_| Exit::Internal)?;
    let sha256 = sha256_hex(json.as_bytes());
    let docket = ledger.docket(&PartnerId::new(report.partner.id.as_str()));
    let docket = docket.map_err(|why| failed(why.into()))?;
    let (period, revision) = (&report.period, report.revision);
    if docket.has_published(period, &sha256) {
        out::say(&format!(
            "  revision {revision} was published before, as it is"
        ));
        return Ok(());
    }
    way.record(plan, report.publication(sha256))?;
    out::say(&format!("  revision {revision} is published"));
    Ok(())
}

fn unwritten(why: impl std::fmt::Display) -> Exit {
    out::print_error(&format!("outrider: {why}"));
    Exit::CouldNotLook
}
