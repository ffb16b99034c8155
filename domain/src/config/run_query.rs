//! A query about runs, as people write its parameters on the command line and in a URL.

use chrono::{DateTime, Utc};

use super::diagnostic::nearest;
use super::moment::moment;
use crate::model::{AgentFault, Cause, Layer, Outcome, RunFilter};

/// What a query about runs takes.
pub const RUN_PARAMETERS: [&str; 11] = [
    "partner", "journey", "layer", "cause", "outcome", "member", "from", "to", "after", "before",
    "limit",
];
/// Characters of a value that are shown when it is refused.
const SHOWN_MAX: usize = 40;
/// Values of a list that are named.
const NAMED_MAX: usize = 24;
/// The longest value that is read: longer than any name.
const VALUE_BYTES_MAX: usize = 256;
/// The ledger's places end here.
const SEQ_MAX: u64 = i64::MAX as u64;
/// How a time is written.
const TIMES: &str = "write how long ago, such as 2h or 3d, a date such as 2026-11-28, or RFC 3339";

/// A parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryMistake {
    /// Its name.
    pub parameter: String,
    /// What is wrong and what came, short.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The values that there are; the parameters where values have no list.
    pub known: Vec<String>,
}

impl QueryMistake {
    /// A value that no list has.
    pub fn unknown<'a>(
        parameter: &str,
        value: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut known: Vec<String> = known.into_iter().map(str::to_owned).collect();
        let near = nearest(value, known.iter().map(String::as_str)).map(str::to_owned);
        let left_out = known.len().saturating_sub(NAMED_MAX);
        known.truncate(NAMED_MAX);
        let help = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if known.is_empty() => "there is none yet".to_owned(),
            None if left_out > 0 => format!("there are {} and {left_out} more", known.join(", ")),
            None => format!("there are {}", known.join(", ")),
        };
        Self {
            parameter: parameter.to_owned(),
            message: format!("there is no {parameter} \"{}\"", shown(value)),
            help,
            known,
        }
    }

    fn of(parameter: &str, value: &str, why: &str, help: impl Into<String>) -> Self {
        Self {
            parameter: parameter.to_owned(),
            message: format!("\"{}\" cannot be used: {why}", shown(value)),
            help: help.into(),
            known: RUN_PARAMETERS.map(str::to_owned).to_vec(),
        }
    }
}

/// Reads the parameters of a query about runs, each a name and its value. `limit_default` holds where none is given,
/// and none above `limit_max` is taken. Names of partners, journeys and members are not compared with anything.
///
/// # Errors
/// The first parameter that cannot be used.
pub fn run_filter<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: DateTime<Utc>,
    limit_default: u32,
    limit_max: u32,
) -> Result<RunFilter, QueryMistake> {
    let mut filter = RunFilter {
        limit: limit_default,
        ..RunFilter::default()
    };
    let mut given: Vec<&str> = Vec::new();
    let (mut from, mut to) = (None, None);
    for (name, value) in parameters {
        if !RUN_PARAMETERS.contains(&name) {
            return Err(unknown_parameter(name));
        }
        if given.contains(&name) {
            return Err(QueryMistake::of(
                name,
                value,
                "it is given twice",
                "give it once",
            ));
        }
        given.push(name);
        if value.is_empty() {
            return Err(QueryMistake::of(
                name,
                value,
                "it is empty",
                "leave it out for all",
            ));
        }
        if value.len() > VALUE_BYTES_MAX {
            let why = format!("it is longer than {VALUE_BYTES_MAX} bytes");
            return Err(QueryMistake::of(name, value, &why, "no name is so long"));
        }
        match name {
            "partner" => filter.partner = Some(value.to_owned()),
            "journey" => filter.journey = Some(value.to_owned()),
            "member" => filter.member = Some(value.to_owned()),
            "layer" => filter.layer = Some(layer(value)?),
            "cause" => filter.cause = Some(cause(value)?),
            "outcome" => filter.outcome = Some(outcome(value)?),
            "from" => from = Some(value),
            "to" => to = Some(value),
            "after" => filter.after = Some(place(name, value)?),
            "before" => filter.before = Some(place(name, value)?),
            _ => filter.limit = limit(value, limit_max)?,
        }
    }
    if let (Some(_), Some(before)) = (filter.after, filter.before) {
        let help = "give `after` to go on towards newer runs, or `before` towards older ones";
        let why = "`after` is given too";
        return Err(QueryMistake::of("before", &before.to_string(), why, help));
    }
    (filter.from, filter.to) = range(from, to, now)?;
    Ok(filter)
}

/// The times of `from` and `to`.
///
/// # Errors
/// One of them is no time, or there is nothing between them.
#[expect(
    clippy::type_complexity,
    reason = "two times, either of which may be open"
)]
pub fn range(
    from: Option<&str>,
    to: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(Option<DateTime<Utc>>, Option<DateTime<Utc>>), QueryMistake> {
    let time = |name: &str, value: Option<&str>| {
        value
            .map(|value| {
                moment(value, now).map_err(|why| QueryMistake::of(name, value, &why, TIMES))
            })
            .transpose()
    };
    let (begin, end) = (time("from", from)?, time("to", to)?);
    if let (Some(begin), Some(end), Some(value)) = (begin, end, from)
        && begin >= end
    {
        let why = format!("it is not before to ({})", end.to_rfc3339());
        let help = "`from` is the earlier time, and `to` itself is not part of the range";
        return Err(QueryMistake::of("from", value, &why, help));
    }
    Ok((begin, end))
}

fn unknown_parameter(name: &str) -> QueryMistake {
    let known = RUN_PARAMETERS;
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    QueryMistake {
        parameter: shown(name),
        message: format!("there is no parameter \"{}\"", shown(name)),
        help,
        known: known.map(str::to_owned).to_vec(),
    }
}

/// A parameter where none is taken.
pub fn no_parameters(name: &str) -> QueryMistake {
    QueryMistake {
        parameter: shown(name),
        message: format!("there is no parameter \"{}\"", shown(name)),
        help: "this path takes none: leave it out".to_owned(),
        known: Vec::new(),
    }
}

fn layer(value: &str) -> Result<Layer, QueryMistake> {
    let known = Layer::ALL.iter().map(|layer| layer.name());
    Layer::named(value).ok_or_else(|| QueryMistake::unknown("layer", value, known))
}

fn cause(value: &str) -> Result<&'static str, QueryMistake> {
    let causes = Cause::ALL.iter().map(|cause| cause.name());
    let mut known: Vec<&'static str> = causes.collect();
    known.extend(AgentFault::ALL.iter().map(|fault| fault.name()));
    let found = known.iter().copied().find(|name| *name == value);
    found.ok_or_else(|| QueryMistake::unknown("cause", value, known))
}

fn outcome(value: &str) -> Result<Outcome, QueryMistake> {
    let known = Outcome::ALL.iter().map(|outcome| outcome.name());
    Outcome::named(value).ok_or_else(|| QueryMistake::unknown("outcome", value, known))
}

fn place(name: &str, value: &str) -> Result<u64, QueryMistake> {
    let help = "it is the `seq` of a run, a whole number such as 4711, or 0 for the begin";
    let number: Option<u64> = digits(value).map(|digits| digits.parse().unwrap_or(SEQ_MAX));
    number
        .map(|number| number.min(SEQ_MAX))
        .ok_or_else(|| QueryMistake::of(name, value, "it is no whole number", help))
}

pub(super) fn limit(value: &str, max: u32) -> Result<u32, QueryMistake> {
    let help = format!("write a whole number from 1 to {max}");
    let Some(digits) = digits(value) else {
        return Err(QueryMistake::of(
            "limit",
            value,
            "it is no whole number",
            help,
        ));
    };
    let limit = digits
        .parse()
        .ok()
        .filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| QueryMistake::of("limit", value, "it is out of bounds", help))
}

fn digits(value: &str) -> Option<&str> {
    value
        .bytes()
        .all(|one| one.is_ascii_digit())
        .then_some(value)
}

/// The begin of a value, without what a terminal would obey.
fn shown(value: &str) -> String {
    let mut shown: String = value
        .chars()
        .take(SHOWN_MAX)
        .map(|one| if one.is_control() { '·' } else { one })
        .collect();
    if value.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn read(parameters: &[(&str, &str)]) -> Result<RunFilter, QueryMistake> {
        run_filter(parameters.iter().copied(), now(), 50, 1_000)
    }

    #[test]
    fn every_parameter_is_read() {
        let filter = read(&[
            ("partner", "keystone"),
            ("journey", "bulk-exchange"),
            ("layer", "transport"),
            ("cause", "timeout"),
            ("outcome", "failed"),
            ("member", "keystone-basic-0001"),
            ("from", "2h"),
            ("to", "1h"),
            ("after", "17"),
            ("limit", "1000"),
        ]);
        let expected = RunFilter {
            after: Some(17),
            before: None,
            partner: Some("keystone".to_owned()),
            journey: Some("bulk-exchange".to_owned()),
            layer: Some(Layer::Transport),
            cause: Some("timeout"),
            outcome: Some(Outcome::Failed),
            member: Some("keystone-basic-0001".to_owned()),
            from: Some(now() - chrono::TimeDelta::hours(2)),
            to: Some(now() - chrono::TimeDelta::hours(1)),
            limit: 1_000,
        };
        assert_eq!(filter, Ok(expected));
        assert_eq!(read(&[]).unwrap().limit, 50);
        assert_eq!(read(&[("before", "9")]).unwrap().before, Some(9));
        let beyond = read(&[("after", "99999999999999999999")]).unwrap();
        assert_eq!(beyond.after, Some(SEQ_MAX));
        assert_eq!(
            read(&[("cause", "resolver")]).unwrap().cause,
            Some("resolver")
        );
    }

    #[test]
    fn a_mistake_names_the_parameter_and_the_fix() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        for (parameters, parameter, help) in [
            (
                &[("partnr", "keystone")][..],
                "partnr",
                "did you mean `partner`?",
            ),
            (&[("colour", "red")], "colour", "there are partner, journey"),
            (
                &[("layer", "busines")],
                "layer",
                "did you mean \"business\"?",
            ),
            (
                &[("layer", "x")],
                "layer",
                "there are transport, application, business",
            ),
            (
                &[("cause", "timeuot")],
                "cause",
                "did you mean \"timeout\"?",
            ),
            (&[("outcome", "zzzzzzzzzz")], "outcome", "there are passed"),
            (&[("partner", "")], "partner", "leave it out"),
            (&[("member", &long)], "member", "no name is so long"),
            (&[("from", "soon")], "from", "write how long ago"),
            (&[("to", "5")], "to", "write how long ago"),
            (
                &[("from", "1h"), ("to", "2h")],
                "from",
                "`from` is the earlier time",
            ),
            (
                &[("from", "1h"), ("to", "1h")],
                "from",
                "`from` is the earlier time",
            ),
            (&[("after", "-1")], "after", "it is the `seq`"),
            (&[("after", "1"), ("before", "2")], "before", "give `after`"),
            (
                &[("limit", "0")],
                "limit",
                "write a whole number from 1 to 1000",
            ),
            (
                &[("limit", "1001")],
                "limit",
                "write a whole number from 1 to 1000",
            ),
            (&[("limit", "many")], "limit", "write a whole number"),
            (&[("limit", "1"), ("limit", "2")], "limit", "give it once"),
        ] {
            let mistake = read(parameters).unwrap_err();
            assert_eq!(mistake.parameter, parameter, "{mistake:?}");
            assert!(mistake.help.starts_with(help), "{mistake:?}");
            assert!(mistake.message.chars().count() < 160, "{mistake:?}");
        }
        let hostile = read(&[("cause", "\u{1b}[31m")]).unwrap_err();
        assert!(!hostile.message.contains('\u{1b}'));
    }
}
