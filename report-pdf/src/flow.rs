//! Blocks of text: headings, paragraphs, lists, notes, commands.

use super::block::{Level, Size, Style, Text, Tone};
use super::sheet::{
    BAD, CARD, Child, Colour, Element, GOOD, Mark, Meaning, Role, SOFT, Shape, Sheets,
};
use super::wrap::Line;

/// How a kind of text is set: its size, and from base line to base line, in points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) size: f32,
    pub(crate) leading: f32,
    pub(crate) before: f32,
    pub(crate) after: f32,
}

const BODY: Setting = setting(10.0, 14.0, 0.0, 5.0);
const SMALL: Setting = setting(8.5, 12.0, 0.0, 5.0);
const LEAD: Setting = setting(13.0, 18.0, 4.0, 8.0);

const fn setting(size: f32, leading: f32, before: f32, after: f32) -> Setting {
    Setting {
        size,
        leading,
        before,
        after,
    }
}

impl Level {
    fn number(self) -> u16 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    pub(crate) fn setting(self) -> Setting {
        match self {
            Self::One => setting(20.0, 25.0, 0.0, 3.0),
            Self::Two => setting(14.0, 19.0, 18.0, 4.0),
            Self::Three => setting(10.5, 14.0, 10.0, 3.0),
        }
    }
}

impl Size {
    fn setting(self) -> Setting {
        match self {
            Self::Body => BODY,
            Self::Small => SMALL,
        }
    }
}

/// The text of a heading: heavier, whatever its styles.
fn bold(text: &Text) -> Text {
    Text::new().with(Style::Bold, text.words())
}

impl Sheets<'_> {
    pub(crate) fn heading(&mut self, level: Level, text: &Text) {
        let how = level.setting();
        let lines = self.fonts.lines(&bold(text), how.size, self.width());
        self.space(how.before);
        self.outline.push(Mark {
            level: level.number(),
            title: text.words(),
            page: self.pages.len().saturating_sub(1),
            at: (self.left(), self.y),
        });
        let children = self.paragraphs(&lines, how);
        let role = Role::Heading(level.number(), text.words());
        self.tree.push(Child::Element(Element::new(role, children)));
        self.y += how.after;
    }

    /// How high a heading is with the space around it.
    pub(crate) fn heading_height(&self, level: Level, text: &Text) -> f32 {
        let how = level.setting();
        let lines = self.fonts.lines(&bold(text), how.size, self.width());
        how.before + how.leading * count(lines.len()) + how.after
    }

    pub(crate) fn paragraph(&mut self, size: Size, text: &Text) {
        let how = size.setting();
        let lines = self.fonts.lines(text, how.size, self.width());
        let children = self.paragraphs(&lines, how);
        let element = Element::new(Role::Paragraph, children);
        self.tree.push(Child::Element(element));
        self.y += how.after;
    }

    /// Lines over the whole width, on as many pages as they need. No page ends or begins with one line of several.
    fn paragraphs(&mut self, lines: &[Line], how: Setting) -> Vec<Child> {
        self.lines_at(lines, self.left(), how)
    }

    fn lines_at(&mut self, lines: &[Line], left: f32, how: Setting) -> Vec<Child> {
        let mut children = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            let together = match lines.len() - place {
                all if place == 0 => start(all),
                2 => 2,
                _ => 1,
            };
            self.need(how.leading * count(together));
            let at = (left, self.y);
            children.extend(self.column(std::slice::from_ref(line), at, how.size, how.leading));
            self.y += how.leading;
        }
        children
    }

    pub(crate) fn list(&mut self, items: &[Text]) {
        const INDENT: f32 = 12.0;
        let mut children = Vec::new();
        for item in items {
            let lines = self.fonts.lines(item, BODY.size, self.width() - INDENT);
            self.need(BODY.leading * count(start(lines.len())));
            let dot = Shape::Disc {
                at: (self.left() + 4.0, self.y + BODY.leading / 2.0),
                radius: 1.6,
                colour: SOFT,
            };
            self.draw(Meaning::Decoration, vec![dot]);
            let body = self.lines_at(&lines, self.left() + INDENT, BODY);
            self.y += 2.0;
            let body = Child::Element(Element::new(Role::Body, body));
            children.push(Child::Element(Element::new(Role::Item, vec![body])));
        }
        self.tree
            .push(Child::Element(Element::new(Role::List, children)));
        self.y += BODY.after;
    }

    pub(crate) fn key_values(&mut self, pairs: &[(String, Text)]) {
        const KEYS: f32 = 108.0;
        let how = setting(9.0, 12.5, 0.0, 4.0);
        let mut children = Vec::new();
        for (key, value) in pairs {
            let key = Text::new().with(Style::Bold, key.as_str());
            let key = self.fonts.lines(&key, how.size, KEYS - 8.0);
            let value = self.fonts.lines(value, how.size, self.width() - KEYS);
            self.need(how.leading * count(key.len().max(start(value.len()))));
            let top = self.y;
            let label = self.column(&key, (self.left(), top), how.size, how.leading);
            let page = self.pages.len();
            let body = self.lines_at(&value, self.left() + KEYS, how);
            if page == self.pages.len() {
                self.y = self.y.max(top + how.leading * count(key.len()));
            }
            self.y += how.after;
            let label = Child::Element(Element::new(Role::Label, label));
            let body = Child::Element(Element::new(Role::Body, body));
            children.push(Child::Element(Element::new(Role::Item, vec![label, body])));
        }
        self.tree
            .push(Child::Element(Element::new(Role::Terms, children)));
        self.y += BODY.after;
    }

    pub(crate) fn note(&mut self, tone: Tone, text: &Text) {
        let lines = self.fonts.lines(text, LEAD.size, self.width() - 26.0);
        let colour = match tone {
            Tone::Good => GOOD,
            Tone::Bad => BAD,
            Tone::Open => SOFT,
        };
        self.card(&lines, LEAD, Some(colour), None);
    }

    pub(crate) fn commands(&mut self, commands: &[String]) {
        let lines = commands.iter().flat_map(|line| {
            let text = Text::from(line.as_str());
            self.fonts.lines(&text, SMALL.size, self.width() - 26.0)
        });
        let lines: Vec<Line> = lines.collect();
        self.card(&lines, SMALL, None, Some(Role::Code));
    }

    /// Lines on a ground of their own, on one page if they can be.
    fn card(&mut self, lines: &[Line], how: Setting, edge: Option<Colour>, within: Option<Role>) {
        const PADDING: f32 = 8.0;
        self.space(how.before);
        let mut children = Vec::new();
        let mut lines = lines;
        while !lines.is_empty() {
            let all = how.leading * count(lines.len()) + 2.0 * PADDING;
            self.need(all.min(self.height()));
            let mut fitting = lines.len();
            while fitting > 1 && how.leading * count(fitting) + 2.0 * PADDING > self.remaining() {
                fitting -= 1;
            }
            let (here, later) = lines.split_at(fitting);
            let high = how.leading * count(here.len()) + 2.0 * PADDING;
            let (left, top) = (self.left(), self.y);
            let mut ground = vec![Shape::Fill {
                at: (left, top),
                of: (self.width(), high),
                colour: CARD,
            }];
            ground.extend(edge.map(|colour| Shape::Fill {
                at: (left, top),
                of: (4.0, high),
                colour,
            }));
            self.draw(Meaning::Decoration, ground);
            let at = (left + 14.0, top + PADDING);
            children.extend(self.column(here, at, how.size, how.leading));
            self.y += high;
            lines = later;
        }
        let inner = match within {
            Some(role) => vec![Child::Element(Element::new(role, children))],
            None => children,
        };
        let element = Element::new(Role::Paragraph, inner);
        self.tree.push(Child::Element(element));
        self.y += how.after;
    }
}

/// How many of so many lines stand together at least where they begin.
fn start(lines: usize) -> usize {
    if lines <= 3 { lines } else { 2 }
}

/// A count of lines as a factor of a length.
pub(crate) fn count(of: usize) -> f32 {
    u16::try_from(of).map_or(f32::from(u16::MAX), f32::from)
}
