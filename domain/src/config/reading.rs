//! What the checks of partners' files share: the plan so far, and the mistakes found.

use std::ops::Range;

use super::diagnostic::Diagnostics;
use super::formerly::Claim;
use super::partner::PartnerFile;
use super::sources::UnreadFiles;
use crate::model::Plan;

/// The plan while partners are added to it.
pub(super) struct Reading {
    pub(super) plan: Plan,
    pub(super) diagnostics: Diagnostics,
    pub(super) unread_journeys: UnreadFiles,
    pub(super) unread_members: UnreadFiles,
    pub(super) unread_partners: UnreadFiles,
    /// Old names, until every file is read.
    pub(super) claims: Vec<Claim>,
}

impl Reading {
    /// Notes a mistake in a partner's file.
    pub(super) fn report(
        &mut self,
        file: &PartnerFile,
        span: &Range<usize>,
        what: String,
        help: impl Into<String>,
    ) {
        self.diagnostics
            .add(&file.source, Some(span.clone()), what, help);
    }
}
