//! Tables of short texts, with or without colour.

/// What a text means, as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Neither good nor bad.
    Plain,
    /// As it should be.
    Good,
    /// Broken.
    Bad,
    /// Wants a person.
    Warn,
    /// Less important than what stands around it.
    Dim,
}

impl Tone {
    /// The text in this tone, for a terminal that shows colours.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// One text of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text in a tone. Control characters become dots, because some texts come from a partner.
    pub(crate) fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: printable(text.as_ref()),
            tone,
        }
    }

    /// A text.
    pub(crate) fn plain(text: impl AsRef<str>) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// The text without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect()
}

/// A table: rows of cells, the first one its heading.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// A table with a heading and nothing else.
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![
                heading
                    .iter()
                    .map(|text| Cell::new(text, Tone::Dim))
                    .collect(),
            ],
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table as lines, two spaces between columns.
    pub(crate) fn lines(&self, has_colour: bool) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells
                    .map(|cell| cell.text.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        self.rows
            .iter()
            .map(|row| line(row, &widths, has_colour))
            .collect()
    }
}

fn line(row: &[Cell], widths: &[usize], has_colour: bool) -> String {
    let mut text = String::new();
    let mut gap = 0;
    for (cell, width) in row.iter().zip(widths) {
        let length = cell.text.chars().count();
        if length > 0 {
            text.extend(std::iter::repeat_n(' ', gap));
            text += &if has_colour {
                cell.tone.paint(&cell.text)
            } else {
                cell.text.clone()
            };
            gap = 0;
        }
        gap += width - length + 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_whatever_the_letters() {
        let mut grid = Grid::new(&["partner", "state"]);
        grid.push(vec![
            Cell::plain("Zürich"),
            Cell::new("good", Tone::Good),
            Cell::plain("x"),
        ]);
        grid.push(vec![Cell::plain(""), Cell::plain(""), Cell::plain("y")]);
        grid.push(vec![]);
        let expected = [
            "partner  state",
            "Zürich   good   x",
            "                y",
            "",
        ];
        assert_eq!(grid.lines(false), expected);
        let coloured = grid.lines(true);
        assert_eq!(coloured[1], "Zürich   \x1b[32mgood\x1b[0m   x");
        assert_eq!(coloured[0], "\x1b[2mpartner\x1b[0m  \x1b[2mstate\x1b[0m");
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        let mut grid = Grid::new(&["a"]);
        grid.push(vec![Cell::plain("x\x1b[2J\r\ny")]);
        assert_eq!(grid.lines(false)[1], "x·[2J··y");
    }
}
