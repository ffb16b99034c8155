//! `outrider once`: one run, outside every count.

use outrider_domain::clock::Clock;
use outrider_domain::model::{
    Baseline, Member, MemberSet, Origin, Outcome, Owner, Plan, Probe, RunId, RunRecord,
};
use outrider_domain::secret::HashKey;
use outrider_domain::{schedule, view};
use tokio::sync::mpsc;

use super::exit::Exit;
use super::files::{Files, probe_of};
use super::out;
use super::runtime::single_run_runtime;
use crate::journey::{
    Client, JobNote, OrphanRelease, Resolver, RunRequest, TokenAllowance, Tokens, release_orphan,
    run_with_baseline,
};

/// Notes about jobs that wait.
const JOB_NOTES_MAX: usize = 4;

/// What `once` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Once {
    /// The journey: the id of a file in probes/
    journey: String,
    /// The partner: the id of a file in partners/
    #[arg(long)]
    partner: String,
    /// The member to carry, instead of the one whose turn it is
    #[arg(long)]
    member: Option<String>,
    #[command(flatten)]
    files: Files,
    /// One JSON document instead of the waterfall
    #[arg(long)]
    json: bool,
}

impl Once {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let probe = probe_of(&plan, &self.journey, &self.partner)?;
        let runtime = single_run_runtime()?;
        let clock = Clock::real();
        let member = self.member(&plan, probe, &clock)?;
        let Some(SingleRun { record, .. }) =
            runtime.block_on(run_once(&plan, probe, member, &clock))
        else {
            return Err(Exit::CouldNotLook);
        };
        if self.json {
            out::say(&view::run_whole(None, &record).to_string());
        } else {
            out::say(view::waterfall(&record, out::paint()).trim_end());
        }
        Ok(exit(&record))
    }

    fn member<'a>(
        &self,
        plan: &'a Plan,
        probe: &Probe,
        clock: &Clock,
    ) -> Result<Option<(&'a Member, &'a MemberSet)>, Exit> {
        let Some(set) = probe.members.as_ref().and_then(|set| plan.members.get(set)) else {
            if self.member.is_some() {
                out::print_error(&format!("{} carries no member", probe.id));
                return Err(Exit::Usage);
            }
            return Ok(None);
        };
        let Some(wanted) = &self.member else {
            let now = clock.now();
            // Where ticks have no number of their own, any member will do.
            let number = probe
                .number_of(now)
                .unwrap_or(now.timestamp().unsigned_abs());
            let member = schedule::member_of(probe, set, number);
            return Ok(member.map(|member| (member, set)));
        };
        let found = set
            .members
            .iter()
            .find(|member| member.id.as_str() == wanted);
        found.map(|member| Some((member, set))).ok_or_else(|| {
            let known: Vec<_> = set
                .members
                .iter()
                .map(|member| member.id.as_str())
                .collect();
            out::print_error(&format!(
                "no member \"{wanted}\". Members: {}",
                known.join(", ")
            ));
            Exit::Usage
        })
    }
}

/// Exit 4 is for the partner alone: what failed on the way to it said nothing about it.
pub(super) fn exit(record: &RunRecord) -> Exit {
    let owner = record.verdict.blame.as_ref().map(|blame| blame.owner);
    match (record.outcome, owner) {
        (Outcome::Passed | Outcome::PassedOnRetry, _) => Exit::Fine,
        (Outcome::Failed, Some(Owner::Path | Owner::Agent))
        | (Outcome::AgentFault | Outcome::Inconclusive, _) => Exit::CouldNotLook,
        (Outcome::Failed, Some(Owner::Partner) | None) => Exit::Partner,
    }
}

/// The record of a single run, and the shapes of its records.
pub(super) struct SingleRun {
    pub(super) record: RunRecord,
    /// The shape of the records that were read.
    pub(super) shapes: Option<Baseline>,
}

/// Walks; none when a person stops it. Jobs that are open then are released first.
pub(super) async fn run_once(
    plan: &Plan,
    probe: &Probe,
    member: Option<(&Member, &MemberSet)>,
    clock: &Clock,
) -> Option<SingleRun> {
    let partner = &plan.partners[&probe.id.partner];
    let client = Client::new(partner, &plan.settings, &Resolver::new(&plan.settings));
    let (jobs, mut told) = mpsc::channel(JOB_NOTES_MAX);
    let tokens = Tokens::new();
    let Some(hash_key) = HashKey::read_or_random(&plan.settings.hash_key_file()) else {
        out::print_error("outrider: the machine gives no random numbers");
        return None;
    };
    let request = RunRequest {
        id: RunId::new(uuid::Uuid::new_v4().to_string()),
        origin: Origin::Once,
        due_at: clock.now(),
        tick: None,
        partner,
        journey: &plan.journeys[&probe.id.journey],
        deadline: probe.deadline,
        timeout: probe.timeout,
        member,
        client: &client,
        family: probe.family,
        own_delay_max: plan.settings.own_delay_max,
        hash_key: &hash_key,
        tokens: &tokens,
        clock,
        jobs: &jobs,
    };
    let mut open = Vec::new();
    let mut running = std::pin::pin!(run_with_baseline(&request));
    loop {
        tokio::select! {
            (record, shapes) = &mut running => return Some(SingleRun { record, shapes }),
            note = told.recv() => match note {
                Some(JobNote::Opened(job, durable)) => {
                    open.push(job);
                    let _gone = durable.send(true);
                }
                Some(JobNote::OthersOpen { answer, .. }) => {
                    let _gone = answer.send(false);
                }
                Some(JobNote::Released { location }) => open.retain(|job| job.location != location),
                None => {}
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    let allowance = TokenAllowance {
        tokens: &tokens,
        may_ask: true,
    };
    for job in &open {
        let is_released = release_orphan(&client, clock, partner, job, allowance).await;
        let told = if is_released == OrphanRelease::Released {
            "released"
        } else {
            "could not release"
        };
        out::print_error(&format!("stopped: {told} a job that was open"));
    }
    None
}
