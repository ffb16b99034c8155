//! What a step may refer to: what the steps before it offer.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CaptureKind, StepId};

/// What earlier steps offer to later ones.
#[derive(Default)]
pub(super) struct Known {
    pub(super) steps: BTreeSet<String>,
    pub(super) captures: BTreeMap<String, CaptureKind>,
    pub(super) verbs: BTreeMap<String, &'static str>,
    pub(super) submit_tokens: BTreeMap<String, StepId>,
    pub(super) last_token: Option<StepId>,
    /// Steps with a mistake: what refers to them is not judged, since its help is theirs.
    pub(super) broken: BTreeSet<String>,
    pub(super) has_broken_token: bool,
    pub(super) has_match_result: bool,
}
