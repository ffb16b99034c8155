//! Times as people write them: how long ago, a date, or RFC 3339.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::duration::parse_duration;

/// Reads `2h` or `3d` (ago), a date (its begin, in UTC) or RFC 3339.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    if text.contains('-') || text.contains(':') {
        return date(text).or_else(|| instant(text)).ok_or_else(|| {
            "it is neither a date nor RFC 3339, or the calendar has no such day".to_owned()
        });
    }
    let ago = TimeDelta::from_std(parse_duration(text)?).map_err(|why| why.to_string())?;
    now.checked_sub_signed(ago)
        .ok_or_else(|| "it lies beyond any calendar".to_owned())
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    // Four digits, so that a year is never taken for a day.
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == 10).then(|| date.and_time(NaiveTime::MIN).and_utc())
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let parse = |text: &str| {
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        Some(parsed.with_timezone(&Utc))
    };
    // In a query a plus sign stands for a space.
    parse(text).or_else(|| {
        let (time, zone) = text.rsplit_once(' ')?;
        parse(&format!("{time}+{zone}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn times_are_ago_dates_or_rfc_3339() {
        let ago = |text| moment(text, now()).map(|at| (now() - at).num_seconds());
        assert_eq!(ago("2h"), Ok(7_200));
        assert_eq!(ago("1h30m"), Ok(5_400));
        assert_eq!(ago(" 3d "), Ok(259_200));
        let day = now().format("%Y-%m-%d").to_string();
        let begin = now().date_naive().and_time(NaiveTime::MIN).and_utc();
        assert_eq!(moment(&day, now()), Ok(begin));
        assert_eq!(moment(&now().to_rfc3339(), now()), Ok(now()));
        let zulu = now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        assert_eq!(moment(&zulu, now()), Ok(now()));
        let east = now().with_timezone(&chrono::FixedOffset::east_opt(3_600).unwrap());
        assert_eq!(moment(&east.to_rfc3339(), now()), Ok(now()));
        let in_a_query = east.to_rfc3339().replace('+', " ");
        assert_eq!(moment(&in_a_query, now()), Ok(now()));
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_reason() {
        let day = now().format("%Y-%m").to_string();
        for (text, why) in [
            ("", "it is empty"),
            ("yesterday", "a number is missing"),
            ("5", "a unit is missing"),
            ("5w", "`w` is no unit"),
            ("9999d", "it is longer than ten years"),
            ("-2h", "it is neither"),
            ("10:00", "it is neither"),
            (&format!("{day}-32"), "it is neither"),
            (&format!("{day}-1"), "it is neither"),
            (&format!("{day}-01T10:00"), "it is neither"),
        ] {
            let refused = moment(text, now()).unwrap_err();
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
