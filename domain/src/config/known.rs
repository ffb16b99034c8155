//! What a step may refer to: what the steps before it offer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CaptureKind, StepId};

/// What earlier steps gather for checks.
#[derive(Default)]
pub(super) struct GatheredBefore {
    pub(super) match_result: bool,
    pub(super) records: bool,
}

/// What earlier steps offer to later ones.
#[derive(Default)]
pub(super) struct Known {
    pub(super) steps: BTreeSet<String>,
    pub(super) captures: BTreeMap<String, CaptureKind>,
    pub(super) verbs: BTreeMap<String, &'static str>,
    pub(super) submit_tokens: BTreeMap<String, Option<StepId>>,
    pub(super) last_token: Option<StepId>,
    /// Steps with a mistake: what refers to them is not judged, since its help is theirs.
    pub(super) broken: BTreeSet<String>,
    pub(super) has_broken_token: bool,
    /// What earlier steps gather for checks.
    pub(super) gathered: GatheredBefore,
    /// Where texts begin that were read as templates.
    pub(super) templates: RefCell<BTreeSet<usize>>,
}
