//! The catalogue of checks: as text for people, as JSON, and as the page `docs/checks.md`.

use outrider_domain::model::{
    AnswerCheck, Check, Deprecated, DeprecatedKind, Layer, RecordCheck, RunBy, Severity, Source,
    catalogue,
};
use outrider_domain::view::Paint;
use serde_json::{Value, json};

use super::generated::Generated;

/// Where the page of checks is, below the folder of a book.
const CHECKS_PAGE: &str = "docs/checks.md";

/// The checks that a word means: an id, a name, or a name of a journey step that runs several. None when it means none.
pub fn checks_named(word: &str) -> Option<Vec<&'static Check>> {
    let name = Deprecated::find(DeprecatedKind::CheckName, word).map_or(word, |form| form.new);
    let is_meant = |check: &&&Check| {
        let id = check.id();
        check.name() == name || (!id.is_empty() && id.eq_ignore_ascii_case(name))
    };
    let all = catalogue::ALL.iter().filter(is_meant).copied();
    let found: Vec<_> = all.collect();
    if !found.is_empty() {
        return Some(found);
    }
    let of_answer = AnswerCheck::named(name).map(AnswerCheck::checks);
    let of_records = RecordCheck::named(name).map(RecordCheck::checks);
    of_answer.or(of_records).map(<[_]>::to_vec)
}

/// Every word that [`checks_named`] knows, without ids.
pub fn check_names() -> Vec<&'static str> {
    let checks = catalogue::ALL.iter().map(|check| check.name());
    let answers = AnswerCheck::ALL.iter().map(|check| check.name());
    let records = RecordCheck::ALL.iter().map(|check| check.name());
    checks.chain(answers).chain(records).collect()
}

/// Every check as one line of a table, by layer.
pub fn checks_text(paint: Paint) -> String {
    let width = |of: fn(&Check) -> &'static str| {
        let widths = catalogue::ALL.iter().map(|check| of(check).len());
        widths.max().unwrap_or_default()
    };
    let (name, cause) = (width(Check::name), width(|check| check.cause().name()));
    let mut text = String::new();
    for layer in Layer::ALL {
        text.push_str(&format!("{layer:<12} {}\n\n", paint.dim(question(*layer))));
        for check in of_layer(*layer) {
            let severity = format!("{:<4}", check.severity().name());
            let severity = match check.severity() {
                Severity::Fail => paint.bad(&severity),
                Severity::Warn => paint.warn(&severity),
                Severity::Info => paint.dim(&severity),
            };
            let facts = format!("{:<cause$}  {:<10}", check.cause(), check.source());
            text.push_str(&format!(
                "  {:<4}  {:<name$}  {severity}  {}  {}\n",
                check.id(),
                check.name(),
                paint.dim(&facts),
                check.sentence()
            ));
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "{} checks. `outrider checks NAME` shows one whole: its reference and how it is run.",
        catalogue::ALL.len()
    ));
    text
}

/// One check whole.
pub fn check_text(check: &Check, paint: Paint) -> String {
    let severity = check.severity().name();
    let severity = match check.severity() {
        Severity::Fail => paint.bad(severity),
        Severity::Warn => paint.warn(severity),
        Severity::Info => paint.dim(severity),
    };
    let title = format!("{} {}", check.id(), check.name());
    let facts = [
        (
            "severity",
            format!("{severity}: {}", effect(check.severity())),
        ),
        ("layer", check.layer().to_string()),
        (
            "cause",
            format!("{}, see {}", check.cause(), check.cause().runbook()),
        ),
        (
            "source",
            format!("{}: {}", check.source(), check.reference()),
        ),
        ("run by", run_by(check)),
    ];
    let mut text = format!("{}\n  {}\n", title.trim_start(), check.sentence());
    for (name, fact) in facts {
        text.push_str(&format!("\n  {} {fact}", paint.dim(&format!("{name:<9}"))));
    }
    text
}

/// These checks as JSON.
pub fn checks_json(checks: &[&Check]) -> Value {
    let checks: Vec<Value> = checks.iter().map(|check| check_json(check)).collect();
    json!({ "checks": checks })
}

fn check_json(check: &Check) -> Value {
    let run_by = match RunBy::of(check) {
        RunBy::Itself => Value::Null,
        RunBy::RequestStep(named) => json!({"step": "request", "check": named.name()}),
        RunBy::CheckStep(named) => json!({"step": "check", "check": named.name()}),
    };
    json!({
        "id": check.id(),
        "name": check.name(),
        "sentence": check.sentence(),
        "severity": check.severity().name(),
        "cause": check.cause().name(),
        "source": check.source().name(),
        "reference": check.reference(),
        "layer": check.layer().name(),
        "run_by": run_by,
    })
}

/// The page of the book.
pub fn checks_page() -> Generated {
    let mut text = INTRODUCTION.to_owned();
    for severity in Severity::ALL {
        text.push_str(&format!("| {severity} | {} |\n", effect(*severity)));
    }
    text.push_str("\n| source | who asks for it |\n|---|---|\n");
    for source in Source::ALL {
        text.push_str(&format!("| {source} | {} |\n", asks(*source)));
    }
    for layer in Layer::ALL {
        let mut title = layer.name().to_owned();
        title[..1].make_ascii_uppercase();
        text.push_str(&format!("\n## {title}\n\n{}\n\n", question(*layer)));
        text.push_str(
            "| id | check | passes when | severity | cause | source | reference | run by |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for check in of_layer(*layer) {
            text.push_str(&format!(
                "| {} | `{}` | {} | {} | {} | {} | {} | {} |\n",
                check.id(),
                check.name(),
                check.sentence(),
                check.severity(),
                check.cause(),
                check.source(),
                check.reference(),
                run_by_cell(check)
            ));
        }
    }
    Generated {
        path: CHECKS_PAGE.to_owned(),
        text,
    }
}

const INTRODUCTION: &str = "\
<!-- Generated by `outrider generate`. Change domain/src/model/catalogue.rs, not this page. -->

# Catalogue of checks

Every finding of a run comes from one of these checks. `outrider checks` prints the same table,
`outrider checks NAME` one check whole, and `outrider checks --json` all of them for machines.

* The **id** is a line of the catalogue. Its letter says what the check is about: T the transport, A
  the answers, B the business of an exchange; the layer that breaks can be another. Checks of one
  subject share an id, names are unique. A check without an id is about what a step itself expects,
  a limit, a token, a quirk or the deadline.
* The **cause** is what a failure is counted as, and its layer is the layer that breaks. Where what
  was seen decides the cause, the finding names another one: a status of 401 is `auth`, for example.
  Each cause has a runbook, `runbooks/<layer>-<cause>.md`.
* **Run by** says when a check is run: \"always\" in every run that sees what it judges, the others
  where a journey names them in `check = [...]` of a step with `use = \"request\"` or
  `use = \"check\"`. See [Journeys and steps](journeys.md#checks).

| severity | a failure |
|---|---|
";

fn of_layer(layer: Layer) -> impl Iterator<Item = &'static Check> {
    let all = catalogue::ALL.iter().copied();
    all.filter(move |check| check.layer() == layer)
}

fn question(layer: Layer) -> &'static str {
    match layer {
        Layer::Transport => "Is the partner reached, and does the whole answer arrive in time?",
        Layer::Application => "Is every answer right for the situation by contract?",
        Layer::Business => "Does the exchange serve its purpose for this member?",
    }
}

fn effect(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "breaks the layer",
        Severity::Warn => "is shown and breaks nothing",
        Severity::Info => "is recorded and breaks nothing",
    }
}

fn asks(source: Source) -> &'static str {
    match source {
        Source::Regulation => {
            "CMS-0057-F and what it refers to: what must move, what must not, for whom"
        }
        Source::Guide => "the guides it leans on: PDex, Bulk Data, SMART, CARIN, US Core",
        Source::Contract => "what was agreed with the partner: an address, an oracle, a limit",
    }
}

fn run_by(check: &Check) -> String {
    match RunBy::of(check) {
        RunBy::Itself => "every run that sees what it judges".to_owned(),
        RunBy::RequestStep(named) => step("request", named.name()),
        RunBy::CheckStep(named) => step("check", named.name()),
    }
}

fn step(verb: &str, name: &str) -> String {
    format!("a step with use = \"{verb}\" and check = [\"{name}\"]")
}

fn run_by_cell(check: &Check) -> String {
    let (verb, name) = match RunBy::of(check) {
        RunBy::Itself => return "always".to_owned(),
        RunBy::RequestStep(named) => ("request", named.name()),
        RunBy::CheckStep(named) => ("check", named.name()),
    };
    if name == check.name() {
        format!("`{verb}`")
    } else {
        format!("`{verb}`, as `{name}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(word: &str) -> Vec<&'static str> {
        let found = checks_named(word).unwrap_or_default();
        found.iter().map(|check| check.name()).collect()
    }

    #[test]
    fn a_word_is_an_id_a_name_or_what_a_step_names() {
        assert_eq!(names("nobody-else"), ["nobody-else"]);
        assert_eq!(names("b-11"), ["canaries"]);
        assert_eq!(names("A-05"), ["token-needed", "scope-needed"]);
        assert_eq!(names("exchange-result").len(), 3);
        assert_eq!(names("strangers-refused"), ["cross-client-denied"]);
        assert!(checks_named("").is_none() && checks_named("nobody").is_none());
    }

    #[test]
    fn the_page_in_the_book_is_the_generated_one() {
        let page = include_str!("../../docs/checks.md");
        assert!(page == checks_page().text, "run: outrider generate");
    }

    #[test]
    fn every_check_is_in_every_form_and_pipes_get_no_colours() {
        let (text, page) = (checks_text(Paint::Plain), checks_page().text);
        let json = checks_json(catalogue::ALL);
        assert_eq!(
            json["checks"].as_array().unwrap().len(),
            catalogue::ALL.len()
        );
        for check in catalogue::ALL {
            let start = format!("  {:<4}  {} ", check.id(), check.name());
            let line = text.lines().find(|line| line.starts_with(&start));
            assert!(line.unwrap().ends_with(check.sentence()), "{start}");
            assert!(page.contains(&format!("| `{}` | {} |", check.name(), check.sentence())));
            assert!(check_text(check, Paint::Plain).contains(check.reference()));
        }
        assert!(!text.contains('\u{1b}'));
        assert!(checks_text(Paint::Ansi).contains('\u{1b}'));
    }
}
