//! The names of the series that recording rules write.

/// Bad runs within a tier's long window.
pub(super) const BAD_LONG: &str = "outrider:slo_bad:long_window";
/// Bad runs within a tier's short window.
pub(super) const BAD_SHORT: &str = "outrider:slo_bad:short_window";
/// Judged runs within a tier's long window.
pub(super) const EVENTS_LONG: &str = "outrider:slo_events:long_window";
/// Judged runs within a tier's short window.
pub(super) const EVENTS_SHORT: &str = "outrider:slo_events:short_window";
/// Runs that were due within a tier's long window, as the ticks say: fewer than the schedule's where the
/// agent is young.
pub(super) const TICKS_LONG: &str = "outrider:slo_ticks:long_window";
/// The count above which a tier fires.
pub(super) const THRESHOLD: &str = "outrider:slo_bad:threshold";
/// Bad runs within an objective's whole window.
pub(super) const BAD_PERIOD: &str = "outrider:slo_bad:period";
/// Bad runs that an objective's window may hold.
pub(super) const BUDGET: &str = "outrider:slo_bad:budget";
/// Judged runs of a probe within its window of coverage.
pub(super) const JUDGED: &str = "outrider:runs_judged:window";
/// Runs that declared blackout or maintenance left out, in the same window.
pub(super) const EXCUSED: &str = "outrider:ticks_excused:window";
/// Runs due in the same window.
pub(super) const DUE: &str = "outrider:runs_due:window";
