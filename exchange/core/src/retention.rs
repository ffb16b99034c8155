//! How long the core keeps what it keeps. Pure.
//!
//! Records of the actions that the HIPAA Security Rule wants documented must be retained for six years from their
//! creation (45 CFR 164.316(b)(1)(ii) and (2)(i); the Privacy Rule says the same, 45 CFR 164.530(j)(2));
//! Medicare Advantage organisations and Medicaid managed care plans keep records for ten (42 CFR 422.504(d);
//! 42 CFR 438.3(u), and (h) for as long as they may be audited), from the end of a contract, which the core does not
//! know. `docs/exchange-core.md` says which of these texts were read. The law names the least time, and so the file cannot say less.

use chrono::{DateTime, Days, Months};

use super::exchange::{Cohort, Traffic};

/// Least years for which audit entries and proofs are kept: 45 CFR 164.316(b)(2)(i).
pub const AUDIT_YEARS: u32 = 6;
/// The same of managed care: 42 CFR 422.504(d), 438.3(h) and (u).
pub const MANAGED_CARE_YEARS: u32 = 10;

/// How long things are kept; `[retention]` of `exchange.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Years from the last entry about an exchange to the end of its records.
    pub audit_years: u32,
    /// The same for Medicare Advantage, Medicaid managed care, and exchanges that may hold members of either.
    pub managed_care_years: u32,
    /// Days from the client's receipt to the end of the payloads and of the request.
    pub payload_days: u32,
    /// Days from the outcome of an exchange about invented members to the end of everything about it.
    pub synthetic_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            audit_years: AUDIT_YEARS,
            managed_care_years: MANAGED_CARE_YEARS,
            payload_days: 30,
            synthetic_days: 1,
        }
    }
}

impl Retention {
    /// The newest time, in milliseconds since 1970, whose records have had their time at `now_ms`.
    pub fn records_before(self, traffic: Traffic, cohort: Cohort, now_ms: i64) -> i64 {
        match (traffic, cohort) {
            (Traffic::Synthetic, _) => days_before(self.synthetic_days, now_ms),
            (Traffic::Real, Cohort::Commercial | Cohort::Exchange) => {
                years_before(self.audit_years, now_ms)
            }
            (Traffic::Real, Cohort::Medicaid | Cohort::MedicareAdvantage | Cohort::Mixed) => {
                years_before(self.managed_care_years, now_ms)
            }
        }
    }

    /// The same for entries that are about no single exchange.
    pub fn own_entries_before(self, now_ms: i64) -> i64 {
        years_before(self.audit_years.max(self.managed_care_years), now_ms)
    }

    /// The same for entries that say how many invented exchanges were removed.
    pub fn synthetic_before(self, now_ms: i64) -> i64 {
        days_before(self.synthetic_days, now_ms)
    }

    /// The newest receipt whose payloads have had their time at `now_ms`.
    pub fn payloads_before(self, now_ms: i64) -> i64 {
        days_before(self.payload_days, now_ms)
    }
}

fn days_before(days: u32, now_ms: i64) -> i64 {
    let now = DateTime::from_timestamp_millis(now_ms);
    let then = now.and_then(|now| now.checked_sub_days(Days::new(u64::from(days))));
    then.map_or(i64::MIN, |then| then.timestamp_millis())
}

fn years_before(years: u32, now_ms: i64) -> i64 {
    let now = DateTime::from_timestamp_millis(now_ms);
    let months = Months::new(years.saturating_mul(12));
    let then = now.and_then(|now| now.checked_sub_months(months));
    then.map_or(i64::MIN, |then| then.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};

    use super::*;

    #[test]
    fn each_kind_has_its_time() {
        let at = |year, month, day| {
            let at = Utc.with_ymd_and_hms(year, month, day, 12, 0, 0).unwrap();
            at.timestamp_millis()
        };
        let now = at(2032, 2, 29);
        let kept = Retention::default();
        let table = [
            (
                Traffic::Synthetic,
                Cohort::MedicareAdvantage,
                at(2032, 2, 28),
            ),
            (Traffic::Real, Cohort::Commercial, at(2026, 2, 28)),
            (Traffic::Real, Cohort::Exchange, at(2026, 2, 28)),
            (Traffic::Real, Cohort::Medicaid, at(2022, 2, 28)),
            (Traffic::Real, Cohort::MedicareAdvantage, at(2022, 2, 28)),
            (Traffic::Real, Cohort::Mixed, at(2022, 2, 28)),
        ];
        for (traffic, cohort, before) in table {
            let seen = kept.records_before(traffic, cohort, now);
            assert_eq!(seen, before, "{traffic:?} {cohort:?}");
        }
        assert_eq!(kept.payloads_before(now), at(2032, 1, 30));
        assert_eq!(kept.own_entries_before(now), at(2022, 2, 28));
    }
}
