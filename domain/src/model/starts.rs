//! When a probe is due. Pure functions of its id, its cadence and a time, so that a restarted agent
//! knows which starts it missed, and an objective how many its window holds.

use chrono::{DateTime, TimeDelta, Utc};

use super::cadence::Grid;
use super::hash::stable_hash;
use super::{Cadence, Probe, ProbeId};

impl Probe {
    /// The first intended start after a time; none when a cron expression has no more.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let hash = hash_of(&self.id);
        let jitter = TimeDelta::from_std(self.jitter).unwrap_or_default();
        // Starts keep their order, since jitter is shorter than any gap.
        let mut base = self.cadence.next_after(hash, after - jitter)?;
        loop {
            let start = base + self.shift(base);
            if start > after {
                return Some(start);
            }
            base = self.cadence.next_after(hash, base)?;
        }
    }

    /// Every intended start in `(after, until]`, in order.
    pub fn starts(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.next_after(after), |start| self.next_after(*start))
            .take_while(move |start| *start <= until)
    }

    /// Intended starts in `(after, until]`: as many as [`Self::starts`] walks through.
    pub fn count(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        if until <= after {
            return 0;
        }
        let hash = hash_of(&self.id);
        // What its cadence puts before an edge and jitter behind it.
        let beyond = |edge: DateTime<Utc>| {
            let jitter = TimeDelta::from_std(self.jitter).unwrap_or_default();
            let before = |base: &DateTime<Utc>| *base <= edge;
            let bases =
                std::iter::successors(self.cadence.next_after(hash, edge - jitter), |base| {
                    self.cadence.next_after(hash, *base)
                });
            let mut bases = bases.take_while(before);
            u64::from(bases.any(|base| base + self.shift(base) > edge))
        };
        let bases = self.cadence.count(hash, after, until);
        (bases + beyond(after)).saturating_sub(beyond(until))
    }

    /// How much later than its cadence says a start is: always the same for the same start.
    fn shift(&self, base: DateTime<Utc>) -> TimeDelta {
        let Ok(jitter) = u64::try_from(self.jitter.as_millis()) else {
            return TimeDelta::zero();
        };
        if jitter == 0 {
            return TimeDelta::zero();
        }
        let hash = stable_hash(&format!("{}@{}", self.id, base.timestamp_millis()));
        TimeDelta::milliseconds(i64::try_from(hash % jitter).unwrap_or_default())
    }

    /// The number of a start among all starts since 1970, where its interval is fixed; neighbours have
    /// neighbouring numbers.
    pub fn number_of(&self, start: DateTime<Utc>) -> Option<u64> {
        match &self.cadence {
            Cadence::Every(every) => {
                let grid = Grid::new(*every, hash_of(&self.id))?;
                let number = (start.timestamp_millis() - grid.offset).div_euclid(grid.period);
                u64::try_from(number).ok()
            }
            Cadence::Profile(_) | Cadence::Cron(_) => None,
        }
    }
}

/// How far a probe's grid is moved.
fn hash_of(probe: &ProbeId) -> u64 {
    stable_hash(&probe.to_string())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Civil, Class, JourneyId, PartnerId, Zone};

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn probe(name: &str, cadence: Cadence, jitter_ms: u64) -> Probe {
        Probe {
            id: ProbeId {
                partner: PartnerId::new(name),
                journey: JourneyId::new("j"),
            },
            cadence,
            jitter: Duration::from_millis(jitter_ms),
            class: Class::Short,
            confirm: false,
            when_failing: None,
            concurrency: 1,
            members: None,
            deadline: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            seed: 0,
            family: crate::model::FamilyWanted::Any,
        }
    }

    #[test]
    fn cron_runs_in_utc_and_an_impossible_date_is_never_due() {
        let cron = |text: &str| {
            let schedule = cron::Schedule::from_str(text).unwrap();
            Cadence::Cron(Box::new(Civil::new(schedule, Zone::UTC)))
        };
        let five = probe("a", cron("0 */5 * * * *"), 0);
        let due = five.next_after(at("2026-11-01T05:59:59.5Z")).unwrap();
        assert_eq!(due, at("2026-11-01T06:00:00Z"));
        assert_eq!(five.next_after(due).unwrap(), at("2026-11-01T06:05:00Z"));
        assert_eq!(probe("a", cron("0 0 0 30 2 *"), 0).next_after(due), None);
    }

    proptest! {
        #[test]
        fn starts_are_one_period_apart_whenever_one_asks(
            name in "[a-z]{1,8}", period_ms in 1u64..100_000_000, after_us in 0i64..4_000_000_000_000_000,
        ) {
            let period = Duration::from_millis(period_ms);
            let probe = probe(&name, Cadence::Every(period), 0);
            let after = DateTime::from_timestamp_micros(after_us).unwrap();
            let first = probe.next_after(after).unwrap();
            let period = TimeDelta::from_std(period).unwrap();
            prop_assert!(first > after && first - after <= period);
            prop_assert_eq!(probe.next_after(first).unwrap() - first, period);
            let until = after + period * 5;
            prop_assert_eq!(probe.starts(after, until).count(), 5);
            prop_assert_eq!(probe.cadence.count(hash_of(&probe.id), after, until), 5);
        }

        #[test]
        fn jitter_keeps_order_number_and_answers(
            name in "[a-z]{1,8}", period_ms in 2u64..1_000_000, share in 1u64..100, after_ms in 0i64..2_000_000_000_000,
        ) {
            let jitter = (period_ms * share / 100).max(1);
            let probe = probe(&name, Cadence::Every(Duration::from_millis(period_ms)), jitter);
            let after = DateTime::from_timestamp_millis(after_ms).unwrap();
            let period = TimeDelta::milliseconds(i64::try_from(period_ms).unwrap());
            let starts: Vec<_> = probe.starts(after, after + period * 20).collect();
            prop_assert!((19..=21).contains(&starts.len()), "{}", starts.len());
            for pair in starts.windows(2) {
                prop_assert!(pair[0] < pair[1]);
                prop_assert_eq!(probe.number_of(pair[0]).unwrap() + 1, probe.number_of(pair[1]).unwrap());
                // Whoever asks between the two hears of the second.
                let between = pair[0] + (pair[1] - pair[0]) / 2;
                prop_assert_eq!(probe.next_after(between), Some(pair[1]));
            }
        }
    }
}
