//! What a contract says of one direction: debtor and creditor, how it is counted, and what a missed
//! promise costs. The nouns of `[[sla]]` in a partner's file; `crate::sla` counts with them.

use super::closed::closed;
use super::{SloName, Zone};

closed!(
    /// Who owes the promises of an agreement.
    Debtor {
        /// The partner owes them to us.
        Partner = "partner",
        /// We owe them to the partner.
        Us = "us",
    }
);

closed!(
    /// Which runs a verdict counts.
    Basis {
        /// Without the runs that declared windows leave out of the SLA.
        Net = "net",
        /// All of them.
        Raw = "raw",
    }
);

closed!(
    /// The stretch of the contract's calendar that a verdict is due for.
    ReportingWindow {
        /// A calendar month.
        Month = "month",
        /// A calendar quarter.
        Quarter = "quarter",
        /// An ISO week, from Monday on.
        Week = "week",
    }
);

closed!(
    /// How credits of several missed promises add up.
    Combination {
        /// Their sum.
        Sum = "sum",
        /// The largest alone.
        Largest = "largest",
    }
);

/// What runs count as that were due and not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// Bad where a promise would be met, good where it would be missed.
    WorstCase,
    /// Nothing, while at least this share of what was due was judged.
    LeaveOut {
        /// Judged runs per million due, at least.
        coverage_floor_ppm: u32,
    },
}

/// An ISO 4217 currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// Three capital letters.
    pub code: String,
    /// Decimals of its minor unit: 2 for most, 0 or 3 for some.
    pub decimals: u32,
}

impl Currency {
    /// An amount in minor units with its code, such as `1,240.00 USD`.
    pub fn format(&self, minor: u64) -> String {
        let unit = 10_u64.pow(self.decimals);
        let (whole, rest) = (minor / unit, minor % unit);
        let whole = grouped(whole);
        match usize::try_from(self.decimals).unwrap_or_default() {
            0 => format!("{whole} {}", self.code),
            digits => format!("{whole}.{rest:0digits$} {}", self.code),
        }
    }
}

/// A number with a comma before each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What missed promises of an agreement cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditTerms {
    /// Of every amount.
    pub currency: Currency,
    /// What a reporting window costs, in minor units: percentages are of it.
    pub fee: u64,
    /// How several credits add up.
    pub combination: Combination,
    /// The most that a window's credits come to, per million of the fee.
    pub cap_ppm: u32,
    /// A smaller sum is not credited, in minor units; 0 for none.
    pub minimum: u64,
}

/// One row of a credit ladder: shares in `[from_ppm, below_ppm)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderRow {
    /// Good runs per million, at least.
    pub from_ppm: u32,
    /// Good runs per million, less than this.
    pub below_ppm: u32,
    /// The credit, per million of the fee.
    pub credit_ppm: u32,
}

/// One promise of an agreement: an objective of the partner, with the share that the contract names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaPromise {
    /// What is counted: the runs of `[slo.<of>]`.
    pub of: SloName,
    /// Good runs per million that are promised.
    pub target_ppm: u32,
    /// With fewer judged runs there is no verdict.
    pub minimum_runs: u64,
    /// Its credit ladder, from the lowest share up; empty for none. It tiles `[0, target)`.
    pub ladder: Vec<LadderRow>,
    /// The most that this promise is credited, per million of the fee.
    pub cap_ppm: u32,
}

/// An agreement in one direction (`[[sla]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sla {
    /// Who owes it.
    pub owes: Debtor,
    /// Whom it is owed to, by name.
    pub to: String,
    /// Who measures, by name.
    pub measured_by: String,
    /// The contract's civil time.
    pub zone: Zone,
    /// What a verdict is due for.
    pub window: ReportingWindow,
    /// Which runs decide.
    pub basis: Basis,
    /// What runs count as that were not judged.
    pub unmeasured: Unmeasured,
    /// Civil days after the end of a window within which its report is published.
    pub publish_by_days: u32,
    /// Civil days after that within which a reader may object.
    pub dispute_within_days: u32,
    /// What missed promises cost; none where the contract names no credits.
    pub credits: Option<CreditTerms>,
    /// What is promised, in the order of the file.
    pub promises: Vec<SlaPromise>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let currency = |code: &str, decimals| Currency {
            code: code.to_owned(),
            decimals,
        };
        assert_eq!(currency("USD", 2).format(124_005), "1,240.05 USD");
        assert_eq!(currency("JPY", 0).format(1_234_567), "1,234,567 JPY");
        assert_eq!(currency("KWD", 3).format(1_007), "1.007 KWD");
        assert_eq!(currency("USD", 2).format(0), "0.00 USD");
    }
}
