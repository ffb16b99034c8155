//! How each partner of the plan is reached, what is asked of it, and the tokens that it gave.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrider_domain::clock::Clock;
use outrider_domain::model::{PartnerId, Plan};

use crate::journey::{Admission, Client, RateLimiter, Resolver, Tokens};

/// A client and a rate limiter for each partner.
#[derive(Clone, Debug)]
pub(super) struct Partners {
    pub(super) clients: Arc<BTreeMap<PartnerId, Arc<Client>>>,
    limiters: BTreeMap<PartnerId, Arc<RateLimiter>>,
    /// Outlive a reload: they are kept by what they were asked with.
    pub(super) tokens: Tokens,
}

impl Partners {
    pub(super) fn new(plan: &Plan, clock: &Clock) -> Self {
        let none = Self {
            clients: Arc::default(),
            limiters: BTreeMap::new(),
            tokens: Tokens::new(),
        };
        none.of(plan, clock)
    }

    /// Those of another plan. Keys and trust are read again; what was asked stays counted.
    pub(super) fn of(&self, plan: &Plan, clock: &Clock) -> Self {
        let resolver = Resolver::new(&plan.settings);
        let clients = plan.partners.values().map(|partner| {
            let client = Client::new(partner, &plan.settings, &resolver);
            (partner.id.clone(), Arc::new(client))
        });
        let limiters = plan.partners.values().map(|partner| {
            let limiter = match self.limiters.get(&partner.id) {
                Some(limiter) => {
                    limiter.set_limits(partner.limits);
                    Arc::clone(limiter)
                }
                None => RateLimiter::new(clock.instant(), partner.limits),
            };
            (partner.id.clone(), limiter)
        });
        Self {
            clients: Arc::new(clients.collect()),
            limiters: limiters.collect(),
            tokens: self.tokens.clone(),
        }
    }

    /// Lets a run begin that is likely to make so many requests; none when the partner has not agreed to
    /// that many.
    pub(super) fn admit(
        &self,
        partner: &PartnerId,
        clock: &Clock,
        requests: u64,
    ) -> Option<Admission> {
        self.limiters.get(partner)?.admit(clock.instant(), requests)
    }

    /// How a run that was let begin reaches its partner.
    pub(super) fn client(&self, partner: &PartnerId, admission: Admission) -> Option<Client> {
        Some(self.clients.get(partner)?.admitted(admission))
    }
}
