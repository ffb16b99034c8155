//! What the recorder does for the ledger between two batches: it deletes what is no longer kept, and sees that a
//! bounded ledger stays within its bound.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outrider_domain::model::{Retention, format_bytes, names};

use super::state::SharedState;
use crate::expose::Health;
use crate::ledger::{Fullness, Ledger, LedgerError};

/// How often the ledger is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// Steps between two batches, while no event waits.
const STEPS_MAX: u32 = 20;

/// When the ledger was looked after last.
#[derive(Debug, Default)]
pub(super) struct LedgerCare {
    measured: Option<Instant>,
    kept: Option<Retention>,
    /// What it was said to give up, in numbers and words.
    fullness: Option<Fullness>,
    is_failing: bool,
}

impl LedgerCare {
    /// Bounds the ledger and exports its size, now and then; and says what it gives up once that changes: in the log, in a
    /// gauge, on `/readyz`. Returns whether it just began to give up more, which is our own fault.
    pub(super) fn measure(
        &mut self,
        ledger: &mut Ledger,
        (shared, health): (&SharedState, &Health),
        kept: &Retention,
        now: Instant,
    ) -> bool {
        let is_due = self
            .measured
            .is_none_or(|last| now.saturating_duration_since(last) >= MEASURE_EVERY);
        if is_due || self.kept != Some(*kept) {
            (self.measured, self.kept) = (Some(now), Some(*kept));
            // If it cannot be measured, the next write says what is wrong with it.
            self.fullness = match export(ledger, shared, kept) {
                Ok(()) => self.fullness.filter(|_| kept.ledger_max.is_some()),
                Err(_) => return false,
            };
        }
        let before = self.fullness.unwrap_or_default();
        let after = ledger.fullness();
        let Some(max) = kept.ledger_max else {
            shared.numbers().clear(&names::LEDGER_STAGE);
            health.ledger_note(None);
            return false;
        };
        if self.fullness.replace(after) == Some(after) {
            return false;
        }
        for stage in Fullness::ALL {
            let is = if stage == after { 1.0 } else { 0.0 };
            let mut numbers = shared.numbers();
            numbers.set(&names::LEDGER_STAGE, &[stage.name()], is);
        }
        let max = format_bytes(max);
        let is_whole = after == Fullness::Everything;
        health.ledger_note((!is_whole).then(|| {
            format!(
                "the ledger is full: within `ledger_max` = {max} it {after}; runbook ledger-full"
            )
        }));
        if after > before {
            tracing::error!(stage = after.name(), %max, "the ledger is full and {after}: raise `ledger_max`, or keep less with [retention]");
        } else if after < before {
            tracing::info!(stage = after.name(), %max, "the ledger has space again and {after}");
        }
        after > before
    }

    /// Takes small steps of deletion for as long as nothing waits for the recorder.
    pub(super) fn retain(
        &mut self,
        ledger: &mut Ledger,
        kept: &Retention,
        now: DateTime<Utc>,
        is_idle: impl Fn() -> bool,
    ) {
        for _ in 0..STEPS_MAX {
            if !is_idle() {
                return;
            }
            match ledger.retain(kept, now) {
                Ok(is_more) => {
                    self.is_failing = false;
                    if !is_more {
                        return;
                    }
                }
                Err(why) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!(error = %why, "what is no longer kept could not be deleted; trying again");
                    }
                    return;
                }
            }
        }
    }
}

/// Sets the bound and exports the size.
fn export(ledger: &mut Ledger, shared: &SharedState, kept: &Retention) -> Result<(), LedgerError> {
    ledger.set_bound(kept.ledger_max)?;
    let size = ledger.size()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of a file are exact in a double"
    )]
    let set = |metric, bytes: u64| shared.numbers().set(metric, &[], bytes as f64);
    set(&names::LEDGER_BYTES, size.bytes());
    match kept.ledger_max {
        Some(max) => set(&names::LEDGER_MAX_BYTES, max),
        None => shared.numbers().clear(&names::LEDGER_MAX_BYTES),
    }
    Ok(())
}
