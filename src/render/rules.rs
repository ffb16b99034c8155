//! The rules, from templates that name no partner: what differs between partners are series. A template differs from
//! what Prometheus reads in its directives: durations in the plan's time, addresses, and texts that many rules share.

use std::time::Duration;

use outrider_domain::model::{Kpi, Outcome, Plan, format_duration};

use super::alerts::down_for;
use super::directives::shared;
use super::generated::{Generated, RenderError};
use super::links::{DASHBOARD_UID, portal};
use super::yaml::HEADER;

/// The files of rules below `alerts/`, with their templates.
const TEMPLATES: [(&str, &str); 4] = [
    ("agent.yml", include_str!("rules/agent.yml")),
    ("core.yml", include_str!("rules/core.yml")),
    ("partners.yml", include_str!("rules/partners.yml")),
    ("slo.yml", include_str!("rules/slo.yml")),
];
/// How deep a text that is put in may hold others.
const DEPTH_MAX: usize = 8;
/// How wide a line of a rule file is at most.
const COLUMNS: usize = 160;
const PPM: f64 = 1e6;

/// The names of the files of rules, as `prometheus.yml` lists them.
pub(super) fn file_names() -> Vec<&'static str> {
    TEMPLATES.iter().map(|(name, _)| *name).collect()
}

/// Every file of rules; with a digest also what compares it with the agent's.
///
/// # Errors
/// A template with a directive that does not exist.
pub(super) fn files(plan: &Plan, digest: Option<&str>) -> Result<Vec<Generated>, RenderError> {
    let files = TEMPLATES.iter().map(|(name, template)| {
        let text = filled(plan, digest, template).map_err(|why| RenderError {
            path: format!("alerts/{name}"),
            why,
        })?;
        Ok(Generated {
            path: format!("alerts/{name}"),
            text: format!("{HEADER}\n{}", wrapped(&text)),
        })
    });
    files.collect()
}

/// Folded texts, wrapped: YAML reads a line's end in them as a space, so a space may become one. One that fits behind
/// its key stands there.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        lines.push(line.to_owned());
        if !line.ends_with(">-") {
            continue;
        }
        let depth = |line: &str| line.len() - line.trim_start().len();
        let mut words = Vec::new();
        let mut indent = "";
        while let Some(next) = rest.next_if(|next| depth(next) > depth(line)) {
            indent = &next[..depth(next)];
            words.extend(next.split_whitespace());
        }
        let whole = words.join(" ");
        let key = line.trim_end_matches(">-");
        let is_plain = !whole.contains(['"', '\\']);
        if is_plain && key.chars().count() + whole.chars().count() + 2 <= COLUMNS {
            lines.pop();
            lines.push(format!("{key}\"{whole}\""));
            continue;
        }
        let mut last = indent.to_owned();
        for word in words {
            let is_full = last.chars().count() + 1 + word.chars().count() > COLUMNS;
            if is_full && last.len() > indent.len() {
                lines.push(std::mem::replace(&mut last, indent.to_owned()));
            }
            if last.len() > indent.len() {
                last.push(' ');
            }
            last.push_str(word);
        }
        lines.push(last);
    }
    lines.join("\n") + "\n"
}

/// A template with its directives, `<<word argument …>>`, put in. A text of several lines goes on at the column of
/// its directive's line.
fn filled(plan: &Plan, digest: Option<&str>, template: &str) -> Result<String, String> {
    let mut text = template.to_owned();
    for _ in 0..DEPTH_MAX {
        if !text.contains("<<") {
            return Ok(text);
        }
        let lines: Result<Vec<String>, String> = text
            .lines()
            .map(|line| line_of(plan, digest, line))
            .collect();
        text = lines?.join("\n") + "\n";
    }
    Err("its texts hold each other without end".to_owned())
}

fn line_of(plan: &Plan, digest: Option<&str>, line: &str) -> Result<String, String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("<<") {
        let (directive, after) = after
            .split_once(">>")
            .ok_or_else(|| format!("`<<{after}` has no end"))?;
        let text = directive_of(plan, digest, directive)?;
        filled.push_str(before);
        filled.push_str(&text.replace('\n', &format!("\n{indent}")));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn directive_of(plan: &Plan, digest: Option<&str>, directive: &str) -> Result<String, String> {
    let (word, argument) = directive.split_once(' ').unwrap_or((directive, ""));
    Ok(match word {
        "portal" => portal(plan),
        "overview" => dashboard(plan, ""),
        "dashboard" => dashboard(plan, "?var-partner={{ $labels.partner }}"),
        "agent" => quoted(&plan.settings.agent),
        "location" => quoted(&plan.settings.location),
        "down_for" => format_duration(down_for(plan)),
        "unjudged" => unjudged(),
        "digest" => digest_record(digest),
        "kpi" => bad_share(plan, argument)?,
        "kpi_words" => target(plan, argument)?,
        _ => match duration(plan, word) {
            Some(duration) => duration,
            None => shared(word, argument)
                .ok_or_else(|| format!("`<<{directive}>>` is no directive"))?,
        },
    })
}

/// Where a dashboard is shown, or the pages where no Grafana is known.
fn dashboard(plan: &Plan, query: &str) -> String {
    match &plan.settings.alerting.grafana {
        Some(grafana) => format!("{grafana}/d/{DASHBOARD_UID}{query}"),
        None => format!("{}/", portal(plan)),
    }
}

/// A string as PromQL and YAML have it; a `<<` in it is no directive of ours.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('<', "\\u003c")
}

fn unjudged() -> String {
    let unjudged = Outcome::ALL.iter().filter(|one| !one.is_judged());
    unjudged.map(|one| one.name()).collect::<Vec<_>>().join("|")
}

fn digest_record(digest: Option<&str>) -> String {
    let digest = digest.unwrap_or_default();
    format!(
        "- record: installation:outrider_rules_digest_info:generated\n  expr: vector(1)\n  labels:\n    digest: {}",
        quoted(digest)
    )
}

fn kpi(name: &str) -> Result<Kpi, String> {
    Kpi::named(name).ok_or_else(|| format!("there is no target `{name}`"))
}

/// What share may be bad.
fn bad_share(plan: &Plan, name: &str) -> Result<String, String> {
    let ppm = plan.settings.exchange.bad_ppm(kpi(name)?);
    Ok(plain(f64::from(ppm) / PPM))
}

/// The target in words.
fn target(plan: &Plan, name: &str) -> Result<String, String> {
    let kpi = kpi(name)?;
    let percent = plain(f64::from(plan.settings.exchange.target_ppm(kpi)) / PPM * 100.0);
    let bound = if kpi.is_ceiling() {
        "at most"
    } else {
        "at least"
    };
    Ok(format!("{bound} {percent} %"))
}

/// A number without the noise of its last digits.
fn plain(number: f64) -> String {
    super::format::plain(number, 6)
}

/// `15s` in the plan's time as Prometheus writes it, `15s:s` as seconds.
fn duration(plan: &Plan, word: &str) -> Option<String> {
    let (length, unit) = word.split_once(':').unwrap_or((word, ""));
    let real = real(length)?;
    let scaled = plan.scale.of(real);
    match unit {
        "" => Some(format_duration(scaled)),
        "s" => Some(plain(scaled.as_secs_f64())),
        _ => None,
    }
}

/// A whole number of one unit.
fn real(length: &str) -> Option<Duration> {
    let unit = length.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = length[..length.len() - unit.len_utf8()].parse().ok()?;
    Some(Duration::from_secs(number * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_scaled_and_written_in_both_ways() {
        assert_eq!(real("25h"), Some(Duration::from_secs(90_000)));
        for word in ["portal", "h", "1.5h", "-1h", "", "1y"] {
            assert_eq!(real(word), None, "{word}");
        }
    }
}
