//! Civil time of a place: between wall clocks and instants, through both clock changes of a year.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// No clock change is larger; how far around an instant one is looked for.
const CHANGE_MAX: TimeDelta = TimeDelta::hours(3);

/// A time zone of the IANA list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time, which has no clock change.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone with this name, such as `America/New_York`.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What wall clocks there show.
    pub fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// How far wall clocks there are ahead of UTC.
    pub fn ahead(self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc());
        TimeDelta::seconds(i64::from(offset.fix().local_minus_utc()))
    }

    /// The instants at which wall clocks there show a time: none where they skip it, two where they
    /// show it twice.
    pub(super) fn instants(self, local: NaiveDateTime) -> Shown {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(at) => Shown::Once(at.to_utc()),
            LocalResult::Ambiguous(one, other) => {
                let (one, other) = (one.to_utc(), other.to_utc());
                Shown::Twice(one.min(other), one.max(other))
            }
            LocalResult::None => Shown::Never,
        }
    }

    /// The first instant at or after the time that wall clocks show; where they skip it, the end of
    /// what they skip.
    pub fn first_at(self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.instants(local) {
            Shown::Once(at) | Shown::Twice(at, _) => at,
            Shown::Never => self.after_skip(local),
        }
    }

    /// The end of the gap that a skipped time lies in.
    pub(super) fn after_skip(self, skipped: NaiveDateTime) -> DateTime<Utc> {
        let about = skipped.and_utc() - self.ahead(skipped.and_utc());
        self.change_in(about - CHANGE_MAX, about + CHANGE_MAX)
            .unwrap_or(about)
    }

    /// The first clock change soon after an instant: the first instant with the new time.
    pub fn change_soon(self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.change_in(after, after + CHANGE_MAX)
    }

    /// The clock change in `(from, to]`, to the second. Two within hours do not occur.
    pub fn change_in(self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (before, whole) = (self.ahead(from), |at: DateTime<Utc>| at.timestamp());
        if self.ahead(to) == before {
            return None;
        }
        let (mut low, mut high) = (whole(from), whole(to));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let is_before = DateTime::from_timestamp(middle, 0)
                .is_some_and(|middle| self.ahead(middle) == before);
            if is_before {
                low = middle;
            } else {
                high = middle;
            }
        }
        DateTime::from_timestamp(high, 0)
    }
}

/// How often wall clocks show a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Never,
    Once(DateTime<Utc>),
    Twice(DateTime<Utc>, DateTime<Utc>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn both_clock_changes_are_found_to_the_second() {
        let zone = Zone::named("America/New_York").unwrap();
        let spring = zone.change_in(at("2026-03-08T05:30:00Z"), at("2026-03-08T08:00:00Z"));
        assert_eq!(spring, Some(at("2026-03-08T07:00:00Z")));
        assert_eq!(
            zone.change_soon(at("2026-11-01T05:10:00Z")),
            Some(at("2026-11-01T06:00:00Z"))
        );
        assert_eq!(zone.change_soon(at("2026-07-01T05:10:00Z")), None);
    }

    #[test]
    fn a_skipped_time_becomes_the_end_of_the_gap_and_a_doubled_one_the_first() {
        let zone = Zone::named("America/New_York").unwrap();
        let local = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        assert_eq!(
            zone.first_at(local("2026-03-08T02:30:00")),
            at("2026-03-08T07:00:00Z")
        );
        assert_eq!(
            zone.first_at(local("2026-11-01T01:30:00")),
            at("2026-11-01T05:30:00Z")
        );
        // A day of 23 hours, and one of 25.
        let length = |day: &str, next: &str| {
            let begin = |day: &str| zone.first_at(local(&format!("{day}T00:00:00")));
            (begin(next) - begin(day)).num_hours()
        };
        assert_eq!(length("2026-03-08", "2026-03-09"), 23);
        assert_eq!(length("2026-11-01", "2026-11-02"), 25);
    }
}
