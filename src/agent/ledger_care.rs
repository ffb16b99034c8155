//! What the recorder does for the ledger between two batches: it deletes what is no longer kept, and sees that a
//! bounded ledger stays within its bound.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outrider_domain::model::{Retention, format_bytes, names};

use super::state::SharedState;
use crate::ledger::{Fullness, Ledger};

/// How often the ledger is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// Steps between two batches, while no event waits.
const STEPS_MAX: u32 = 20;

/// When the ledger was looked after last.
#[derive(Debug, Default)]
pub(super) struct LedgerCare {
    measured: Option<Instant>,
    is_failing: bool,
}

impl LedgerCare {
    /// Measures the ledger now and then, exports its size, and sets what it still takes. Returns whether it just
    /// began to take less, which is our own fault; that and its end are logged once.
    pub(super) fn measure(
        &mut self,
        ledger: &mut Ledger,
        shared: &SharedState,
        kept: &Retention,
        now: Instant,
    ) -> bool {
        let is_due = self
            .measured
            .is_none_or(|last| now.saturating_duration_since(last) >= MEASURE_EVERY);
        if !is_due {
            return false;
        }
        self.measured = Some(now);
        let Ok(size) = ledger.size() else {
            // The next write says what is wrong with it.
            return false;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "bytes of a file are exact in a double"
        )]
        let set = |metric, bytes: u64| shared.numbers().set(metric, &[], bytes as f64);
        set(&names::LEDGER_BYTES, size.bytes);
        match kept.ledger_max {
            Some(max) => set(&names::LEDGER_MAX_BYTES, max),
            None => shared.numbers().clear(&names::LEDGER_MAX_BYTES),
        }
        let (before, after) = (ledger.fullness(), Fullness::of(size.used, kept.ledger_max));
        if before == after {
            return false;
        }
        ledger.set_fullness(after);
        let used = format_bytes(size.used);
        let max = format_bytes(kept.ledger_max.unwrap_or_default());
        if after > before {
            tracing::error!(%used, %max, "the ledger is nearly full and {after}: raise `ledger_max`, or keep less with [retention]");
        } else {
            tracing::info!(%used, %max, "the ledger has space again and {after}");
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
