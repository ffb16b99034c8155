//! Intended starts of a probe. They depend on the probe's id and cadence alone, so that a restarted
//! agent knows which ones it missed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::spread::stable_hash;
use crate::model::{Cadence, ProbeId};

/// The first intended start after a time; none when a cron expression has no more.
pub fn next_after(
    probe: &ProbeId,
    cadence: &Cadence,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match cadence {
        Cadence::Every(period) => next_of_period(probe, *period, after),
        // `after` guards against an expression whose iterator would stand still.
        Cadence::Cron(schedule) => schedule.after(&after).find(|due| *due > after),
    }
}

fn next_of_period(
    probe: &ProbeId,
    period: Duration,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let period_ms = i64::try_from(period.as_millis()).ok()?.max(1);
    let hash = stable_hash(&probe.to_string());
    let offset = i64::try_from(hash % u64::try_from(period_ms).ok()?).ok()?;
    let after_ms = after.timestamp_millis();
    let periods = (after_ms - offset).div_euclid(period_ms) + 1;
    let due = DateTime::from_timestamp_millis(periods.checked_mul(period_ms)? + offset)?;
    // `after` may hold microseconds that its milliseconds do not show.
    if due > after {
        Some(due)
    } else {
        due.checked_add_signed(TimeDelta::milliseconds(period_ms))
    }
}

/// Every intended start in `(after, until]`, in order.
pub fn between<'a>(
    probe: &'a ProbeId,
    cadence: &'a Cadence,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> + 'a {
    std::iter::successors(next_after(probe, cadence, after), |due| {
        next_after(probe, cadence, *due)
    })
    .take_while(move |due| *due <= until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JourneyId, PartnerId};
    use proptest::prelude::*;
    use std::str::FromStr;

    fn probe(name: &str) -> ProbeId {
        ProbeId {
            partner: PartnerId::new(name),
            journey: JourneyId::new("j"),
        }
    }

    #[test]
    fn cron_runs_in_utc_and_an_impossible_date_is_never_due() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let cron = |text: &str| Cadence::Cron(Box::new(cron::Schedule::from_str(text).unwrap()));
        let five = cron("0 */5 * * * *");
        let due = next_after(&probe("a"), &five, at("2026-11-01T05:59:59.5Z")).unwrap();
        assert_eq!(due, at("2026-11-01T06:00:00Z"));
        assert_eq!(
            next_after(&probe("a"), &five, due).unwrap(),
            at("2026-11-01T06:05:00Z")
        );
        assert_eq!(next_after(&probe("a"), &cron("0 0 0 30 2 *"), due), None);
    }

    proptest! {
        #[test]
        fn starts_are_one_period_apart_whenever_one_asks(
            name in "[a-z]{1,8}", period_ms in 1u64..100_000_000, after_us in 0i64..4_000_000_000_000_000,
        ) {
            let (probe, period) = (probe(&name), Duration::from_millis(period_ms));
            let after = DateTime::from_timestamp_micros(after_us).unwrap();
            let cadence = Cadence::Every(period);
            let first = next_after(&probe, &cadence, after).unwrap();
            let period = TimeDelta::from_std(period).unwrap();
            prop_assert!(first > after && first - after <= period);
            prop_assert_eq!(next_after(&probe, &cadence, first).unwrap() - first, period);
            let until = after + period * 5;
            prop_assert_eq!(between(&probe, &cadence, after, until).count(), 5);
        }
    }
}
