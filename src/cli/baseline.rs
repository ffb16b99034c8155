//! `outrider baseline record`: the shape of a partner's records, as it is today.

use super::once::{Walk, walk_once};
use super::{Exit, Files, out};
use crate::clock::Clock;
use crate::config;
use crate::model::{Baseline as Shapes, JourneyId, Outcome, PartnerId, Plan, Probe, ProbeId};

/// What `baseline` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Baseline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Walks a journey with each member and writes `baselines/PARTNER.json`, which later runs are held against
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
    pub(super) fn carry_out(self) -> Exit {
        let Command::Record(record) = self.command;
        record.carry_out()
    }
}

impl Record {
    fn carry_out(self) -> Exit {
        let plan = match config::load(&self.files.config, self.files.overlay.as_deref()) {
            Ok(plan) => plan,
            Err(complaints) => {
                out::unusable(&complaints);
                return Exit::Config;
            }
        };
        let id = ProbeId {
            partner: PartnerId::new(self.partner.as_str()),
            journey: JourneyId::new(self.journey.as_str()),
        };
        let Some(probe) = plan.probes.get(&id) else {
            let known: Vec<_> = plan.probes.keys().map(ToString::to_string).collect();
            out::complain(&format!("{id} is no probe. Probes: {}", known.join(", ")));
            return Exit::Usage;
        };
        let shapes = match shapes(&plan, probe) {
            Ok(shapes) => shapes,
            Err(exit) => return exit,
        };
        let path = config::baseline_path(&self.files.config, &id.partner);
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let text = config::baseline_text(&id.partner, &shapes);
        if let Err(why) = folder.and_then(|()| std::fs::write(&path, text)) {
            out::complain(&format!("{}: cannot be written: {why}", path.display()));
            return Exit::CouldNotLook;
        }
        let paths: usize = shapes.0.values().map(|shape| shape.paths.len()).sum();
        out::say(&format!(
            "{}: {} types, {paths} paths",
            path.display(),
            shapes.0.len()
        ));
        Exit::Fine
    }
}

/// What all members together show. One run that is not good ends it: a baseline holds what was found good.
fn shapes(plan: &Plan, probe: &Probe) -> Result<Shapes, Exit> {
    let Some(set) = probe.members.as_ref().and_then(|set| plan.members.get(set)) else {
        out::complain(&format!("{} carries no member", probe.id));
        return Err(Exit::Usage);
    };
    let runtime = super::runtime().map_err(|_| {
        out::complain("this machine gives no threads");
        Exit::Internal
    })?;
    let clock = Clock::real();
    let mut all = Shapes::default();
    for member in &set.members {
        let walked = runtime.block_on(walk_once(plan, probe, Some((member, set)), &clock));
        let Some(Walk { record, shapes }) = walked else {
            return Err(Exit::CouldNotLook);
        };
        if record.outcome != Outcome::Passed {
            let why = record.verdict.blame.map(|blame| blame.summary);
            let why = why.unwrap_or_default();
            out::complain(&format!("member {}: {}: {why}", member.id, record.outcome));
            return Err(match record.outcome {
                Outcome::AgentFault => Exit::CouldNotLook,
                Outcome::Failed | Outcome::PassedOnRetry | Outcome::Passed => Exit::Partner,
            });
        }
        all.merge(&shapes.unwrap_or_default());
    }
    Ok(all)
}
