//! An exchange and the members in it: what is kept of them, and how they may move. Pure.

mod fold;
mod metadata;
mod record;
mod state;

pub use fold::{Standing, fold};
pub use metadata::{
    Cohort, Criticality, LegalBasis, LegalKind, Metadata, Purpose, Traffic, Trigger,
};
pub use record::{Exchange, Job, Member, Missing, Reason, Step, StoredUrl, Why};
pub use state::{Event, State, TRANSITIONS, Transition, next};
