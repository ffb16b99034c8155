//! Points at which the process exits on purpose, for the test that goes through all of them.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::exchange::Event;

/// Before or after the durable write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Right before it: as if the event had never happened.
    Before,
    /// Right after it.
    After,
}

/// Where to die: at the n-th event of that kind, on that side of its write.
#[derive(Debug)]
pub struct CrashAt {
    event: Event,
    side: Side,
    left: AtomicU32,
}

impl CrashAt {
    /// Reads `before:accepted`, or `after:accepted:2` for the second one.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let side = match parts.next()? {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return None,
        };
        let event = Event::named(parts.next()?)?;
        let left = parts.next().map_or(Some(1), |count| count.parse().ok())?;
        Some(Self {
            event,
            side,
            left: AtomicU32::new(left),
        })
    }

    /// Dies when this is the point.
    pub(super) fn pass(&self, event: Event, side: Side) {
        if self.event == event && self.side == side && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            tracing::error!(
                event = event.name(),
                ?side,
                "exits at the point of --crash-at"
            );
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read() {
        for (text, good) in [
            ("before:accepted", true),
            ("after:kickoff-sent:2", true),
            ("after:lunch", false),
            ("during:accepted", false),
            ("before:accepted:x", false),
        ] {
            assert_eq!(CrashAt::read(text).is_some(), good, "{text}");
        }
    }
}
