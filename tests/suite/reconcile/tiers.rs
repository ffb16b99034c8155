//! The tiers of burn alerts, worked out by hand for the scaled objectives.

/// How many due runs each tier looks back: a run in two minutes for an hour and for six; lately in five runs, which
/// are more than five minutes hold, and in half an hour.
pub(super) const TIERS: [TierByHand; 2] = [
    TierByHand {
        name: "page-fast",
        bad_runs: [3, 3, 3],
        long: 30,
        short: 5,
    },
    TierByHand {
        name: "page-slow",
        bad_runs: [3, 3, 6],
        long: 180,
        short: 15,
    },
];

/// One tier: how many bad runs fire it for each layer, and its windows in due runs.
pub(super) struct TierByHand {
    pub(super) name: &'static str,
    pub(super) bad_runs: [u64; 3],
    pub(super) long: usize,
    pub(super) short: usize,
}
