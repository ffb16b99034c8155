//! What a document is made of.

/// A document with all that a PDF says of itself.
#[derive(Clone, Debug)]
pub struct Document {
    /// The title: of the window, of the metadata, and above every page but the first.
    pub title: String,
    /// The language of its text as a tag of RFC 5646, such as `en`.
    pub language: String,
    /// Who wrote it.
    pub author: String,
    /// The program that made it.
    pub creator: String,
    /// The day that its metadata and attachments carry.
    pub date: Date,
    /// What tells this document from every other one; the PDF's document id is a digest of it.
    pub identity: String,
    /// Below every page, before the number of the page.
    pub foot: String,
    /// The paper.
    pub page: PageSize,
    /// What stands on it.
    pub blocks: Vec<Block>,
    /// Files that it carries.
    pub attachments: Vec<Attachment>,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Up to 9999.
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

/// A size of paper, upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 210 × 297 mm.
    A4,
    /// 8.5 × 11 in.
    Letter,
}

impl PageSize {
    /// Width and height in points.
    pub(crate) fn points(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.28, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }
}

/// A file that a document carries.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type, such as `application/json`.
    pub media_type: String,
    /// What it is, for people.
    pub description: String,
    /// What it is to the document.
    pub relation: Relation,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What an attachment is to its document (`AFRelationship` of ISO 19005-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The document was made from it.
    Source,
    /// It adds to the document.
    Supplement,
}

/// One part of a document, from the top of a page down.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading; it also stands in the outline.
    Heading(Level, Text),
    /// A paragraph.
    Paragraph(Size, Text),
    /// A list with a dot before each item.
    List(Vec<Text>),
    /// Terms, and what belongs to each.
    KeyValues(Vec<(String, Text)>),
    /// A table.
    Table(Table),
    /// A chart of bars.
    Bars(Bars),
    /// A chart of squares.
    Grid(Grid),
    /// A sentence that stands out, in a box.
    Note(Tone, Text),
    /// Lines that a reader types, as they are.
    Commands(Vec<String>),
    /// What follows begins on a new page.
    PageBreak,
}

/// How deep a heading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The title.
    One,
    /// A chapter.
    Two,
    /// A part of a chapter.
    Three,
}

/// How large a paragraph is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As a reader reads.
    Body,
    /// A remark.
    Small,
}

/// Text in one or more styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

/// Text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// How it looks.
    pub style: Style,
    /// The words; any white space is a space.
    pub text: String,
}

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Heavier.
    Bold,
    /// Paler.
    Soft,
}

impl Text {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With more of it.
    #[must_use]
    pub fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push(Span {
            style,
            text: text.into(),
        });
        self
    }

    /// The words without their styles.
    pub fn words(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new().with(Style::Plain, text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new().with(Style::Plain, text)
    }
}

/// The colour of something good, bad, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Neither.
    Open,
}

/// A table. The first column names its rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Above it.
    pub caption: Option<String>,
    /// Its columns with their heads, which stand again on each page.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its head.
    pub head: String,
    /// Where its cells stand.
    pub align: Align,
}

/// Where text stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Drawn before its text, which says the same in words.
    pub sign: Option<Sign>,
    /// Its text.
    pub text: Text,
    /// On lines of its own below.
    pub below: Option<String>,
}

impl<T: Into<Text>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// A sign whose form tells it apart, not its colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A filled disc.
    Disc,
    /// A cross.
    Cross,
    /// An empty circle.
    Circle,
    /// A hatched square.
    Hatch,
    /// A dash.
    Dash,
}

/// Bars above and below a line at 0.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows, for somebody who cannot see it.
    pub alternative: String,
    /// One for each bar: a label, which may be empty, and how high it is.
    pub bars: Vec<(String, i64)>,
}

/// Rows of squares with names.
#[derive(Clone, Debug)]
pub struct Grid {
    /// What it shows, for somebody who cannot see it.
    pub alternative: String,
    /// One for each column.
    pub heads: Vec<String>,
    /// Each row with its name and a square for each column.
    pub rows: Vec<(String, Vec<Square>)>,
}

/// A square whose form tells it apart, not its colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Square {
    /// Filled.
    Filled,
    /// Outlined with a dot.
    Dotted,
    /// Filled with a cross.
    Crossed,
    /// Outlined with a circle.
    Circled,
    /// Outlined with dashes.
    Dashed,
}
