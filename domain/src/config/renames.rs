//! A renamed partner or probe goes on with the history of its old name, which nobody else may have.

use std::sync::Arc;

use super::diagnostic::SourceFile;
use super::formerly::{Claim, Was};
use super::reading::Reading;
use super::tree::Spanned;
use crate::model::{JourneyId, PartnerId, ProbeId};

impl Reading {
    /// Notes that a partner was called something else.
    pub(super) fn partner_was(
        &mut self,
        source: &Arc<SourceFile>,
        names: &[Spanned<String>],
        is: &PartnerId,
    ) {
        let claims = names.iter().map(|one| Claim {
            source: Arc::clone(source),
            span: one.span.clone(),
            was: Was::Partner(PartnerId::new(one.value.as_str()), is.clone()),
        });
        self.claims.extend(claims);
    }

    /// Notes that a probe's journey was called something else.
    pub(super) fn probe_was(
        &mut self,
        source: &Arc<SourceFile>,
        names: &[Spanned<String>],
        is: &ProbeId,
    ) {
        let claims = names.iter().map(|one| {
            let old = ProbeId {
                partner: is.partner.clone(),
                journey: JourneyId::new(one.value.as_str()),
            };
            Claim {
                source: Arc::clone(source),
                span: one.span.clone(),
                was: Was::Probe(old, is.clone()),
            }
        });
        self.claims.extend(claims);
    }

    /// Brings the old names into the plan once every file is read: one that lives, or that two claim, has
    /// no single history to carry on.
    pub(super) fn renames(&mut self) {
        for claim in std::mem::take(&mut self.claims) {
            let mistake = match &claim.was {
                Was::Partner(old, new) => {
                    let lives = self.plan.partners.contains_key(old);
                    let twice = self.plan.renames.partners.insert(old.clone(), new.clone());
                    let is_twice = twice.is_some_and(|one| one != *new);
                    mistake(old.as_str(), "partner", Wrong::of(lives, || is_twice))
                }
                Was::Probe(old, new) => {
                    let lives = self.plan.probes.contains_key(old);
                    let twice = self.plan.renames.probes.insert(old.clone(), new.clone());
                    let is_twice = twice.is_some_and(|one| one != *new);
                    mistake(old.journey.as_str(), "probe", Wrong::of(lives, || is_twice))
                }
            };
            if let Some((what, help)) = mistake {
                self.diagnostics
                    .add(&claim.source, Some(claim.span), what, help);
            }
        }
    }
}

/// Why an old name has no single history to carry on.
enum Wrong {
    Lives,
    ClaimedTwice,
}

impl Wrong {
    fn of(lives: bool, is_twice: impl FnOnce() -> bool) -> Option<Self> {
        if lives {
            return Some(Self::Lives);
        }
        is_twice().then_some(Self::ClaimedTwice)
    }
}

/// What is wrong with an old name of a partner or a probe, and the fix.
fn mistake(old: &str, of: &str, wrong: Option<Wrong>) -> Option<(String, String)> {
    Some(match wrong? {
        Wrong::Lives => (
            format!("`formerly` names \"{old}\", a {of} that is still watched"),
            format!("take the {of} \"{old}\" out, or the name here"),
        ),
        Wrong::ClaimedTwice => (
            format!("`formerly` names \"{old}\", which another {of} claims too"),
            format!("leave \"{old}\" with the one {of} that goes on with its history"),
        ),
    })
}
