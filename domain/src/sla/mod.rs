//! What a contract's promises came to in a period: integers from counts to verdict and credit. Reports are made
//! of this; nothing here knows a file or a format other than the report's own JSON.

mod admission;
mod counts;
mod credit;
mod definitions;
mod docket;
mod docketed;
mod episode;
mod figure;
mod ladder;
mod period;
#[cfg(test)]
mod properties;
mod report;
mod row;
mod verdict;
mod wording;

pub use admission::{DocketRefusal, admit};
pub use counts::RunCounts;
pub use credit::{CreditLine, CreditSum, credit_sum};
pub use definitions::{DEFINITIONS, Definition};
pub use docket::{Dispute, Docket, Exclusion, Incident};
pub use docketed::{
    Change, Correction, Docketed, Removed, ReportedDispute, ReportedExclusion, ReportedIncident,
};
pub use episode::{Episode, episodes};
pub use figure::Figure;
pub use ladder::{LadderFault, ladder_fault};
pub use period::{PeriodMistake, ReportPeriod};
pub use report::{
    Agreement, AgreementFacts, Deadlines, JourneyCoverage, Latency, Party, Report, ReportFacts,
    SCHEMA, Source,
};
pub use row::{Day, EpochPart, LadderStep, PromiseFacts, Row, TrendPoint, instant};
pub use verdict::{Bounds, Judgement, Verdict, judge, wilson};
pub use wording::{percent, percent_down, percent_up, percentage_of};
