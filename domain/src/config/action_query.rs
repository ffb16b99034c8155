//! A query about the action log, as people write its parameters on the command line and in a URL.

use chrono::{DateTime, Utc};

use super::run_query::{QueryMistake, limit, range};
use crate::model::ActionFilter;

/// What a query about actions takes.
const PARAMETERS: [&str; 3] = ["from", "to", "limit"];

/// Reads the parameters of a query about actions, each a name and its value. `limit_default` holds where none is given,
/// and none above `limit_max` is taken.
///
/// # Errors
/// The first parameter that cannot be used.
pub fn action_filter<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: DateTime<Utc>,
    limit_default: u32,
    limit_max: u32,
) -> Result<ActionFilter, QueryMistake> {
    let mut most = limit_default;
    let (mut begin, mut end) = (None, None);
    for (name, value) in parameters {
        match name {
            "from" => begin = Some(value),
            "to" => end = Some(value),
            "limit" => most = limit(value, limit_max)?,
            other => return Err(QueryMistake::unknown("parameter", other, PARAMETERS)),
        }
    }
    let (from, to) = range(begin, end, now)?;
    Ok(ActionFilter {
        from,
        to,
        limit: most,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_or_named() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let read = |parameters: &[(&'static str, &'static str)]| {
            action_filter(parameters.iter().copied(), now, 50, 1_000)
        };
        let expected = ActionFilter {
            from: Some(now - chrono::TimeDelta::hours(2)),
            to: None,
            limit: 7,
        };
        assert_eq!(read(&[("from", "2h"), ("limit", "7")]), Ok(expected));
        assert_eq!(read(&[]).unwrap().limit, 50);
        for (parameter, value, named) in [
            ("form", "2h", "parameter"),
            ("from", "soon", "from"),
            ("limit", "0", "limit"),
        ] {
            let mistake = read(&[(parameter, value)]).unwrap_err();
            assert_eq!(mistake.parameter, named, "{mistake:?}");
            assert!(!mistake.help.is_empty());
        }
    }
}
