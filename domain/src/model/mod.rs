//! The nouns. No I/O, no storage or file format.

mod alerting;
mod auth;
mod baseline;
mod business;
mod cadence;
pub mod calendar;
pub mod catalogue;
mod check;
mod civil;
mod closed;
mod completeness;
mod content;
mod deprecated;
mod diff;
mod evidence;
mod ids;
mod journey;
mod layer;
mod member;
pub mod names;
mod plan;
mod quirk;
mod reach;
mod record;
mod scale;
mod scaled;
mod slo;
mod span;
mod spread;
mod starts;
mod verdict;
mod zone;

pub use alerting::{Alerting, BusinessHours, Escalation, Weekday};
pub use auth::{Auth, AuthKind, ClientCertificate, SecretRef};
pub use baseline::{Baseline, JsonKind, PathShape, TypeShape};
pub use business::{BusinessDays, is_business_day};
pub use cadence::{Cadence, Profile, WEEK_HOURS};
pub use calendar::{Calendar, CalendarSpan, Effect, Weekly};
pub use catalogue::Check;
pub use check::{AnswerCheck, RecordCheck, RunBy};
pub use civil::Civil;
pub use closed::closed;
pub use completeness::{KindScore, MISSING_NAMED_MAX, RecordKind};
pub use content::{
    ASSERTION, Body, Capture, CaptureKind, Expect, Filling, Fresh, Headers, Is, JsonRule,
    NamedBody, Part, Query, Read, Root, Schema, Template,
};
pub use deprecated::{Deprecated, DeprecatedKind};
pub use diff::{Changes, FixedSetting, PlanDiff};
pub use evidence::{
    Answer, Failure, JobTimes, Limit, Method, Phase, Phases, RequestEvidence, RequestKind,
    RequestResult, StepEvidence, StepState, TlsFailure,
};
pub use ids::{JourneyId, MemberId, PartnerId, ProbeId, RunId, StepId};
pub use journey::{Action, Duty, Journey, Step, When};
pub use layer::{AgentFault, Cause, Layer, LayerVerdict, Owner};
pub use member::{Bucket, Expected, ExpectedResource, Identity, Member, MemberSet};
pub use plan::{Class, Limits, Partner, Plan, Probe, Settings};
pub use quirk::Quirk;
pub use reach::{
    Connection, Family, FamilyWanted, HttpVersion, HttpWanted, Link, Retry, Transient,
};
pub use record::{Aside, Disposition, Job, Origin, Outcome, Reproduction, RunRecord, Tick};
pub use scale::Scale;
pub use scaled::Unscalable;
pub use slo::{Clock, Measure, Slo, SloName, Threshold, TierName, Window};
pub use span::span;
pub use spread::stable_hash;
pub use verdict::{Blame, BlameCause, Conformance, Count, Finding, Severity, Source, Verdict};
pub use zone::Zone;
