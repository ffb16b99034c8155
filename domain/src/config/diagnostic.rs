//! Diagnostics: mistakes in files, each with its place and its help.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One file as read.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path as the person gave it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Its severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The plan cannot be used.
    Error,
    /// It can; `--strict` makes it an error.
    Warning,
}

/// A mistake in a file.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The file; its text is empty when the file could not be read.
    pub source: Arc<SourceFile>,
    /// The bytes it is about; none for the file as a whole.
    pub span: Option<Range<usize>>,
    /// Its severity.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Diagnostic {
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

    /// The diagnostic with the line of the file and a mark under the place, for people.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let help = Level::HELP.message(&self.help);
        let Some(span) = &self.span else {
            let place = format!("{}: {}", self.source.path, self.message);
            return renderer.render(&[level.primary_title(&place).element(help)]);
        };
        let title = level.primary_title(&self.message);
        let snippet = Snippet::source(&self.source.text)
            .path(&self.source.path)
            .annotation(AnnotationKind::Primary.span(span.clone()));
        renderer.render(&[title.element(snippet).element(help)])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.path)?;
        if let Some(line) = self.line() {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}. {}", self.message, self.help)
    }
}

/// Every mistake, in the order of files and lines.
#[derive(Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether the plan cannot be used.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Notes a mistake.
    pub fn add(
        &mut self,
        source: &Arc<SourceFile>,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Error, source, span, message.into(), help.into());
    }

    /// Adds something that can be used and should be changed.
    pub fn warn(
        &mut self,
        source: &Arc<SourceFile>,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Warning, source, span, message.into(), help.into());
    }

    fn push(
        &mut self,
        severity: Severity,
        source: &Arc<SourceFile>,
        span: Option<Range<usize>>,
        message: String,
        help: String,
    ) {
        self.0.push(Diagnostic {
            source: Arc::clone(source),
            span,
            severity,
            message,
            help,
        });
    }

    /// Puts them in the order of files and lines.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let place = |c: &Diagnostic| (c.source.path.clone(), c.span.clone().map(|s| s.start));
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
