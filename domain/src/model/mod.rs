//! The nouns. No I/O, no storage or file format.

mod action;
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
mod connection;
mod deprecated;
mod diff;
mod duration;
mod evidence;
mod hash;
mod ids;
mod journey;
mod layer;
mod member;
mod message;
pub mod names;
mod plan;
mod quirk;
mod record;
mod scale;
mod scaled;
mod slo;
mod starts;
mod verdict;
mod zone;

pub use action::{Action, Download, Poll, Release, Request, SignIn, Submit, Watch};
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
pub use connection::{
    ConnectionPolicy, Family, FamilyWanted, HttpVersion, HttpWanted, Link, Retry, Transient,
};
pub use deprecated::{Deprecated, DeprecatedKind};
pub use diff::{Changes, FixedSetting, PlanDiff};
pub use duration::format_duration;
pub use evidence::{
    Answer, Failure, JobTimes, Limit, Method, Phase, Phases, RequestEvidence, RequestKind,
    RequestResult, StepEvidence, StepState, TlsFailure,
};
pub use hash::stable_hash;
pub use ids::{JourneyId, MemberId, PartnerId, ProbeId, RunId, StepId};
pub use journey::{Duty, Journey, Step, When};
pub use layer::{AgentFault, Cause, Layer, LayerVerdict, Owner};
pub use member::{Bucket, Expected, ExpectedResource, Identity, Member, MemberSet};
pub use message::{
    ASSERTION, Body, Capture, CaptureKind, Expect, Fresh, Headers, Is, JsonRule, JsonTemplate,
    NamedBody, Part, Query, Read, Root, Schema, Template,
};
pub use plan::{Class, Limits, Partner, Plan, Probe, Settings};
pub use quirk::Quirk;
pub use record::{Disposition, FollowUpRun, Job, Origin, Outcome, Reproduction, RunRecord, Tick};
pub use scale::Scale;
pub use scaled::Unscalable;
pub use slo::{Clock, Measure, Slo, SloName, Threshold, TierName, Window};
pub use verdict::{Blame, BlameCause, Conformance, Count, Finding, Severity, Source, Verdict};
pub use zone::Zone;
