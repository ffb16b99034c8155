//! What the checks of partners' files share: the plan so far, and the mistakes found.

use std::ops::Range;

use super::complaint::Complaints;
use super::partner::PartnerFile;
use super::sources::Unread;
use crate::model::Plan;

/// The plan while partners are added to it.
pub(super) struct Reading {
    pub(super) plan: Plan,
    pub(super) complaints: Complaints,
    pub(super) unread_journeys: Unread,
    pub(super) unread_members: Unread,
    pub(super) unread_partners: Unread,
}

impl Reading {
    /// Notes a mistake in a partner's file.
    pub(super) fn complain(
        &mut self,
        file: &PartnerFile,
        span: &Range<usize>,
        what: String,
        cure: impl Into<String>,
    ) {
        self.complaints
            .add(&file.source, Some(span.clone()), what, cure);
    }
}
