//! Which member a tick carries: every member once before any comes again, in an order drawn from
//! the probe's seed.

use chrono::{DateTime, Utc};

use super::spread::stable_hash;
use crate::model::{Cadence, Member, MemberSet, Probe};

/// The member of one tick; none when the set is empty.
pub fn member_of<'a>(
    probe: &Probe,
    set: &'a MemberSet,
    due_at: DateTime<Utc>,
) -> Option<&'a Member> {
    let mut order: Vec<&Member> = set.members.iter().collect();
    order.sort_by_cached_key(|member| stable_hash(&format!("{}:{}", probe.seed, member.id)));
    let ordinal = match &probe.cadence {
        Cadence::Every(period) => {
            let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
            u64::try_from(due_at.timestamp_millis()).unwrap_or(0) / period_ms
        }
        // Occurrences of cron have no number of their own; a hash visits all over time.
        Cadence::Cron(_) => stable_hash(&due_at.timestamp().to_string()),
    };
    let length = u64::try_from(order.len())
        .ok()
        .filter(|length| *length > 0)?;
    order.get(usize::try_from(ordinal % length).ok()?).copied()
}
