//! What is printed, and in which colours. Only here and in the commands is anything printed.

use std::io::{IsTerminal, Write};

use outrider_domain::config::{Complaint, Complaints, Weight};
use outrider_domain::view::Paint;

/// Prints a text and a line feed. A reader that went away (a closed pipe) is a normal end.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("nobody reads standard output");
    }
}

/// Prints to standard error.
pub(super) fn complain(text: &str) {
    if writeln!(std::io::stderr().lock(), "{text}").is_err() {
        tracing::debug!("nobody reads standard error");
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
        complain("logging was set up before");
    }
}

/// Shows complaints as people like them, and how many there are.
pub(super) fn complaints(complaints: &[Complaint]) {
    let colours = std::io::stderr().is_terminal() && !no_color();
    for complaint in complaints {
        complain(&complaint.picture(colours));
    }
    let count = |weight| complaints.iter().filter(|one| one.weight == weight).count();
    let (errors, warnings) = (count(Weight::Error), count(Weight::Warning));
    complain(&format!(
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
pub(super) fn complaints_json(complaints: &[Complaint]) {
    let list: Vec<_> = complaints
        .iter()
        .map(|one| {
            serde_json::json!({
                "file": one.source.path,
                "line": one.line(),
                "severity": match one.weight { Weight::Error => "error", Weight::Warning => "warning" },
                "what": one.what,
                "cure": one.cure,
            })
        })
        .collect();
    let is_fine = !complaints.iter().any(|one| one.weight == Weight::Error);
    say(&serde_json::json!({"fine": is_fine, "complaints": list}).to_string());
}

/// Shows why a plan cannot be used.
pub(super) fn unusable(found: &Complaints) {
    complaints(&found.0);
}
