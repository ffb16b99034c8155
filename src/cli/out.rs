//! What is printed, and in which colours. Only here and in the commands is anything printed.

use std::io::{IsTerminal, Write};

use outrider_domain::config::{Diagnostic, Diagnostics, QueryMistake, Severity};
use outrider_domain::view::Paint;

use super::exit::Exit;

/// Prints a text and a line feed. A reader that went away (a closed pipe) is a normal end.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("standard output is closed");
    }
}

/// Shows on a terminal how far a command is, in a line of its own that the next one replaces; nothing ends it.
pub(super) fn progress(text: &str) {
    let mut error = std::io::stderr().lock();
    if write!(error, "\r\x1b[K{text}")
        .and_then(|()| error.flush())
        .is_err()
    {
        tracing::debug!("standard error is closed");
    }
}

/// Prints to standard error.
pub(super) fn print_error(text: &str) {
    if writeln!(std::io::stderr().lock(), "{text}").is_err() {
        tracing::debug!("standard error is closed");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

/// Colours for standard output: on a terminal, unless `NO_COLOR` is set.
pub(super) fn paint() -> Paint {
    if std::io::stdout().is_terminal() && !no_color() {
        Paint::Ansi
    } else {
        Paint::Plain
    }
}

/// Logs to standard error: lines on a terminal, JSON elsewhere. `RUST_LOG` sets what is told.
pub(super) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if is_terminal {
        builder.with_ansi(!no_color()).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if started.is_err() {
        print_error("logging was set up before");
    }
}

/// Shows diagnostics with their lines of the files, and how many there are.
pub(super) fn diagnostics(diagnostics: &[Diagnostic]) {
    let colours = std::io::stderr().is_terminal() && !no_color();
    for diagnostic in diagnostics {
        print_error(&diagnostic.render(colours));
    }
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    print_error(&format!(
        "{}, {}",
        counted(errors, "mistake"),
        counted(warnings, "warning")
    ));
}

/// A number with its noun.
pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The same as one JSON document on standard output.
pub(super) fn diagnostics_json(
    diagnostics: &[Diagnostic],
    ledger: Option<&serde_json::Value>,
    secrets: &serde_json::Value,
) {
    let list: Vec<_> = diagnostics
        .iter()
        .map(|one| {
            serde_json::json!({
                "file": one.source.path,
                "line": one.line(),
                "severity": match one.severity { Severity::Error => "error", Severity::Warning => "warning" },
                "what": one.message,
                "cure": one.help,
            })
        })
        .collect();
    let is_fine = !diagnostics
        .iter()
        .any(|one| one.severity == Severity::Error);
    let all = serde_json::json!({
        "fine": is_fine, "complaints": list, "ledger_bytes": ledger, "secrets": secrets,
    });
    say(&all.to_string());
}

/// Shows which option cannot be used, and how the command ends.
pub(super) fn mistake(why: &QueryMistake) -> Exit {
    print_error(&format!(
        "outrider: --{}: {}. {}",
        why.parameter,
        why.message,
        sentence(&why.help)
    ));
    Exit::Usage
}

fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Shows why a plan cannot be used.
pub(super) fn unusable(found: &Diagnostics) {
    diagnostics(&found.0);
}
