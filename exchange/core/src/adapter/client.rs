//! A partner's client: requests with a token.

use std::sync::Arc;
use std::time::Duration;

use exchange_kit::clock::Clock;

use super::call::{Call, CallFailure, CallResult, Sink};
use super::directory::{Directory, Partner};
use super::token::Tokens;
use super::wire::Wire;

/// Sends requests to one partner.
pub struct Client {
    /// Which one.
    pub partner: Partner,
    /// Its connections, for requests without a token.
    pub wire: Wire,
    tokens: Tokens,
}

impl Client {
    /// A client of `partner` that waits so long for an answer.
    pub fn of(directory: &Directory, partner: &Partner, clock: Clock, patience: Duration) -> Self {
        Self {
            partner: partner.clone(),
            wire: Wire {
                tls: Arc::clone(&directory.tls),
                patience,
            },
            tokens: Tokens::new(clock),
        }
    }

    /// Sends a request with a token for `scope`. A refused token is replaced by a new one, once.
    pub async fn ask(
        &self,
        scope: &str,
        call: Call,
        sink: impl Fn() -> Option<Sink>,
    ) -> CallResult {
        for is_last in [false, true] {
            let token = match self.tokens.get(&self.wire, &self.partner, scope).await {
                Ok(token) => token,
                Err(broken) => return CallResult::Failed(broken),
            };
            let Some(sink) = sink() else {
                return CallResult::Failed(CallFailure::Ours);
            };
            let seen = self
                .wire
                .send(call.clone().bearing(Some(token.clone())), sink)
                .await;
            if seen.status() != Some(401) || is_last {
                return seen;
            }
            self.tokens.forget(scope, &token);
        }
        CallResult::Failed(CallFailure::NoToken(None))
    }

    /// The key id under which we sign in.
    pub fn kid(&self) -> &str {
        &self.partner.kid
    }
}
