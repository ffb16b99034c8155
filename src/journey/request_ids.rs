//! What is kept of a partner's own ids of our requests. A partner may write there whatever it knows of us.

use bytes::Bytes;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use outrider_domain::model::{
    Outcome, PartnerRequestId, RequestEvidence, RequestKind, StepEvidence,
};
use outrider_domain::secret::Secret;

use super::call::Call;
use super::wire::Wire;

/// What of a request a partner could repeat.
pub(super) struct SentParts {
    body: Bytes,
    /// The fields that hold secrets.
    secrets: Vec<HeaderValue>,
}

impl SentParts {
    pub(super) fn of(call: &Call) -> Self {
        Self {
            body: call.body.clone(),
            secrets: call
                .headers
                .iter()
                .filter(|(name, value)| value.is_sensitive() || *name == AUTHORIZATION)
                .map(|(_, value)| value.clone())
                .collect(),
        }
    }

    /// Whether an id is part of what was sent, or has a secret field in it.
    fn hold(&self, id: &str) -> bool {
        let is_in = |bytes: &[u8]| bytes.windows(id.len()).any(|one| one == id.as_bytes());
        let has = |value: &HeaderValue| {
            let text = value.to_str().unwrap_or_default();
            !text.is_empty() && id.contains(text)
        };
        let mut secrets = self.secrets.iter();
        is_in(&self.body) || secrets.any(|value| is_in(value.as_bytes()) || has(value))
    }
}

impl Wire<'_> {
    /// What is kept of a partner's id of a request.
    pub(super) fn kept_request_id(
        &self,
        id: &str,
        request: &RequestEvidence,
        sent: &SentParts,
    ) -> Option<PartnerRequestId> {
        let run = self.run;
        // A sign-in sends our secret, encoded in one way or another, and its answer brings a token: either may come
        // back.
        let is_sign_in = request.kind == RequestKind::Token;
        let is_secret = |id: &str| {
            is_sign_in || sent.hold(id) || run.member.is_some_and(|(_, set)| set.is_named_in(id))
        };
        PartnerRequestId::of(id, run.id.as_str(), run.hash_key, is_secret)
    }

    /// Hides the ids of a run that ended which hold an access token. Of a run
    /// that passed none is kept: nobody asks its partner about it, and each takes more space than all else of the run.
    pub(super) fn hide_request_ids(&self, steps: &mut [StepEvidence], outcome: Outcome) {
        for step in steps {
            for request in &mut step.requests {
                if outcome == Outcome::Passed {
                    request.request_id = None;
                }
                self.hide_token(&mut request.request_id);
            }
            let values = step.findings.iter_mut().flat_map(|one| &mut one.unknown);
            values.for_each(|value| self.hide_token(&mut value.request_id));
        }
    }

    fn hide_token(&self, id: &mut Option<PartnerRequestId>) {
        let Some(PartnerRequestId::Sent(text)) = id else {
            return;
        };
        let is_in = |token: &Secret| {
            text.contains(token.reveal()) || token.reveal().contains(text.as_str())
        };
        let has_own = self.tokens.values().any(|one| is_in(&one.token));
        if has_own || self.run.tokens.any(&self.run.partner.id, is_in) {
            *id = Some(PartnerRequestId::Hidden(self.run.hash_key.hash(text)));
        }
    }
}
