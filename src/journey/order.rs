//! What a walk is given, and what it tells while it goes on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    FamilyWanted, Job, Journey, Member, MemberSet, Origin, Partner, PartnerId, RunId,
};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::tokens::Tokens;

/// One walk to be made.
#[derive(Debug)]
pub struct Order<'a> {
    /// The run's id.
    pub run: RunId,
    /// Why it is walked.
    pub origin: Origin,
    /// When it was intended.
    pub due_at: DateTime<Utc>,
    /// Against whom.
    pub partner: &'a Partner,
    /// What.
    pub journey: &'a Journey,
    /// The journey's deadline.
    pub deadline: Duration,
    /// The time of one request unless a step says otherwise.
    pub timeout: Duration,
    /// Whom it carries.
    pub member: Option<(&'a Member, &'a MemberSet)>,
    /// How the partner is reached.
    pub client: &'a Client,
    /// The family of addresses that requests go to.
    pub family: FamilyWanted,
    /// A request that we held up for longer is contaminated.
    pub own_delay_max: Duration,
    /// Tokens that are kept from run to run.
    pub tokens: &'a Tokens,
    /// The time.
    pub clock: &'a Clock,
    /// Where jobs are journalled.
    pub jobs: &'a mpsc::Sender<JobNote>,
}

/// What a walk tells about jobs, and asks.
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
