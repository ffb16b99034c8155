//! Charts: bars above and below a line, and rows of squares. Each is one figure with words for it.

use super::block::{Bars, Grid, Square, Style};
use super::flow::count;
use super::sheet::{BAD, Child, Element, GOOD, INK, Point, RULE, Role, SOFT, Shape, Sheets, WHITE};

/// Left of the bars: the numbers of the scale.
const SCALE: f32 = 34.0;
/// Of the bars.
const HIGH: f32 = 84.0;
/// Left of the squares: their names.
const NAMES: f32 = 84.0;
/// Of the labels of both.
const LABELS: f32 = 12.0;
const LABEL_SIZE: f32 = 7.5;

impl Sheets<'_> {
    pub(crate) fn bars(&mut self, bars: &Bars) {
        self.need(self.bars_height());
        let shapes = self.bar_shapes(bars);
        let figure = self.content(shapes);
        let element = Element::new(Role::Figure(bars.alternative.clone()), vec![figure]);
        self.tree.push(Child::Element(element));
        self.y += self.bars_height();
    }

    pub(crate) fn bars_height(&self) -> f32 {
        HIGH + LABELS + 10.0
    }

    fn bar_shapes(&self, bars: &Bars) -> Vec<Shape> {
        let values = || bars.bars.iter().map(|one| one.1);
        let most = values().max().unwrap_or(0).max(0);
        let least = values().min().unwrap_or(0).min(0);
        let span = float(most.saturating_sub(least)).max(1.0);
        let (left, top) = (self.left() + SCALE, self.y + 4.0);
        let y = |value: i64| top + HIGH * (float(most.saturating_sub(value)) / span);
        let zero = y(0);
        let width = self.width() - SCALE;
        let step = width / count(bars.bars.len()).max(1.0);
        let mut shapes = Vec::new();
        let mut marks = vec![0];
        marks.extend([most, least].into_iter().filter(|one| *one != 0));
        let is_apart = |mark: &i64| *mark == 0 || (y(*mark) - zero).abs() > LABEL_SIZE;
        for mark in marks.into_iter().filter(is_apart) {
            let text = mark.to_string();
            let wide = self.fonts.regular.width(&text, LABEL_SIZE);
            shapes.push(label((left - 6.0 - wide, y(mark) + 2.7), text));
        }
        let gap = (step * 0.25).min(3.0);
        let mut free = left;
        for (place, (name, value)) in bars.bars.iter().enumerate() {
            let x = left + step * count(place);
            let (above, below) = (y((*value).max(0)), y((*value).min(0)));
            let colour = if *value < 0 { BAD } else { GOOD };
            shapes.push(Shape::Fill {
                at: (x + gap / 2.0, above),
                of: (step - gap, (below - above).max(0.6)),
                colour,
            });
            let wide = self.fonts.regular.width(name, LABEL_SIZE);
            let at = (x + (step - wide) / 2.0).min(left + width - wide);
            if !name.is_empty() && at >= free {
                shapes.push(label((at, top + HIGH + 9.0), name.clone()));
                free = at + wide + 3.0;
            }
        }
        shapes.push(Shape::Stroke {
            through: vec![(left, zero), (left + width, zero)],
            width: 1.0,
            colour: INK,
            is_dashed: true,
        });
        shapes
    }

    pub(crate) fn squares(&mut self, grid: &Grid) {
        self.need(self.squares_height(grid));
        let shapes = self.square_shapes(grid);
        let figure = self.content(shapes);
        let element = Element::new(Role::Figure(grid.alternative.clone()), vec![figure]);
        self.tree.push(Child::Element(element));
        self.y += self.squares_height(grid);
    }

    /// Of a square with the space around it.
    fn cell(&self, grid: &Grid) -> f32 {
        let columns = count(grid.heads.len()).max(1.0);
        ((self.width() - NAMES) / columns).min(16.0)
    }

    pub(crate) fn squares_height(&self, grid: &Grid) -> f32 {
        LABELS + self.cell(grid) * count(grid.rows.len()) + 6.0
    }

    fn square_shapes(&self, grid: &Grid) -> Vec<Shape> {
        let cell = self.cell(grid);
        let (left, top) = (self.left() + NAMES, self.y + LABELS);
        let mut shapes = Vec::new();
        let mut free = left;
        for (place, head) in grid.heads.iter().enumerate() {
            let wide = self.fonts.regular.width(head, LABEL_SIZE);
            let at = left + cell * count(place) + (cell - wide) / 2.0;
            if at >= free && at + wide <= self.left() + self.width() {
                shapes.push(label((at, self.y + 8.5), head.clone()));
                free = at + wide + 1.5;
            }
        }
        for (line, (name, squares)) in grid.rows.iter().enumerate() {
            let y = top + cell * count(line);
            let size = self.fitting(name, NAMES - 6.0);
            shapes.push(Shape::Text {
                at: (self.left(), y + cell / 2.0 + size * 0.36),
                size,
                style: Style::Plain,
                colour: INK,
                text: name.clone(),
            });
            for (place, square) in squares.iter().enumerate() {
                let x = left + cell * count(place);
                draw_square(&mut shapes, *square, (x + 1.0, y + 1.0), cell - 2.0);
            }
        }
        shapes
    }

    /// The size in which a name fits a width.
    fn fitting(&self, name: &str, width: f32) -> f32 {
        let wide = self.fonts.regular.width(name, 9.0);
        if wide > width {
            9.0 * width / wide
        } else {
            9.0
        }
    }
}

fn label(at: Point, text: String) -> Shape {
    Shape::Text {
        at,
        size: LABEL_SIZE,
        style: Style::Soft,
        colour: SOFT,
        text,
    }
}

fn draw_square(shapes: &mut Vec<Shape>, square: Square, (x, y): Point, side: f32) {
    let (right, bottom) = (x + side, y + side);
    let middle = (x + side / 2.0, y + side / 2.0);
    let fill = |colour| Shape::Fill {
        at: (x, y),
        of: (side, side),
        colour,
    };
    let edge = |colour, is_dashed| Shape::Stroke {
        through: vec![(x, y), (right, y), (right, bottom), (x, bottom), (x, y)],
        width: 0.9,
        colour,
        is_dashed,
    };
    let disc = |radius, colour| Shape::Disc {
        at: middle,
        radius,
        colour,
    };
    match square {
        Square::Filled => shapes.push(fill(GOOD)),
        Square::Dotted => shapes.extend([edge(GOOD, false), disc(side * 0.14, GOOD)]),
        Square::Crossed => {
            let (near, far) = (side * 0.25, side * 0.75);
            let line = |from, to| Shape::line(from, to, 1.3, WHITE);
            shapes.extend([
                fill(BAD),
                line((x + near, y + near), (x + far, y + far)),
                line((x + near, y + far), (x + far, y + near)),
            ]);
        }
        Square::Circled => shapes.extend([
            edge(RULE, false),
            disc(side * 0.28, SOFT),
            disc(side * 0.28 - 0.9, WHITE),
        ]),
        Square::Dashed => shapes.push(edge(RULE, true)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "heights of bars, whose difference no eye sees"
)]
fn float(of: i64) -> f32 {
    of as f32
}
