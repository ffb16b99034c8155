//! `outrider baseline record`: the shape of a partner's records, as it is today.

use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::{Baseline as Shapes, Outcome, Plan, Probe};

use super::exit::Exit;
use super::files::{Files, probe_of};
use super::once::{SingleRun, exit, run_once};
use super::out;
use super::runtime::single_run_runtime;

/// What `baseline` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Baseline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs a journey with each member and writes `baselines/PARTNER.json`, with which later runs are compared
    Record(Record),
}

#[derive(Debug, clap::Args)]
struct Record {
    /// The partner: the id of a file in partners/
    #[arg(long)]
    partner: String,
    /// The journey: one that reads records
    #[arg(long, default_value = "bulk-exchange")]
    journey: String,
    #[command(flatten)]
    files: Files,
}

impl Baseline {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let Command::Record(record) = self.command;
        record.carry_out()
    }
}

impl Record {
    fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let probe = probe_of(&plan, &self.journey, &self.partner)?;
        let shapes = shapes(&plan, probe)?;
        let partner = &probe.id.partner;
        let path = config::baseline_path(&self.files.config, partner);
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let text = config::baseline_text(partner, &shapes);
        if let Err(why) = folder.and_then(|()| std::fs::write(&path, text)) {
            out::print_error(&format!("{}: cannot be written: {why}", path.display()));
            return Err(Exit::CouldNotLook);
        }
        let paths: usize = shapes.0.values().map(|shape| shape.paths.len()).sum();
        out::say(&format!(
            "{}: {} types, {paths} paths",
            path.display(),
            shapes.0.len()
        ));
        Ok(Exit::Fine)
    }
}

/// What all members together show. One run that is not good ends it: a baseline holds what was found good.
fn shapes(plan: &Plan, probe: &Probe) -> Result<Shapes, Exit> {
    let Some(set) = probe.members.as_ref().and_then(|set| plan.members.get(set)) else {
        out::print_error(&format!("{} carries no member", probe.id));
        return Err(Exit::Usage);
    };
    let runtime = single_run_runtime()?;
    let clock = Clock::real();
    let mut all = Shapes::default();
    for member in &set.members {
        let single_run = runtime.block_on(run_once(plan, probe, Some((member, set)), &clock));
        let Some(SingleRun { record, shapes }) = single_run else {
            return Err(Exit::CouldNotLook);
        };
        if record.outcome != Outcome::Passed {
            let blame = record.verdict.blame.as_ref();
            let why = blame.map_or("", |blame| blame.summary.as_str());
            out::print_error(&format!("member {}: {}: {why}", member.id, record.outcome));
            let code = exit(&record);
            return Err(if code == Exit::Fine {
                Exit::Partner
            } else {
                code
            });
        }
        all.merge(&shapes.unwrap_or_default());
    }
    Ok(all)
}
