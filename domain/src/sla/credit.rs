//! Credits: shares of the fee per million are added and capped as integers, and money is rounded once, at the end.

use serde::{Deserialize, Serialize};

use crate::model::{Combination, CreditTerms, Currency, SlaPromise, Unmeasured};

use super::counts::RunCounts;
use super::ladder::row_of;
use super::verdict::Verdict;

/// What one missed promise is credited, as a share of the fee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditLine {
    /// Which promise.
    pub promise: String,
    /// The row that was hit: from this share of good runs per million on.
    pub from_ppm: u32,
    /// Below this one.
    pub below_ppm: u32,
    /// What the row says, per million of the fee.
    pub credit_ppm: u32,
    /// What it comes to under the promise's own cap.
    pub capped_ppm: u32,
}

/// The sum of the credits of an agreement in a reporting window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditSum {
    /// Three letters.
    pub currency: String,
    /// Decimals of the minor unit.
    pub decimals: u32,
    /// The fee that percentages are of, in minor units.
    pub fee_minor: u64,
    /// `sum` or `largest`.
    pub combination: String,
    /// One line a missed promise that has a ladder.
    pub lines: Vec<CreditLine>,
    /// What the lines come to together, per million of the fee.
    pub combined_ppm: u64,
    /// The most that they may.
    pub cap_ppm: u32,
    /// What they come to under the cap.
    pub capped_ppm: u32,
    /// A smaller amount is not credited, in minor units.
    pub minimum_minor: u64,
    /// The fee times the share, rounded half up once, in minor units; 0 below the minimum.
    pub amount_minor: u64,
}

impl CreditSum {
    /// An amount in minor units of its currency in words, such as `1,240.00 USD`.
    pub fn money(&self, minor: u64) -> String {
        let currency = Currency {
            code: self.currency.clone(),
            decimals: self.decimals,
        };
        currency.format(minor)
    }
}

/// The line of one promise; none unless it was missed and has a ladder. The share is the one that proves the miss:
/// with every unmeasured run good, or without them where the contract leaves them out.
pub(super) fn line(
    promise: &SlaPromise,
    verdict: Verdict,
    counts: RunCounts,
    unmeasured: Unmeasured,
) -> Option<CreditLine> {
    if verdict != Verdict::Missed {
        return None;
    }
    let of = match unmeasured {
        Unmeasured::WorstCase => counts.due,
        Unmeasured::LeaveOut { .. } => counts.judged,
    };
    let row = row_of(&promise.ladder, of.saturating_sub(counts.bad), of)?;
    Some(CreditLine {
        promise: promise.of.name().to_owned(),
        from_ppm: row.from_ppm,
        below_ppm: row.below_ppm,
        credit_ppm: row.credit_ppm,
        capped_ppm: row.credit_ppm.min(promise.cap_ppm),
    })
}

/// Adds the lines of an agreement up.
pub fn credit_sum(terms: &CreditTerms, lines: Vec<CreditLine>) -> CreditSum {
    let shares = lines.iter().map(|line| u64::from(line.capped_ppm));
    let combined_ppm = match terms.combination {
        Combination::Sum => shares.sum(),
        Combination::Largest => shares.max().unwrap_or_default(),
    };
    let capped = combined_ppm.min(u64::from(terms.cap_ppm));
    let amount = (u128::from(terms.fee) * u128::from(capped) + 500_000) / 1_000_000;
    let amount = u64::try_from(amount).unwrap_or(u64::MAX);
    CreditSum {
        currency: terms.currency.code.clone(),
        decimals: terms.currency.decimals,
        fee_minor: terms.fee,
        combination: terms.combination.name().to_owned(),
        lines,
        combined_ppm,
        cap_ppm: terms.cap_ppm,
        capped_ppm: u32::try_from(capped).unwrap_or(u32::MAX),
        minimum_minor: terms.minimum,
        amount_minor: if amount < terms.minimum { 0 } else { amount },
    }
}
