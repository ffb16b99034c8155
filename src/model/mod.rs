//! The nouns. No I/O, no storage or file format.

mod alerting;
mod evidence;
mod ids;
mod layer;
mod member;
pub mod names;
mod plan;
mod record;
mod scale;
mod slo;
mod span;
mod verdict;

pub use alerting::{Alerting, BusinessHours, Escalation, Weekday};
pub use evidence::{
    Answer, Failure, JobTimes, Limit, Method, Phase, Phases, RequestEvidence, RequestKind,
    RequestResult, StepEvidence, StepState, TlsFailure,
};
pub use ids::{JourneyId, MemberId, PartnerId, ProbeId, RunId, StepId};
pub(crate) use layer::closed;
pub use layer::{AgentFault, Cause, Layer, LayerVerdict, Owner};
pub use member::{Bucket, Expected, ExpectedResource, Identity, Member, MemberSet};
pub use plan::{
    Action, Auth, Body, Cadence, Capture, Check, Expect, Journey, JsonRule, Part, Partner, Plan,
    Probe, Query, Read, Root, SecretRef, Settings, Step, Template, When,
};
pub use record::{Disposition, Job, Origin, Outcome, RunRecord, Tick};
pub use scale::{Scale, Unscalable};
pub use slo::{Clock, Measure, Slo, SloName, TierName, Window};
pub use span::span;
pub use verdict::{Blame, BlameCause, Count, Finding, Severity, Verdict};
