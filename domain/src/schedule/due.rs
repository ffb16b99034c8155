//! What was due: intended starts counted from the plan, whatever became of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::{Plan, Probe, ProbeId, SloName, quarter_of};

/// Intended starts of a probe within one quarter hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCount {
    /// Of which probe.
    pub probe: ProbeId,
    /// The objectives of its partner that count it.
    pub slos: Vec<SloName>,
    /// The begin of the quarter hour.
    pub quarter: DateTime<Utc>,
    /// The last of them.
    pub last: DateTime<Utc>,
    /// All of them.
    pub due: u64,
    /// Those that declared blackout or maintenance held back.
    pub held: u64,
    /// Of the rest, those with muted alerts.
    pub no_alert: u64,
    /// Of the rest, those that the SLA leaves out.
    pub excluded: u64,
    /// Of the rest, those with either.
    pub quiet: u64,
}

/// Intended starts of a probe in `(after, until]` by quarter hour, oldest first.
pub fn due_counts(
    plan: &Plan,
    probe: &Probe,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<DueCount> {
    let partner = plan.partners.get(&probe.id.partner);
    let slos = partner.into_iter().flat_map(|one| one.slos.values());
    let slos = slos.filter(|slo| slo.journeys.contains(&probe.id.journey));
    let slos: Vec<SloName> = slos.map(|slo| slo.name).collect();
    let mut quarters: BTreeMap<DateTime<Utc>, DueCount> = BTreeMap::new();
    for due_at in probe.starts(after, until) {
        let quarter = quarter_of(plan.scale, due_at);
        let count = quarters.entry(quarter).or_insert_with(|| DueCount {
            probe: probe.id.clone(),
            slos: slos.clone(),
            quarter,
            last: due_at,
            due: 0,
            held: 0,
            no_alert: 0,
            excluded: 0,
            quiet: 0,
        });
        let excuse = plan.excuse(&probe.id.partner, due_at);
        count.last = due_at;
        count.due += 1;
        count.held += u64::from(excuse.held);
        if !excuse.held {
            count.no_alert += u64::from(excuse.no_alert);
            count.excluded += u64::from(excuse.excluded);
            count.quiet += u64::from(excuse.is_quiet());
        }
    }
    quarters.into_values().collect()
}
