//! The input of a run, and what the run reports about jobs while it goes on.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    FamilyWanted, Job, Journey, Member, MemberSet, Origin, Partner, PartnerId, RunId,
};
use outrider_domain::secret::HashKey;
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::tokens::Tokens;

/// One run to be made.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// The run's id.
    pub id: RunId,
    /// Why it runs.
    pub origin: Origin,
    /// When it was intended.
    pub due_at: DateTime<Utc>,
    /// The partner.
    pub partner: &'a Partner,
    /// The journey.
    pub journey: &'a Journey,
    /// What the schedule knows of the tick that it runs for; none beside the schedule.
    pub tick: Option<TickContext<'a>>,
    /// The journey's deadline.
    pub deadline: Duration,
    /// The time of one request unless a step says otherwise.
    pub timeout: Duration,
    /// The member it carries, with the set that holds it.
    pub member: Option<(&'a Member, &'a MemberSet)>,
    /// How the partner is reached.
    pub client: &'a Client,
    /// The family of addresses that requests go to.
    pub family: FamilyWanted,
    /// A request that the agent itself delayed for longer is marked `agent_delayed`.
    pub own_delay_max: Duration,
    /// What values are hashed by that the oracle does not know.
    pub hash_key: &'a HashKey,
    /// Tokens that are kept from run to run.
    pub tokens: &'a Tokens,
    /// The clock.
    pub clock: &'a Clock,
    /// Where jobs are journalled.
    pub jobs: &'a mpsc::Sender<JobNote>,
}

/// What the schedule knows of the tick of a run. The run's record holds it.
#[derive(Clone, Copy)]
pub struct TickContext<'a> {
    /// A run that starts later than this after its tick was due is marked `agent_delayed`.
    pub late_after: Duration,
    /// A calendar leaves the tick out of the SLA.
    pub excluded: bool,
    /// Ends the run for the schedule, and returns the ticks that found it still going. Called once,
    /// after the last step and before the run is judged.
    pub leave: &'a (dyn Fn() -> u32 + Sync),
}

impl fmt::Debug for TickContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TickContext")
            .field("late_after", &self.late_after)
            .field("excluded", &self.excluded)
            .finish_non_exhaustive()
    }
}

/// What a run reports about jobs, and asks about them.
#[derive(Debug)]
pub enum JobNote {
    /// A job was opened. Answered once that is durable; the location is not used before.
    Opened(Job, oneshot::Sender<bool>),
    /// A job was released, or is known to be gone.
    Released {
        /// Its status URL.
        location: String,
    },
    /// Whether another job of ours is open at a partner.
    OthersOpen {
        /// The partner.
        partner: PartnerId,
        /// The run that asks; its own jobs do not count.
        run: RunId,
        /// The answer.
        answer: oneshot::Sender<bool>,
    },
}
