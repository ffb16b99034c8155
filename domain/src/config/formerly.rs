//! `formerly = ["old-id"]` in a file: what a partner or a probe was called before.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::SourceFile;
use super::id::is_id;
use super::tree::{Spanned, Table};
use crate::model::{PartnerId, ProbeId};

/// Reads the old names in a table of a partner or of a probe.
pub(super) fn read(table: &Table<'_>) -> Vec<Spanned<String>> {
    let mut names = Vec::new();
    for one in table.texts("formerly") {
        if !is_id(one.value) {
            let what = format!("\"{}\" cannot have been an id", one.value);
            table.report(one.span, what, "write up to 40 of a-z, 0-9 and -");
            continue;
        }
        names.push(Spanned {
            value: one.value.to_owned(),
            span: one.span,
        });
    }
    names
}

/// An old name and who has it now, with its place in a file.
pub(super) struct Claim {
    pub(super) source: Arc<SourceFile>,
    pub(super) span: Range<usize>,
    pub(super) was: Was,
}

/// What was called something else: its old id and its present one.
pub(super) enum Was {
    /// A partner.
    Partner(PartnerId, PartnerId),
    /// A probe; the old one already under its partner's present id.
    Probe(ProbeId, ProbeId),
}
