//! A document of blocks (headings, paragraphs, tables, charts) as the bytes of a PDF: for archives (PDF/A-3a, ISO
//! 19005-3), for screen readers (PDF/UA-1, ISO 14289-1), and the same bytes for the same document.
//!
//! `layout` breaks blocks into pages of shapes and a tree of what they mean; `write` hands both to `krilla`, which
//! refuses what the two standards do not allow. The crate knows nothing of what a document is about.

mod block;
mod chart;
mod error;
mod flow;
mod font;
mod layout;
#[cfg(test)]
mod layout_tests;
mod sheet;
mod table;
mod wrap;
mod write;

pub use block::{
    Align, Attachment, Bars, Block, Cell, Column, Date, Document, Grid, Level, PageSize, Relation,
    Sign, Size, Span, Square, Style, Table, Text, Tone,
};
pub use error::{PdfError, Unprintable, Why};
pub use font::printable;
