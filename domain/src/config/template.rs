//! Texts with `{{ values }}`, checked when the file is read.

use std::collections::BTreeSet;

use super::diagnostic::nearest;
use super::known::Known;
use super::tree::{Leaf, Spanned, Table};
use crate::model::{CaptureKind, Part, Root, StepId, Template};

/// What every template may name.
const BUILT_IN: [&str; 4] = ["partner.base_url", "member.id", "run.id", "run.started_at"];

/// Where a value goes; it is escaped for that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TemplatePosition {
    /// A URL: the partner's logs have it, so no secret.
    Url,
    /// Part of a text: of a header field, a form field or a string in JSON.
    Text,
    /// A value of a JSON document, whole.
    Json,
}

/// A URL that begins at the partner.
pub(super) fn url(
    table: &Table<'_>,
    key: &'static str,
    example: &str,
    known: &Known,
) -> Option<Template> {
    let spanned = table.need_text(key, example)?;
    let template = parsed(table, &spanned, known)?;
    let begins = matches!(
        template.0.first(),
        Some(Part::Value(Root::BaseUrl | Root::Captured(..)))
    );
    if !begins {
        let what = format!("\"{}\" does not begin at the partner", spanned.value);
        let help = "begin with {{ partner.base_url }} or with a captured URL";
        table.report(spanned.span.clone(), what, help);
    }
    (fits(table, &spanned, &template, TemplatePosition::Url, known) && begins).then_some(template)
}

/// Names each text with `{{ … }}` that is none of the templates: it would be taken as it stands.
pub(super) fn unread(
    root: &Table<'_>,
    entries: &[(String, Spanned<Leaf<'_>>)],
    templates: &BTreeSet<usize>,
    help: &str,
) {
    for (name, leaf) in entries {
        unread_one(root, name, leaf, templates, help);
    }
}

/// Names each template in a file that has none, but for the one table whose reader speaks for itself.
pub(super) fn unread_in_file(root: &Table<'_>, speaks_for_itself: &str) {
    let help = "write the value itself; templates are read in journeys alone";
    let mut leaves = root.leaves();
    leaves.retain(|(name, _)| name != speaks_for_itself);
    unread(root, &leaves, &BTreeSet::new(), help);
}

fn unread_one(
    root: &Table<'_>,
    name: &str,
    leaf: &Spanned<Leaf<'_>>,
    templates: &BTreeSet<usize>,
    help: &str,
) {
    match &leaf.value {
        Leaf::Text(text) if text.contains("{{") && !templates.contains(&leaf.span.start) => {
            let what = format!("`{name}` holds {{{{ … }}}}, and no template is read there");
            root.report(leaf.span.clone(), what, help);
        }
        Leaf::List(items) => {
            for item in items {
                unread_one(root, name, item, templates, help);
            }
        }
        Leaf::Table(entries) => unread(root, entries, templates, help),
        Leaf::Text(_) | Leaf::Fixed(_) | Leaf::Unknown(_) => {}
    }
}

/// A text with values, or one value alone where the place takes that.
pub(super) fn text(
    table: &Table<'_>,
    spanned: &Spanned<&str>,
    place: TemplatePosition,
    known: &Known,
) -> Option<Template> {
    let template = parsed(table, spanned, known)?;
    let place = match (&template.0[..], place) {
        ([Part::Value(_)], TemplatePosition::Json) => TemplatePosition::Json,
        (_, TemplatePosition::Json | TemplatePosition::Text) => TemplatePosition::Text,
        (_, TemplatePosition::Url) => TemplatePosition::Url,
    };
    fits(table, spanned, &template, place, known).then_some(template)
}

fn parsed(table: &Table<'_>, spanned: &Spanned<&str>, known: &Known) -> Option<Template> {
    known.templates.borrow_mut().insert(spanned.span.start);
    match parse_template(spanned.value) {
        Ok(template) => Some(template),
        Err((what, help)) => {
            table.report(spanned.span.clone(), what, help);
            None
        }
    }
}

/// Whether each value is captured before, and may stand there.
fn fits(
    table: &Table<'_>,
    spanned: &Spanned<&str>,
    template: &Template,
    place: TemplatePosition,
    known: &Known,
) -> bool {
    let mut fits = true;
    for part in &template.0 {
        let Part::Value(Root::Captured(step, name)) = part else {
            continue;
        };
        let Some(kind) = kind_of(table, spanned, step, name, known) else {
            fits = false;
            continue;
        };
        let why = match (kind, place) {
            (CaptureKind::Secret, TemplatePosition::Url) => {
                "a secret, and URLs are written into logs"
            }
            (
                CaptureKind::List | CaptureKind::Document,
                TemplatePosition::Url | TemplatePosition::Text,
            ) => "no text: a list or a document",
            (
                CaptureKind::String
                | CaptureKind::Number
                | CaptureKind::Bool
                | CaptureKind::Secret
                | CaptureKind::List
                | CaptureKind::Document,
                _,
            ) => continue,
        };
        let what = format!("{{{{ {step}.{name} }}}} is {why}");
        let help = match place {
            TemplatePosition::Url if kind == CaptureKind::Secret => {
                "send it in a header field or in a body"
            }
            TemplatePosition::Url => "capture the one value in it that the URL needs",
            TemplatePosition::Text | TemplatePosition::Json => {
                "make it a whole value of a JSON body"
            }
        };
        table.report(spanned.span.clone(), what, help);
        fits = false;
    }
    fits
}

/// The step and the name of a captured value, and what it is.
pub(super) fn captured(
    table: &Table<'_>,
    spanned: &Spanned<&str>,
    known: &Known,
) -> Option<(StepId, String, CaptureKind)> {
    let Ok(Root::Captured(step, name)) = root(spanned.value) else {
        let what = format!("\"{}\" names no captured value", spanned.value);
        table.report(spanned.span.clone(), what, "write <step>.<capture>");
        return None;
    };
    let kind = kind_of(table, spanned, &step, &name, known)?;
    Some((step, name, kind))
}

/// What a captured value is; none with a diagnostic where no step captures it, and without one where its
/// step is broken: the help is there.
fn kind_of(
    table: &Table<'_>,
    spanned: &Spanned<&str>,
    step: &StepId,
    name: &str,
    known: &Known,
) -> Option<CaptureKind> {
    let wanted = format!("{step}.{name}");
    if known.broken.contains(step.as_str()) {
        return None;
    }
    if let Some(kind) = known.captures.get(&wanted) {
        return Some(*kind);
    }
    let so_far: Vec<_> = known.captures.keys().map(String::as_str).collect();
    let help = match nearest(&wanted, so_far.iter().copied().chain(BUILT_IN)) {
        Some(near) => format!("did you mean {{{{ {near} }}}}?"),
        None if so_far.is_empty() => "nothing is captured before this step".to_owned(),
        None => format!("captured so far: {}", so_far.join(", ")),
    };
    let what = format!("no earlier step captures {{{{ {wanted} }}}}");
    table.report(spanned.span.clone(), what, help);
    None
}

/// Reads a template.
///
/// # Errors
/// What is wrong, as a fragment, and the help.
fn parse_template(text: &str) -> Result<Template, (String, String)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, tail) = rest.split_at(open);
        let Some(close) = tail.find("}}") else {
            return Err((
                "`{{` is not closed".to_owned(),
                "write {{ step.name }}".to_owned(),
            ));
        };
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Value(root(tail[2..close].trim())?));
        rest = &tail[close + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(Template(parts))
}

fn root(text: &str) -> Result<Root, (String, String)> {
    match text {
        "partner.base_url" => return Ok(Root::BaseUrl),
        "run.id" => return Ok(Root::RunId),
        "run.started_at" => return Ok(Root::StartedAt),
        "member.id" => return Ok(Root::MemberId),
        _ => {}
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match text.split_once('.') {
        Some((step, name)) if is_name(step) && is_name(name) => {
            Ok(Root::Captured(StepId::new(step), name.to_owned()))
        }
        _ => Err((
            format!("`{{{{ {text} }}}}` names nothing"),
            "write partner.base_url, member.id, run.id, run.started_at or <step>.<capture>"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_between_text() {
        let template =
            parse_template("{{ partner.base_url }}/Group/{{match-files.group}}/$x").unwrap();
        assert_eq!(template.0.len(), 4);
        assert_eq!(
            template.0[2],
            Part::Value(Root::Captured(
                StepId::new("match-files"),
                "group".to_owned()
            ))
        );
        assert!(parse_template("{{ x").is_err());
        assert!(parse_template("{{ }}").is_err());
        assert!(parse_template("{{ a.b.c }}").is_err());
    }
}
