//! The files that every command reads, and what a command names of them.

use std::path::PathBuf;

use outrider_domain::config::{self, Diagnostics};
use outrider_domain::model::{JourneyId, PartnerId, Plan, Probe, ProbeId, Scale};

use super::exit::Exit;
use super::out;

/// The files that every command reads.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// The agent's file; partners/, probes/ and members/ are next to it
    #[arg(long, default_value = "outrider.toml", value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Sets base URLs, trust and key paths and listeners, nothing else
    #[arg(long, value_name = "FILE")]
    pub(super) overlay: Option<PathBuf>,
}

impl Files {
    /// The plan in real time, or how the command ends without one.
    pub(super) fn plan(&self) -> Result<Plan, Exit> {
        config::load(&self.config, self.overlay.as_deref()).map_err(|diagnostics| {
            out::unusable(&diagnostics);
            Exit::Config
        })
    }

    /// What can be read of the plan, and the mistakes.
    pub(super) fn readable_plan(&self) -> (Plan, Diagnostics) {
        config::load_what_can_be_read(&self.config, self.overlay.as_deref())
    }

    /// The plan in scaled time, or how the command ends without one.
    pub(super) fn scaled_plan(&self, scale: Scale) -> Result<Plan, Exit> {
        self.plan()?.scaled(scale).map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Config
        })
    }
}

/// The files, and the ledger that is read.
#[derive(Debug, clap::Args)]
pub(super) struct LedgerFiles {
    #[command(flatten)]
    files: Files,
    /// The ledger's file, instead of the one in the agent's file; to read, a copy will do
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl LedgerFiles {
    /// The plan in real time, with the ledger that is named.
    pub(super) fn plan(&self) -> Result<Plan, Exit> {
        self.files.plan().map(|plan| self.with_ledger(plan))
    }

    /// What can be read of the plan, for a command that only reads the ledger: mistakes elsewhere do not matter.
    pub(super) fn readable_plan(&self) -> Result<Plan, Exit> {
        self.readable().map(|(plan, _)| plan)
    }

    /// The same, with the mistakes.
    pub(super) fn readable(&self) -> Result<(Plan, Diagnostics), Exit> {
        let (plan, diagnostics) = self.files.readable_plan();
        let plan = self.with_ledger(plan);
        // Where the files are mistaken in its path too, what was read is the default or nothing.
        let is_named = self.ledger.is_some();
        if !is_named && diagnostics.has_errors() && !plan.settings.ledger.exists() {
            out::unusable(&diagnostics);
            return Err(Exit::Config);
        }
        Ok((plan, diagnostics))
    }

    /// The ledger's file alone, for a command that replaces it: where it is not named, the files have no mistakes.
    pub(super) fn sure_path(&self) -> Result<PathBuf, Exit> {
        match &self.ledger {
            Some(path) => Ok(path.clone()),
            None => self.files.plan().map(|plan| plan.settings.ledger),
        }
    }

    /// The same in scaled time.
    pub(super) fn scaled_plan(&self, scale: Scale) -> Result<Plan, Exit> {
        let plan = self.files.scaled_plan(scale);
        plan.map(|plan| self.with_ledger(plan))
    }

    fn with_ledger(&self, mut plan: Plan) -> Plan {
        if let Some(path) = &self.ledger {
            plan.settings.ledger.clone_from(path);
        }
        plan
    }
}

/// The probe of a journey at a partner, or how the command ends without one.
pub(super) fn probe_of<'p>(
    plan: &'p Plan,
    journey: &str,
    partner: &str,
) -> Result<&'p Probe, Exit> {
    let id = ProbeId {
        partner: PartnerId::new(partner),
        journey: JourneyId::new(journey),
    };
    plan.probes.get(&id).ok_or_else(|| {
        let known: Vec<_> = plan.probes.keys().map(ToString::to_string).collect();
        out::print_error(&format!("{id} is no probe. Probes: {}", known.join(", ")));
        Exit::Usage
    })
}
