//! Tables: widths of columns, rows over pages, the head again on each of them.

use super::block::{Align, Cell, Column, Sign, Style, Table, Text};
use super::flow::count;
use super::sheet::{
    BAD, Child, Element, GOOD, INK, Meaning, Point, RULE, Role, SOFT, Shape, Sheets,
};
use super::wrap::Line;

/// Left and right of a cell's text.
const PADDING: f32 = 4.0;
/// Above and below it.
const ABOVE: f32 = 3.0;
/// The place of a sign before the text.
const SIGN: f32 = 11.0;
/// Sizes of text, the first that the words of all columns fit in.
const SIZES: [f32; 3] = [9.0, 8.0, 7.0];

/// A table with the widths of its columns.
struct Grid<'t> {
    table: &'t Table,
    size: f32,
    leading: f32,
    /// For each column, from the left of the page.
    columns: Vec<(f32, f32)>,
}

/// A row in lines.
struct Row {
    cells: Vec<Vec<Line>>,
    /// None of the head.
    signs: Vec<Option<Sign>>,
    lines: usize,
}

fn element(role: Role, children: Vec<Child>) -> Child {
    Child::Element(Element::new(role, children))
}

fn head_text(column: &Column) -> Text {
    Text::new().with(Style::Bold, column.head.as_str())
}

/// What a cell says, without what stands below.
fn cell_text(cell: &Cell, is_first: bool) -> Text {
    if is_first {
        Text::new().with(Style::Bold, cell.text.words())
    } else {
        cell.text.clone()
    }
}

fn below(cell: &Cell) -> Option<Text> {
    let text = cell.below.as_ref()?;
    Some(Text::new().with(Style::Soft, text.as_str()))
}

impl Sheets<'_> {
    pub(crate) fn table(&mut self, table: &Table) {
        let grid = self.grid(table);
        let head = self.head_row(&grid);
        let rows: Vec<Row> = table.rows.iter().map(|row| self.row(&grid, row)).collect();
        let mut children = Vec::new();
        if let Some(caption) = &table.caption {
            self.need(14.0 + self.first_rows(&grid, &head, &rows));
            let caption = Text::new().with(Style::Soft, caption.as_str());
            let lines = self.fonts.lines(&caption, 8.5, self.width() - PADDING);
            let at = (self.left() + PADDING, self.y);
            let lines_of = self.column(&lines, at, 8.5, 12.0);
            self.y += 12.0 * count(lines.len()) + 2.0;
            children.push(element(Role::Caption, lines_of));
        }
        self.need(self.first_rows(&grid, &head, &rows));
        let heads = self.part_of_cells(&grid, &head, (0, head.lines));
        let heads = heads
            .into_iter()
            .map(|cell| element(Role::ColumnHead, cell));
        let heads = heads.collect();
        let heads = element(Role::Row, heads);
        children.push(element(Role::TableHead, vec![heads]));
        let mut body = Vec::new();
        for row in &rows {
            body.push(self.body_row(&grid, &head, row));
        }
        children.push(element(Role::TableBody, body));
        self.tree.push(element(Role::Table, children));
        self.y += 8.0;
    }

    /// How high the head and the first row are: what must not be torn from a heading.
    pub(crate) fn table_start(&self, table: &Table) -> f32 {
        let grid = self.grid(table);
        let head = self.head_row(&grid);
        let rows: Vec<Row> = table
            .rows
            .iter()
            .take(1)
            .map(|row| self.row(&grid, row))
            .collect();
        let caption = if table.caption.is_some() { 14.0 } else { 0.0 };
        caption + self.first_rows(&grid, &head, &rows)
    }

    fn first_rows(&self, grid: &Grid<'_>, head: &Row, rows: &[Row]) -> f32 {
        let first = rows.first().map_or(0.0, |row| grid.high(row.lines));
        (grid.high(head.lines) + first).min(self.height())
    }

    /// A row of the body, on this page or the next; one that no page holds goes over several.
    fn body_row(&mut self, grid: &Grid<'_>, head: &Row, row: &Row) -> Child {
        let mut cells: Vec<Vec<Child>> = row.cells.iter().map(|_| Vec::new()).collect();
        let mut from = 0;
        while from < row.lines {
            let whole = grid.high(row.lines - from);
            let of_page = self.height() - grid.high(head.lines);
            if whole > self.remaining() && (whole <= of_page || grid.high(1) > self.remaining()) {
                self.break_page();
                self.repeat_head(grid, head);
            }
            let mut until = row.lines;
            while until > from + 1 && grid.high(until - from) > self.remaining() {
                until -= 1;
            }
            let parts = self.part_of_cells(grid, row, (from, until));
            for (cell, part) in cells.iter_mut().zip(parts) {
                cell.extend(part);
            }
            from = until;
        }
        let cells = cells.into_iter().enumerate().map(|(place, children)| {
            let role = if place == 0 {
                Role::RowHead
            } else {
                Role::Cell
            };
            element(role, children)
        });
        element(Role::Row, cells.collect())
    }

    fn repeat_head(&mut self, grid: &Grid<'_>, head: &Row) {
        let mut shapes = Vec::new();
        for (place, lines) in head.cells.iter().enumerate() {
            let mut top = self.y + ABOVE;
            for line in lines {
                let at = (grid.start(place, line), top);
                shapes.extend(self.set(line, at, grid.size, grid.leading));
                top += grid.leading;
            }
        }
        self.draw(Meaning::Repeated, shapes);
        self.y += grid.high(head.lines);
        self.rule(1.0);
    }

    /// Some lines of a row, with the rule below it.
    fn part_of_cells(
        &mut self,
        grid: &Grid<'_>,
        row: &Row,
        (from, until): (usize, usize),
    ) -> Vec<Vec<Child>> {
        let top = self.y + ABOVE;
        let mut cells = Vec::new();
        for (place, lines) in row.cells.iter().enumerate() {
            let mut children = Vec::new();
            let sign = row.signs.get(place).copied().flatten();
            if let (Some(sign), 0) = (sign, from) {
                let x = grid.columns.get(place).map_or(0.0, |column| column.0);
                let first = lines
                    .first()
                    .map_or(0.0, |line| grid.start(place, line) - SIGN);
                let middle = (first.max(x + PADDING) + 4.0, top + grid.leading / 2.0);
                self.draw(Meaning::Decoration, draw_sign(sign, middle, 3.4));
            }
            let here = lines.iter().take(until).skip(from);
            let mut y = top;
            for line in here {
                let at = (grid.start(place, line), y);
                let one = std::slice::from_ref(line);
                children.extend(self.column(one, at, grid.size, grid.leading));
                y += grid.leading;
            }
            cells.push(children);
        }
        self.y += grid.high(until - from);
        self.rule(if row.signs.is_empty() { 1.0 } else { 0.5 });
        cells
    }

    fn rule(&mut self, width: f32) {
        let (left, right) = (self.left(), self.left() + self.width());
        let line = Shape::line((left, self.y), (right, self.y), width, RULE);
        self.draw(Meaning::Decoration, vec![line]);
    }

    fn head_row(&self, grid: &Grid<'_>) -> Row {
        let columns = grid.table.columns.iter().enumerate();
        let cells = columns.map(|(place, column)| {
            let width = grid.inner(place);
            self.fonts.lines(&head_text(column), grid.size, width)
        });
        let cells: Vec<Vec<Line>> = cells.collect();
        Row {
            lines: cells.iter().map(Vec::len).max().unwrap_or(0),
            cells,
            signs: Vec::new(),
        }
    }

    fn row(&self, grid: &Grid<'_>, cells: &[Cell]) -> Row {
        let columns = grid.table.columns.iter().enumerate();
        let cells_of: Vec<Vec<Line>> = columns
            .map(|(place, _)| {
                let Some(cell) = cells.get(place) else {
                    return Vec::new();
                };
                let width = grid.inner(place) - sign_width(cell);
                let text = cell_text(cell, place == 0);
                let mut lines = self.fonts.lines(&text, grid.size, width);
                if let Some(text) = below(cell) {
                    lines.extend(self.fonts.lines(&text, grid.size, width));
                }
                lines
            })
            .collect();
        Row {
            lines: cells_of.iter().map(Vec::len).max().unwrap_or(0).max(1),
            cells: cells_of,
            signs: grid
                .table
                .columns
                .iter()
                .enumerate()
                .map(|(place, _)| cells.get(place).and_then(|cell| cell.sign))
                .collect(),
        }
    }

    /// The largest text in which each word fits its column, and the widths of the columns.
    fn grid<'t>(&self, table: &'t Table) -> Grid<'t> {
        let mut found = (SIZES[0], Vec::new());
        for size in SIZES {
            let widths = self.column_widths(table, size);
            let least: f32 = widths.iter().map(|one| one.0).sum();
            found = (size, widths);
            if least <= self.width() {
                break;
            }
        }
        let (size, widths) = found;
        let mut left = self.left();
        let columns = share(&widths, self.width()).into_iter().map(|width| {
            let column = (left, width);
            left += width;
            column
        });
        Grid {
            table,
            size,
            leading: size * 1.36,
            columns: columns.collect(),
        }
    }

    /// For each column the width of its widest word and of its widest cell on one line.
    fn column_widths(&self, table: &Table, size: f32) -> Vec<(f32, f32)> {
        let columns = table.columns.iter().enumerate();
        let widths = columns.map(|(place, column)| {
            let cells = table.rows.iter().filter_map(|row| row.get(place));
            let texts = cells.flat_map(|cell| {
                let text = self.fonts.widths(&cell_text(cell, place == 0), size);
                let below = below(cell).map(|text| self.fonts.widths(&text, size));
                let sign = sign_width(cell);
                let below = below.unwrap_or_default();
                [
                    (text.0 + sign, text.1 + sign),
                    (below.0 + sign, below.1.min(text.1.max(120.0)) + sign),
                ]
            });
            let head = self.fonts.widths(&head_text(column), size);
            // A head may take two lines where its cells are narrow.
            let head = (head.0, head.0.max(head.1 / 2.0));
            let widest = texts.fold(head, |most, one| (most.0.max(one.0), most.1.max(one.1)));
            (
                widest.0 + 2.0 * PADDING + 0.5,
                widest.1 + 2.0 * PADDING + 0.5,
            )
        });
        widths.collect()
    }
}

impl Grid<'_> {
    fn high(&self, lines: usize) -> f32 {
        2.0 * ABOVE + self.leading * count(lines)
    }

    /// What a column has for text.
    fn inner(&self, place: usize) -> f32 {
        let width = self.columns.get(place).map_or(0.0, |one| one.1);
        width - 2.0 * PADDING - apart(self.table, place)
    }

    /// Where a line begins.
    fn start(&self, place: usize, line: &Line) -> f32 {
        let (left, width) = self.columns.get(place).copied().unwrap_or_default();
        let text = left + PADDING + apart(self.table, place);
        match self.table.columns.get(place).map(|column| column.align) {
            Some(Align::Right) => left + width - PADDING - line.width,
            _ if self.has_signs(place) => text + SIGN,
            _ => text,
        }
    }

    /// Whether a cell of the column has a sign, so that all of its text begins after one.
    fn has_signs(&self, place: usize) -> bool {
        let mut cells = self.table.rows.iter().filter_map(|row| row.get(place));
        cells.any(|cell| cell.sign.is_some())
    }
}

/// More space before words that follow a column of numbers, which would run together.
fn apart(table: &Table, place: usize) -> f32 {
    let align = |place: usize| table.columns.get(place).map(|column| column.align);
    let before = place.checked_sub(1).and_then(align);
    match (before, align(place)) {
        (Some(Align::Right), Some(Align::Left)) => 10.0,
        _ => 0.0,
    }
}

fn sign_width(cell: &Cell) -> f32 {
    cell.sign.map_or(0.0, |_| SIGN)
}

/// Shares a width among columns by what they need: the least to each, and of the rest what each would like.
fn share(widths: &[(f32, f32)], width: f32) -> Vec<f32> {
    let least: f32 = widths.iter().map(|one| one.0).sum();
    let liked: f32 = widths.iter().map(|one| one.1).sum();
    if least >= width {
        return widths.iter().map(|one| one.0 * width / least).collect();
    }
    if liked <= width {
        let more = (width - liked) / count(widths.len()).max(1.0);
        return widths.iter().map(|one| one.1 + more).collect();
    }
    let part = (width - least) / (liked - least);
    let shares = widths.iter();
    shares.map(|one| one.0 + (one.1 - one.0) * part).collect()
}

/// A sign around a point.
pub(crate) fn draw_sign(sign: Sign, (x, y): Point, half: f32) -> Vec<Shape> {
    let stroke = |from: Point, to: Point, colour| Shape::line(from, to, 1.7, colour);
    match sign {
        Sign::Disc => vec![Shape::Disc {
            at: (x, y),
            radius: half,
            colour: GOOD,
        }],
        Sign::Cross => vec![
            stroke((x - half, y - half), (x + half, y + half), BAD),
            stroke((x - half, y + half), (x + half, y - half), BAD),
        ],
        Sign::Circle => vec![
            Shape::Disc {
                at: (x, y),
                radius: half,
                colour: INK,
            },
            Shape::Disc {
                at: (x, y),
                radius: half - 1.3,
                colour: super::sheet::WHITE,
            },
        ],
        Sign::Hatch => (0..3_u8)
            .map(|place| {
                let shift = half * (f32::from(place) - 1.0);
                let from = (x - half + shift.max(0.0), y + half + shift.min(0.0));
                let to = (x + half + shift.min(0.0), y - half + shift.max(0.0));
                Shape::line(from, to, 0.9, SOFT)
            })
            .collect(),
        Sign::Dash => vec![stroke((x - half, y), (x + half, y), SOFT)],
    }
}
