//! The tiers of burn alerts, worked out by hand for the scaled objectives.

/// How long each tier looks back, in scaled seconds, and what is due then.
pub(super) const TIERS: [TierByHand; 2] = [
    TierByHand {
        name: "page-fast",
        bad_runs: [3, 3, 3],
        long: 30.0,
        short: 8.0,
        due: 30,
        due_short: 8,
    },
    TierByHand {
        name: "page-slow",
        bad_runs: [3, 3, 6],
        long: 180.0,
        short: 15.0,
        due: 180,
        due_short: 15,
    },
];

/// One tier: how many bad runs fire it for each layer, and its windows in scaled seconds.
pub(super) struct TierByHand {
    pub(super) name: &'static str,
    pub(super) bad_runs: [u64; 3],
    pub(super) long: f64,
    pub(super) short: f64,
    pub(super) due: u64,
    pub(super) due_short: u64,
}
