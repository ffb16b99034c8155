//! Texts with `{{ values }}`, checked when the file is read.

use crate::model::{Part, Root, StepId, Template};

/// Reads a template.
///
/// # Errors
/// What is wrong, as a fragment, and the cure.
pub(super) fn parse_template(text: &str) -> Result<Template, (String, String)> {
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
            "write partner.base_url, member.id, run.id or <step>.<capture>".to_owned(),
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
