//! A measured time against a limit, with what our own delay added to it.

use std::time::Duration;

use super::closed::closed;

closed!(
    /// What a measured time says about the partner.
    Punctuality {
        /// Within the limit, our own delay included.
        InTime = "in_time",
        /// Over the limit, even without our own delay.
        Late = "late",
        /// Over the limit, and our own delay alone could have made it so.
        Inconclusive = "inconclusive",
    }
);

/// A duration as it was measured, and how much of it was our own delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The whole duration.
    pub duration: Duration,
    /// Of it, at most so much was our own delay.
    pub own_delay: Duration,
}

impl Measured {
    /// Judges the time by whether a duration is within its limit.
    pub fn judge(self, is_within: impl Fn(Duration) -> bool) -> Punctuality {
        if is_within(self.duration) {
            Punctuality::InTime
        } else if is_within(self.duration.saturating_sub(self.own_delay)) {
            Punctuality::Inconclusive
        } else {
            Punctuality::Late
        }
    }

    /// Judges the time against the longest duration that is good.
    pub fn against(self, limit: Duration) -> Punctuality {
        self.judge(|duration| duration <= limit)
    }
}

/// The end of a wait whose limit is extended by the own delay so far, at most doubled: what we
/// delayed ourselves does not shorten the time that a partner has, and a partner that never answers
/// runs out of time all the same.
pub fn extended(limit: Duration, own_delay: Duration) -> Duration {
    limit.saturating_add(own_delay.min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_that_is_over_without_our_own_delay_is_late() {
        let ms = Duration::from_millis;
        let judged = |duration, own_delay| {
            let measured = Measured {
                duration: ms(duration),
                own_delay: ms(own_delay),
            };
            measured.against(ms(100))
        };
        assert_eq!(judged(100, 0), Punctuality::InTime);
        assert_eq!(judged(100, 90), Punctuality::InTime);
        assert_eq!(judged(101, 0), Punctuality::Late);
        assert_eq!(judged(101, 1), Punctuality::Inconclusive);
        assert_eq!(judged(151, 50), Punctuality::Late);
        assert_eq!(judged(50, 400), Punctuality::InTime);
        assert_eq!(judged(300, 400), Punctuality::Inconclusive);
    }

    #[test]
    fn a_limit_is_extended_by_the_own_delay_and_at_most_doubled() {
        let ms = Duration::from_millis;
        assert_eq!(extended(ms(100), ms(0)), ms(100));
        assert_eq!(extended(ms(100), ms(30)), ms(130));
        assert_eq!(extended(ms(100), ms(500)), ms(200));
        // What waited so long for nothing is late, whatever we added below the limit.
        let waited = Measured {
            duration: extended(ms(100), ms(30)) + ms(1),
            own_delay: ms(30),
        };
        assert_eq!(waited.against(ms(100)), Punctuality::Late);
    }
}
