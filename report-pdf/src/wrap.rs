//! Text broken into lines of a width.

use super::block::{Style, Text};
use super::font::{Face, Fonts, composed};

/// Text in one style on one line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) style: Style,
    pub(crate) text: String,
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) runs: Vec<Run>,
    /// Without the space at its end.
    pub(crate) width: f32,
}

/// What stands between two places where a line may end.
#[derive(Clone, Debug, Default)]
struct Word {
    runs: Vec<Run>,
    /// A space stands before it, unless it begins a line.
    is_spaced: bool,
}

impl Fonts {
    pub(crate) fn face(&self, style: Style) -> &Face {
        match style {
            Style::Plain | Style::Soft => &self.regular,
            Style::Bold => &self.bold,
        }
    }

    /// How wide runs are, in points.
    fn width(&self, runs: &[Run], size: f32) -> f32 {
        let widths = runs.iter();
        let widths = widths.map(|run| self.face(run.style).width(&run.text, size));
        widths.sum()
    }

    /// The lines of a text; a word that is wider than the lines is broken where it must be. There is always one.
    pub(crate) fn lines(&self, text: &Text, size: f32, width: f32) -> Vec<Line> {
        let mut lines = vec![Line::default()];
        for word in words(text) {
            self.add(&mut lines, word, size, width);
        }
        lines
    }

    fn add(&self, lines: &mut Vec<Line>, word: Word, size: f32, width: f32) {
        let wide = self.width(&word.runs, size);
        let Some(line) = lines.last_mut() else {
            return;
        };
        let space = match line.runs.last() {
            Some(last) if word.is_spaced => self.face(last.style).width(" ", size),
            _ => 0.0,
        };
        if line.runs.is_empty() || line.width + space + wide <= width {
            if wide > width && line.runs.is_empty() {
                self.add_broken(lines, word, size, width);
                return;
            }
            if space > 0.0 {
                push(&mut line.runs, " ");
            }
            line.width += space + wide;
            join(&mut line.runs, word.runs);
            return;
        }
        if word.is_spaced {
            // Readers of the text need the space that the break stands for.
            push(&mut line.runs, " ");
        }
        lines.push(Line::default());
        self.add(lines, word, size, width);
    }

    /// Puts as many characters on each line as it holds.
    fn add_broken(&self, lines: &mut Vec<Line>, word: Word, size: f32, width: f32) {
        for run in word.runs {
            for character in run.text.chars() {
                let wide = self
                    .face(run.style)
                    .width(character.encode_utf8(&mut [0; 4]), size);
                let is_full = lines
                    .last()
                    .is_none_or(|line| !line.runs.is_empty() && line.width + wide > width);
                if is_full {
                    self.trim(lines.last_mut(), size);
                    lines.push(Line::default());
                }
                if let Some(line) = lines.last_mut() {
                    add_character(&mut line.runs, run.style, character);
                    line.width += wide;
                }
            }
        }
    }

    /// Does not count the space at the end of a line.
    fn trim(&self, line: Option<&mut Line>, size: f32) {
        if let Some(line) = line
            && let Some(last) = line.runs.last()
            && last.text.ends_with(' ')
        {
            line.width -= self.face(last.style).width(" ", size);
        }
    }

    /// The widths of the widest word and of the whole text on one line.
    pub(crate) fn widths(&self, text: &Text, size: f32) -> (f32, f32) {
        let words = words(text);
        let widest = words.iter().map(|word| self.width(&word.runs, size));
        let whole = self.lines(text, size, f32::MAX);
        (
            widest.fold(0.0, f32::max),
            whole.iter().map(|line| line.width).sum(),
        )
    }
}

/// Words in order. A percent sign stays with its number.
fn words(text: &Text) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let (mut word, mut after_space) = (Word::default(), false);
    for span in &text.0 {
        for character in composed(&span.text).chars() {
            if character == ' ' {
                if !word.runs.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                after_space = true;
                continue;
            }
            if word.runs.is_empty() {
                word.is_spaced = after_space;
                let is_unit = after_space && character == '%';
                if let Some(number) = found.pop_if(|_| is_unit) {
                    word = number;
                    push(&mut word.runs, " ");
                }
            }
            after_space = false;
            add_character(&mut word.runs, span.style, character);
        }
    }
    if !word.runs.is_empty() {
        found.push(word);
    }
    found
}

/// Adds to the text of the last run.
fn push(runs: &mut [Run], text: &str) {
    if let Some(last) = runs.last_mut() {
        last.text.push_str(text);
    }
}

/// Adds a character, to the last run if that has its style.
fn add_character(runs: &mut Vec<Run>, style: Style, character: char) {
    match runs.last_mut() {
        Some(last) if last.style == style => last.text.push(character),
        _ => runs.push(Run {
            style,
            text: character.to_string(),
        }),
    }
}

/// Adds runs, one run for neighbours of one style.
fn join(runs: &mut Vec<Run>, more: Vec<Run>) {
    for run in more {
        match runs.last_mut() {
            Some(last) if last.style == run.style => last.text.push_str(&run.text),
            _ => runs.push(run),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(lines: &[Line]) -> Vec<String> {
        let texts = lines.iter();
        let texts = texts.map(|line| line.runs.iter().map(|run| run.text.as_str()).collect());
        texts.collect()
    }

    fn broken(text: impl Into<Text>, width: f32) -> Vec<String> {
        let fonts = Fonts::load().unwrap();
        texts(&fonts.lines(&text.into(), 10.0, width))
    }

    #[test]
    fn lines_end_at_spaces_and_keep_them() {
        assert_eq!(broken("", 50.0), [""]);
        assert_eq!(broken("one two  three", 40.0), ["one two ", "three"]);
        assert_eq!(
            broken("it is 97 %, no less", 42.0),
            ["it is ", "97 %, no ", "less"]
        );
    }

    #[test]
    fn a_word_wider_than_the_line_is_broken() {
        assert_eq!(broken("a 0123456789", 30.0), ["a ", "01234", "56789"]);
    }

    #[test]
    fn styles_do_not_break_words() {
        let text = Text::new()
            .with(Style::Bold, "busi")
            .with(Style::Plain, "ness: bad");
        assert_eq!(broken(text, 46.0), ["business: ", "bad"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_character_is_lost(text in "[a-zé %]{0,80}", width in 20.0_f32..200.0) {
            let fonts = Fonts::load().unwrap();
            let lines = fonts.lines(&Text::from(text.as_str()), 10.0, width);
            for line in &lines {
                prop_assert!(line.width <= width + 0.01, "{line:?}");
                let text: String = texts(std::slice::from_ref(line)).concat();
                let measured = fonts.regular.width(text.trim_end(), 10.0);
                prop_assert!((measured - line.width).abs() < 0.01, "{line:?}");
            }
            let without = |text: &str| text.chars().filter(|one| *one != ' ').collect::<String>();
            prop_assert_eq!(without(&texts(&lines).concat()), without(&text));
        }
    }
}
