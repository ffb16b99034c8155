//! Pages being filled from the top down, and the tree of what stands on them.

use super::block::{PageSize, Style};
use super::font::Fonts;
use super::wrap::Line;

/// Left and right of the text.
const SIDE: f32 = 51.0;
/// Above it; the running head stands there.
const TOP: f32 = 62.0;
/// Below it; the foot stands there.
const BOTTOM: f32 = 60.0;

/// A colour as red, green and blue.
pub(crate) type Colour = (u8, u8, u8);

pub(crate) const INK: Colour = (0x17, 0x20, 0x2b);
/// Text that matters less: 6 to 1 against white.
pub(crate) const SOFT: Colour = (0x55, 0x61, 0x6f);
pub(crate) const RULE: Colour = (0xc3, 0xcb, 0xd4);
pub(crate) const CARD: Colour = (0xf3, 0xf5, 0xf8);
pub(crate) const GOOD: Colour = (0x1f, 0x7a, 0x8c);
pub(crate) const BAD: Colour = (0x8f, 0x1d, 0x1d);
pub(crate) const WHITE: Colour = (0xff, 0xff, 0xff);

/// A point: from the left, from the top.
pub(crate) type Point = (f32, f32);

/// What is drawn. Lengths are points, from the upper left corner of the page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Text from a point on its base line.
    Text {
        at: Point,
        size: f32,
        style: Style,
        colour: Colour,
        text: String,
    },
    /// A filled rectangle: its upper left corner, its width and height.
    Fill {
        at: Point,
        of: Point,
        colour: Colour,
    },
    /// Lines through points.
    Stroke {
        through: Vec<Point>,
        width: f32,
        colour: Colour,
        is_dashed: bool,
    },
    /// A disc around a point.
    Disc {
        at: Point,
        radius: f32,
        colour: Colour,
    },
}

impl Shape {
    /// A line from here to there.
    pub(crate) fn line(from: Point, to: Point, width: f32, colour: Colour) -> Self {
        let through = vec![from, to];
        let is_dashed = false;
        Self::Stroke {
            through,
            width,
            colour,
            is_dashed,
        }
    }
}

/// What shapes are to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Content, with its number in the order of drawing.
    Leaf(usize),
    /// The head of the page.
    Head,
    /// The foot of the page.
    Foot,
    /// What stands again on each page.
    Repeated,
    /// Lines and backgrounds.
    Decoration,
}

/// Shapes that mean one thing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) meaning: Meaning,
    pub(crate) shapes: Vec<Shape>,
}

/// What an element is to a reader (the structure types of ISO 32000-1, 14.8.4).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    Heading(u16, String),
    Paragraph,
    Code,
    List,
    Terms,
    Item,
    Label,
    Body,
    Table,
    Caption,
    TableHead,
    TableBody,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    Figure(String),
}

/// A node of the tree of meaning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) role: Role,
    pub(crate) children: Vec<Child>,
}

impl Element {
    pub(crate) fn new(role: Role, children: Vec<Child>) -> Self {
        Self { role, children }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Child {
    Element(Element),
    /// The number of a [`Meaning::Leaf`].
    Leaf(usize),
}

/// A place in the outline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) level: u16,
    pub(crate) title: String,
    pub(crate) page: usize,
    pub(crate) at: Point,
}

/// The pages so far, and where the next line goes.
pub(crate) struct Sheets<'f> {
    pub(crate) fonts: &'f Fonts,
    pub(crate) pages: Vec<Vec<Chunk>>,
    pub(crate) tree: Vec<Child>,
    pub(crate) outline: Vec<Mark>,
    pub(crate) size: Point,
    /// From the top of the page to where the next block begins.
    pub(crate) y: f32,
    leaves: usize,
}

impl<'f> Sheets<'f> {
    pub(crate) fn new(page: PageSize, fonts: &'f Fonts) -> Self {
        Self {
            fonts,
            pages: vec![Vec::new()],
            tree: Vec::new(),
            outline: Vec::new(),
            size: page.points(),
            y: TOP,
            leaves: 0,
        }
    }

    pub(crate) fn left(&self) -> f32 {
        SIDE
    }

    /// Of the text.
    pub(crate) fn width(&self) -> f32 {
        self.size.0 - 2.0 * SIDE
    }

    /// Of the text on an empty page.
    pub(crate) fn height(&self) -> f32 {
        self.size.1 - TOP - BOTTOM
    }

    /// What is left of this page.
    pub(crate) fn remaining(&self) -> f32 {
        self.size.1 - BOTTOM - self.y
    }

    /// Whether nothing stands on the page yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.y <= TOP
    }

    pub(crate) fn break_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Goes to a new page unless so much fits on this one.
    pub(crate) fn need(&mut self, height: f32) {
        if height > self.remaining() && !self.is_fresh() {
            self.break_page();
        }
    }

    /// Space before a block, but not at the top of a page.
    pub(crate) fn space(&mut self, height: f32) {
        if !self.is_fresh() {
            self.y += height;
        }
    }

    /// Draws content; a leaf of the tree.
    pub(crate) fn content(&mut self, shapes: Vec<Shape>) -> Child {
        let leaf = self.leaves;
        self.leaves += 1;
        self.draw(Meaning::Leaf(leaf), shapes);
        Child::Leaf(leaf)
    }

    pub(crate) fn draw(&mut self, meaning: Meaning, shapes: Vec<Shape>) {
        if let Some(page) = self.pages.last_mut() {
            page.push(Chunk { meaning, shapes });
        }
    }

    /// A line of text in a box of the height `leading` whose top is at `top`.
    pub(crate) fn set(
        &self,
        line: &Line,
        (left, top): Point,
        size: f32,
        leading: f32,
    ) -> Vec<Shape> {
        // Half of the height of a capital letter below the middle.
        let base = top + leading / 2.0 + size * 0.36;
        let mut x = left;
        let mut shapes = Vec::new();
        for run in &line.runs {
            let colour = match run.style {
                Style::Soft => SOFT,
                Style::Plain | Style::Bold => INK,
            };
            shapes.push(Shape::Text {
                at: (x, base),
                size,
                style: run.style,
                colour,
                text: run.text.clone(),
            });
            x += self.fonts.face(run.style).width(&run.text, size);
        }
        shapes
    }

    /// Sets lines one below the other from `top` on; nothing of empty ones.
    pub(crate) fn column(
        &mut self,
        lines: &[Line],
        (left, top): Point,
        size: f32,
        leading: f32,
    ) -> Vec<Child> {
        let mut children = Vec::new();
        let mut y = top;
        for line in lines {
            let shapes = self.set(line, (left, y), size, leading);
            if !shapes.is_empty() {
                children.push(self.content(shapes));
            }
            y += leading;
        }
        children
    }
}
