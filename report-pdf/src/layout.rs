//! Blocks one below the other, on as many pages as they need, each with its head and foot.

use super::block::{Bars, Block, Document, Grid, Style, Table, Text};
use super::error::Unprintable;
use super::font::Fonts;
use super::sheet::{Child, Chunk, Mark, Meaning, RULE, SOFT, Shape, Sheets};

/// A document on pages.
pub(crate) struct Layout {
    pub(crate) pages: Vec<Vec<Chunk>>,
    pub(crate) tree: Vec<Child>,
    pub(crate) outline: Vec<Mark>,
}

/// Lays a document out.
///
/// # Errors
/// A text that cannot be set.
pub(crate) fn layout(document: &Document, fonts: &Fonts) -> Result<Layout, Unprintable> {
    check(document, fonts)?;
    let mut sheets = Sheets::new(document.page, fonts);
    let mut blocks = document.blocks.as_slice();
    while let [block, later @ ..] = blocks {
        sheets.need(start(&sheets, blocks));
        add(&mut sheets, block);
        blocks = later;
    }
    furnish(&mut sheets, document);
    Ok(Layout {
        pages: sheets.pages,
        tree: sheets.tree,
        outline: sheets.outline,
    })
}

fn add(sheets: &mut Sheets<'_>, block: &Block) {
    match block {
        Block::Heading(level, text) => sheets.heading(*level, text),
        Block::Paragraph(size, text) => sheets.paragraph(*size, text),
        Block::List(items) => sheets.list(items),
        Block::KeyValues(pairs) => sheets.key_values(pairs),
        Block::Table(table) => sheets.table(table),
        Block::Bars(bars) => sheets.bars(bars),
        Block::Grid(grid) => sheets.squares(grid),
        Block::Note(tone, text) => sheets.note(*tone, text),
        Block::Commands(lines) => sheets.commands(lines),
        Block::PageBreak => {
            if !sheets.is_fresh() {
                sheets.break_page();
            }
        }
    }
}

/// How much of the next blocks must stand on one page: a heading is never the last line of one.
fn start(sheets: &Sheets<'_>, blocks: &[Block]) -> f32 {
    const TWO_LINES: f32 = 28.0;
    match blocks {
        [Block::Heading(level, text), later @ ..] => {
            sheets.heading_height(*level, text) + start(sheets, later)
        }
        [Block::Table(table), ..] => sheets.table_start(table),
        [Block::Bars(_), ..] => sheets.bars_height(),
        [Block::Grid(grid), ..] => sheets.squares_height(grid),
        [Block::Note(..), ..] => 2.0 * TWO_LINES,
        // A remark belongs to what it stands above.
        [Block::Paragraph(..), Block::Table(table), ..] => TWO_LINES + sheets.table_start(table),
        [Block::Paragraph(..), Block::Bars(_), ..] => TWO_LINES + sheets.bars_height(),
        [Block::Paragraph(..), Block::Grid(grid), ..] => TWO_LINES + sheets.squares_height(grid),
        [
            Block::Paragraph(..) | Block::List(_) | Block::KeyValues(_) | Block::Commands(_),
            ..,
        ] => TWO_LINES,
        [Block::PageBreak, ..] | [] => 0.0,
    }
}

/// The head of every page but the first, and the foot with the number of the page.
fn furnish(sheets: &mut Sheets<'_>, document: &Document) {
    const SIZE: f32 = 8.0;
    let all = sheets.pages.len();
    let (left, right) = (sheets.left(), sheets.left() + sheets.width());
    let bottom = sheets.size.1 - 34.0;
    let fonts = sheets.fonts;
    let text = |at, text: &str| Shape::Text {
        at,
        size: SIZE,
        style: Style::Soft,
        colour: SOFT,
        text: text.to_owned(),
    };
    let number_width = |number: &str| fonts.regular.width(number, SIZE);
    for (place, page) in sheets.pages.iter_mut().enumerate() {
        let number = format!("{} of {all}", place + 1);
        let room = right - left - number_width(&number) - 20.0;
        let foot = vec![
            Shape::line((left, bottom - 12.0), (right, bottom - 12.0), 0.5, RULE),
            text(
                (left, bottom),
                &shortened(fonts, &document.foot, SIZE, room),
            ),
            text((right - number_width(&number), bottom), &number),
        ];
        page.push(Chunk {
            meaning: Meaning::Foot,
            shapes: foot,
        });
        if place > 0 {
            let title = shortened(fonts, &document.title, SIZE, right - left);
            page.push(Chunk {
                meaning: Meaning::Head,
                shapes: vec![
                    text((left, 40.0), &title),
                    Shape::line((left, 46.0), (right, 46.0), 0.5, RULE),
                ],
            });
        }
    }
}

/// A text that fits a line, with dots where it was cut.
fn shortened(fonts: &Fonts, text: &str, size: f32, width: f32) -> String {
    let lines = fonts.lines(&Text::from(text), size, width - 8.0);
    let first: String = lines
        .iter()
        .take(1)
        .flat_map(|line| line.runs.iter().map(|run| run.text.as_str()))
        .collect();
    match lines.len() {
        1 => first,
        _ => format!("{}…", first.trim_end()),
    }
}

/// Every text of a document can be set.
fn check(document: &Document, fonts: &Fonts) -> Result<(), Unprintable> {
    let mut texts = vec![document.title.clone(), document.foot.clone()];
    for block in &document.blocks {
        match block {
            Block::Heading(_, text) | Block::Paragraph(_, text) | Block::Note(_, text) => {
                texts.push(text.words());
            }
            Block::List(items) => texts.extend(items.iter().map(Text::words)),
            Block::KeyValues(pairs) => {
                for (key, value) in pairs {
                    texts.extend([key.clone(), value.words()]);
                }
            }
            Block::Table(table) => texts.extend(of_table(table)),
            Block::Bars(Bars { bars, .. }) => texts.extend(bars.iter().map(|bar| bar.0.clone())),
            Block::Grid(Grid { heads, rows, .. }) => {
                texts.extend(heads.iter().cloned());
                texts.extend(rows.iter().map(|row| row.0.clone()));
            }
            Block::Commands(lines) => texts.extend(lines.iter().cloned()),
            Block::PageBreak => {}
        }
    }
    texts.iter().try_for_each(|text| fonts.check(text))
}

fn of_table(table: &Table) -> Vec<String> {
    let mut texts: Vec<String> = table.caption.iter().cloned().collect();
    texts.extend(table.columns.iter().map(|column| column.head.clone()));
    for cell in table.rows.iter().flatten() {
        texts.push(cell.text.words());
        texts.extend(cell.below.clone());
    }
    texts
}
