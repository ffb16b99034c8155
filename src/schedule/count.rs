//! How many starts a stretch of time holds, without walking through them where that can be saved.

use chrono::{DateTime, Utc};

use super::due::{between, next_after};
use crate::model::{Cadence, Probe};

/// Intended starts of a probe in `(after, until]`: exact, because they depend on its id and cadence alone.
pub fn count(probe: &Probe, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
    match &probe.cadence {
        Cadence::Every(every) => {
            let Some(first) = next_after(&probe.id, &probe.cadence, after) else {
                return 0;
            };
            let Ok(span) = (until - first).to_std() else {
                return 0;
            };
            // Schedule time is kept in milliseconds.
            let more = span.as_millis() / every.as_millis().max(1);
            u64::try_from(more).unwrap_or(u64::MAX).saturating_add(1)
        }
        Cadence::Cron(_) => {
            let starts = between(&probe.id, &probe.cadence, after, until).count();
            u64::try_from(starts).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;
    use std::time::Duration;

    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{JourneyId, PartnerId, ProbeId};

    fn probe(cadence: Cadence) -> Probe {
        Probe {
            id: ProbeId {
                partner: PartnerId::new("p"),
                journey: JourneyId::new("j"),
            },
            cadence,
            concurrency: 1,
            members: None,
            deadline: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            seed: 0,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_walking_through_them_gives(
            every_ms in 500u64..90_000, after_us in 0i64..2_000_000_000_000_000, minutes in 0i64..90,
        ) {
            let probe = probe(Cadence::Every(Duration::from_millis(every_ms)));
            let after = DateTime::from_timestamp_micros(after_us).unwrap();
            let until = after + TimeDelta::minutes(minutes);
            let walked = between(&probe.id, &probe.cadence, after, until).count();
            prop_assert_eq!(count(&probe, after, until), u64::try_from(walked).unwrap());
        }
    }

    #[test]
    fn civil_times_are_walked_through() {
        let hourly = cron::Schedule::from_str("0 0 * * * *").unwrap();
        let probe = probe(Cadence::Cron(Box::new(hourly)));
        let from = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        assert_eq!(count(&probe, from, from + TimeDelta::days(28)), 672);
    }
}
