//! How often the status of one job may be asked for.

use std::collections::BTreeMap;

use super::limits::{POLLED_JOBS_MAX, POLLS_A_MINUTE_MAX};

/// The polls of the minute that runs.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    minute: i64,
    counts: BTreeMap<String, u32>,
}

impl Polls {
    /// Counts a poll; the seconds to wait when it is one too many.
    pub(crate) fn one_more(&mut self, job: &str, now_ms: i64) -> Result<(), i64> {
        let minute = now_ms.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        if self.counts.len() >= POLLED_JOBS_MAX && !self.counts.contains_key(job) {
            return Ok(());
        }
        let count = self.counts.entry(job.to_owned()).or_default();
        *count = count.saturating_add(1);
        if *count > POLLS_A_MINUTE_MAX {
            let rest = (minute + 1) * 60_000 - now_ms;
            return Err((rest + 999).div_euclid(1_000).max(1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_poll_too_many_waits_for_the_next_minute() {
        let mut polls = Polls::default();
        for _ in 0..POLLS_A_MINUTE_MAX {
            assert_eq!(polls.one_more("j", 120_000), Ok(()));
        }
        assert_eq!(polls.one_more("j", 150_500), Err(30));
        assert_eq!(polls.one_more("other", 150_500), Ok(()));
        assert_eq!(polls.one_more("j", 180_000), Ok(()));
    }
}
