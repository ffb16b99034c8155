//! A mistake in a file: where, what, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One file as read.
#[derive(Debug)]
pub struct Source {
    /// Its path as the person gave it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The plan cannot be used.
    Error,
    /// It can; `--strict` makes it an error.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Complaint {
    /// The file; its text is empty when the file could not be read.
    pub source: Arc<Source>,
    /// The bytes it is about; none for the file as a whole.
    pub span: Option<Range<usize>>,
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub cure: String,
}

impl Complaint {
    /// The line, counted from 1; none for the file as a whole.
    pub fn line(&self) -> Option<usize> {
        let start = self.span.as_ref()?.start.min(self.source.text.len());
        Some(
            self.source.text.as_bytes()[..start]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1,
        )
    }

    /// With the line of the file and a mark under the place, for people.
    pub fn picture(&self, colours: bool) -> String {
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.weight {
            Weight::Error => Level::ERROR,
            Weight::Warning => Level::WARNING,
        };
        let cure = Level::HELP.message(&self.cure);
        let Some(span) = &self.span else {
            let place = format!("{}: {}", self.source.path, self.what);
            return renderer.render(&[level.primary_title(&place).element(cure)]);
        };
        let title = level.primary_title(&self.what);
        let snippet = Snippet::source(&self.source.text)
            .path(&self.source.path)
            .annotation(AnnotationKind::Primary.span(span.clone()));
        renderer.render(&[title.element(snippet).element(cure)])
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.path)?;
        if let Some(line) = self.line() {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}. {}", self.what, self.cure)
    }
}

/// Every mistake, in the order of files and lines.
#[derive(Debug, Default)]
pub struct Complaints(pub Vec<Complaint>);

impl Complaints {
    /// Whether the plan cannot be used.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|complaint| complaint.weight == Weight::Error)
    }

    /// Notes a mistake.
    pub fn add(
        &mut self,
        source: &Arc<Source>,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.note(Weight::Error, source, span, what.into(), cure.into());
    }

    /// Notes something that can be used and should be changed.
    pub fn warn(
        &mut self,
        source: &Arc<Source>,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.note(Weight::Warning, source, span, what.into(), cure.into());
    }

    fn note(
        &mut self,
        weight: Weight,
        source: &Arc<Source>,
        span: Option<Range<usize>>,
        what: String,
        cure: String,
    ) {
        self.0.push(Complaint {
            source: Arc::clone(source),
            span,
            weight,
            what,
            cure,
        });
    }

    /// Puts them in the order of files and lines.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let place = |c: &Complaint| (c.source.path.clone(), c.span.clone().map(|s| s.start));
            place(a).cmp(&place(b))
        });
    }
}

/// The known name nearest to an unknown one, when it is near enough to be a slip.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The nearest known name as a question, else all of them.
pub(super) fn near_or_all(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("{what}: {}", known.join(", ")),
    }
}
