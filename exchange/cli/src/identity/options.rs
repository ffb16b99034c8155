//! Options that several commands about identity have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use exchange_identity::csv::BadDates;
use exchange_identity::rules::Sensitivity;

/// RuleOptions which rules.
#[derive(Args)]
pub(crate) struct RuleOptions {
    /// Rules file, or the version of a shipped set (identity-2); identity-1 when left out.
    #[arg(long)]
    pub(super) rules: Option<PathBuf>,
    /// How much harm a wrong disclosure of the payload does; picks the thresholds.
    #[arg(long, value_enum, default_value_t = Payload::Regular)]
    sensitivity: Payload,
}

/// [`Sensitivity`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Payload {
    /// Claims, encounters, clinical data.
    Regular,
    /// Behavioural health, reproductive health, HIV.
    Sensitive,
    /// Substance use records.
    Restricted,
}

impl RuleOptions {
    pub(super) fn sensitivity(&self) -> Sensitivity {
        match self.sensitivity {
            Payload::Regular => Sensitivity::Regular,
            Payload::Sensitive => Sensitivity::Sensitive,
            Payload::Restricted => Sensitivity::Restricted,
        }
    }
}

/// What to do with days of birth that do not exist.
#[derive(Args)]
pub(crate) struct Dates {
    /// Days of birth that do not exist: refuse the file, or count the cell as empty.
    #[arg(long, value_enum, default_value_t = OnBadDates::Refuse)]
    pub(super) bad_dates: OnBadDates,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum OnBadDates {
    /// Name every such row.
    Refuse,
    /// Go on without the date.
    Empty,
}

impl Dates {
    pub(super) fn policy(&self) -> BadDates {
        match self.bad_dates {
            OnBadDates::Refuse => BadDates::Refuse,
            OnBadDates::Empty => BadDates::Empty,
        }
    }
}
