//! What people see: a story that scrolls, and on a terminal a table below it that is redrawn in
//! place. In a pipe the table is printed now and then, and there is not one escape code.

use std::io::{self, Write};

use crate::clock::Mark;
use crate::grid::{Grid, Tone, printable};

/// Cursor to the first column, and nothing below it.
const CLEAR_BELOW: &str = "\r\x1b[J";
/// A line that is too long is cut, so that the table keeps its height.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A pipe or a file.
    Pipe,
    /// A terminal.
    Terminal {
        /// Whether it may be coloured.
        has_colour: bool,
    },
}

impl Look {
    fn has_colour(self) -> bool {
        match self {
            Self::Pipe => false,
            Self::Terminal { has_colour } => has_colour,
        }
    }
}

/// Where the scenario is shown.
#[derive(Debug)]
pub(crate) struct Screen<W: Write> {
    out: W,
    look: Look,
    begun: Mark,
    live: Vec<String>,
    /// Lines of the table that stand on the terminal.
    drawn: usize,
}

impl<W: Write> Screen<W> {
    /// An empty screen; the story's clock starts now.
    pub(crate) fn new(out: W, look: Look) -> Self {
        Self {
            out,
            look,
            begun: Mark::now(),
            live: Vec::new(),
            drawn: 0,
        }
    }

    /// Tells what happens, with the seconds since the start.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn tell(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let text = printable(text);
        let text = if self.look.has_colour() {
            tone.paint(&text)
        } else {
            text
        };
        self.above(&[format!("{seconds:7.1} s  {text}")])
    }

    /// Prints a line as it is.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.above(&[printable(text)])
    }

    /// Prints a table as part of the story.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn table(&mut self, grid: &Grid) -> io::Result<()> {
        self.above(&grid.lines(self.look.has_colour()))
    }

    /// Renews the table below the story.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn live(&mut self, status: &str, grid: &Grid) -> io::Result<()> {
        let has_colour = self.look.has_colour();
        let status = printable(status);
        let status = if has_colour {
            Tone::Warn.paint(&status)
        } else {
            status
        };
        self.live = vec![String::new()];
        self.live.extend(grid.lines(has_colour));
        self.live.push(status);
        self.above(&[])
    }

    /// In a pipe, prints the table as it was last renewed; on a terminal it is there.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn now_and_then(&mut self) -> io::Result<()> {
        match self.look {
            Look::Pipe => {
                let mut lines = self.live.clone();
                lines.pop();
                lines.push(String::new());
                self.above(&lines)
            }
            Look::Terminal { .. } => Ok(()),
        }
    }

    /// Takes the table away: what is printed next stands below the story.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.live.clear();
        self.above(&[])
    }

    /// Writes lines above the table, in one write so that nothing flickers.
    fn above(&mut self, lines: &[String]) -> io::Result<()> {
        let mut frame = String::new();
        if self.drawn > 0 {
            frame += &format!("\x1b[{}A{CLEAR_BELOW}", self.drawn);
            self.drawn = 0;
        }
        for line in lines {
            frame += line;
            frame.push('\n');
        }
        if self.look != Look::Pipe && !self.live.is_empty() {
            frame += NO_WRAP;
            for line in &self.live {
                frame += line;
                frame.push('\n');
            }
            frame += WRAP;
            self.drawn = self.live.len();
        }
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Cell;

    fn grid() -> Grid {
        let mut grid = Grid::new(&["partner"]);
        grid.push(vec![Cell::new("keystone", Tone::Bad)]);
        grid
    }

    fn told(look: Look) -> String {
        let mut screen = Screen::new(Vec::new(), look);
        screen.live("waiting", &grid()).unwrap();
        screen.line("something happened").unwrap();
        screen.live("waiting", &grid()).unwrap();
        screen.now_and_then().unwrap();
        screen.close().unwrap();
        screen.line("the end").unwrap();
        String::from_utf8(screen.out).unwrap()
    }

    #[test]
    fn a_pipe_sees_lines_and_a_table_now_and_then() {
        assert_eq!(
            told(Look::Pipe),
            "something happened\n\npartner\nkeystone\n\nthe end\n"
        );
    }

    #[test]
    fn a_terminal_sees_one_table_below_the_story() {
        let told = told(Look::Terminal { has_colour: false });
        let table = "\x1b[?7l\npartner\nkeystone\nwaiting\n\x1b[?7h";
        let again = "\x1b[4A\r\x1b[J";
        let expected =
            format!("{table}{again}something happened\n{table}{again}{table}{again}the end\n");
        assert_eq!(told, expected);
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let told = told(Look::Terminal { has_colour: true });
        assert!(told.contains("\x1b[31mkeystone\x1b[0m"));
    }

    #[test]
    fn the_story_tells_when() {
        let mut screen = Screen::new(Vec::new(), Look::Pipe);
        screen.tell(Tone::Good, "held\x07").unwrap();
        let told = String::from_utf8(screen.out).unwrap();
        assert!(
            told.ends_with(" s  held·\n") && told.starts_with("    0."),
            "{told}"
        );
    }
}
