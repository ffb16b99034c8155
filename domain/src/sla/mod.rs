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
mod fold;
mod ladder;
mod left_out;
mod period;
#[cfg(test)]
mod properties;
mod publication;
mod quarters;
mod report;
mod row;
mod verdict;
mod wording;

pub use admission::{DocketRefusal, admit};
pub use counts::RunCounts;
pub use credit::{CreditLine, CreditSum, credit_sum};
pub use definitions::{DEFINITIONS, Definition};
pub use docket::{Dispute, Docket, Exclusion, Incident, Published};
pub use docketed::{
    Change, Correction, DocketSection, Removed, ReportedDispute, ReportedExclusion,
    ReportedIncident,
};
pub use episode::{Episode, episodes};
pub use figure::Figure;
pub use fold::{promise_facts, trend_point};
pub use ladder::{LadderFault, ladder_fault};
pub use left_out::leave_out;
pub use period::{PeriodMistake, ReportPeriod};
pub use publication::{Publications, publications};
pub use quarters::{Quarter, QuartersFault, Tally, quarters_csv, read_quarters};
pub use report::{
    Agreement, AgreementFacts, Deadlines, JourneyCoverage, Latency, Party, Report, ReportFacts,
    SCHEMA, Source,
};
pub use row::{Day, EpochPart, LadderStep, PromiseFacts, Row, TrendPoint, instant};
pub use verdict::{Bounds, Judgement, Verdict, judge, wilson};
pub use wording::{percent, percent_down, percent_up, percentage_of};
