//! The blocks that the PDF of a report is made of.

use outrider_domain::sla::Verdict;
use report_pdf::{Align, Block, Cell, Column, Level, Sign, Size, Style, Table, Text};

/// The heading of a chapter.
pub(super) fn heading(text: impl Into<Text>) -> Block {
    Block::Heading(Level::Two, text.into())
}

/// A paragraph.
pub(super) fn body(text: impl Into<Text>) -> Block {
    Block::Paragraph(Size::Body, text.into())
}

/// A remark.
pub(super) fn remark(text: impl Into<String>) -> Block {
    Block::Paragraph(Size::Small, soft(text))
}

/// Paler text.
pub(super) fn soft(text: impl Into<String>) -> Text {
    Text::new().with(Style::Soft, text)
}

/// A table whose columns are named by their heads; those that begin with `#` hold numbers.
pub(super) fn table(heads: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    let columns = heads.iter().map(|head| {
        let (head, align) = match head.strip_prefix('#') {
            Some(head) => (head, Align::Right),
            None => (*head, Align::Left),
        };
        Column {
            head: head.to_owned(),
            align,
        }
    });
    Table {
        caption: None,
        columns: columns.collect(),
        rows,
    }
}

/// A figure that no line breaks: its spaces hold it together.
pub(super) fn kept(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// The sign of a verdict; of none where nothing was recorded.
pub(super) fn sign(of: Option<Verdict>) -> Sign {
    match of {
        Some(Verdict::Met) => Sign::Disc,
        Some(Verdict::Missed) => Sign::Cross,
        Some(Verdict::NotDemonstrable) => Sign::Circle,
        Some(Verdict::Excluded) => Sign::Hatch,
        None => Sign::Dash,
    }
}
