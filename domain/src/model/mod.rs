//! The nouns. No I/O, no storage or file format.

mod access;
mod action;
mod address_range;
mod alerting;
mod auth;
mod baseline;
mod birth_date;
mod business;
mod cadence;
pub mod calendar;
pub mod catalogue;
mod certificate;
mod check;
mod civil;
mod closed;
mod completeness;
mod connection;
mod deprecated;
mod diff;
mod docket;
mod duration;
mod evidence;
mod failure;
mod free_text;
mod hash;
mod ids;
mod journey;
mod layer;
mod logged_action;
mod member;
mod message;
pub mod names;
mod not_json;
mod partner_request_id;
mod phase;
mod plan;
mod proxy;
mod quarter;
mod quirk;
mod raw_json;
mod record;
mod retention;
mod run_filter;
mod scale;
mod scaled;
mod series_labels;
mod sla;
mod slo;
mod starts;
mod timing;
mod unknown_value;
mod verdict;
mod zone;

pub use access::{
    Access, AccessToken, Deed, KnownBy, ListenTls, METRICS_PATH, MetricsAccess, OPEN_PATHS,
    Refusal, RequestsPerMinute, Role, TokenHash, Viewer,
};
pub use action::{Action, Download, GroupOracle, Poll, Release, Request, SignIn, Submit, Watch};
pub use address_range::AddressRange;
pub use alerting::{
    Alerting, BusinessHours, Channel, Escalation, ExchangeCore, Kpi, Smtp, WebhookUrl, Weekday,
};
pub use auth::{Auth, AuthKind, ClientCertificate};
pub use baseline::{Baseline, JsonKind, PathShape, TypeShape};
pub use business::{BusinessDays, is_business_day};
pub use cadence::{Cadence, Profile, WEEK_HOURS};
pub use calendar::{Calendar, CalendarSpan, Effect, Excuse, Weekly};
pub use catalogue::Check;
pub use certificate::{ChainEnd, HostChain};
pub use check::{AnswerCheck, RecordCheck, RunBy};
pub use civil::Civil;
pub use closed::closed;
pub use completeness::{KindScore, MISSING_NAMED_MAX, RecordKind};
pub use connection::{
    ConnectionPolicy, Family, FamilyWanted, HttpVersion, HttpWanted, Link, Retry, Transient,
};
pub use deprecated::{Deprecated, DeprecatedKind};
pub use diff::{Changes, FixedSetting, PlanDiff};
pub use docket::{DocketDeed, DocketEntry, DocketReason, DocketRequest, PublishedFigure};
pub use duration::format_duration;
pub use evidence::{
    Answer, JobTimes, Method, RequestEvidence, RequestKind, RequestResult, StepEvidence, StepState,
};
pub use failure::{
    AddressAttempt, AddressOutcome, ContentCoding, DnsFailure, Failure, Limit, ProxyFailure,
    RedirectFault, TlsFailure,
};
pub use free_text::{TextFault, free_text};
pub use hash::stable_hash;
pub use ids::{JourneyId, MemberId, PartnerId, ProbeId, RunId, StepId};
pub use journey::{Duty, Journey, Step, When};
pub use layer::{AgentFault, Cause, Layer, LayerVerdict, Owner};
pub use logged_action::{ActionFilter, ActionKind, LoggedAction};
pub use member::{Bucket, Expected, ExpectedResource, Identity, Member, MemberSet};
pub use message::{
    ASSERTION, Body, Capture, CaptureKind, Expect, Fresh, Headers, Is, JsonRule, JsonTemplate,
    NamedBody, Part, Query, Read, Root, Schema, Template,
};
pub use not_json::NotJson;
pub use partner_request_id::{PartnerRequestId, REQUEST_ID_FIELDS};
pub use phase::{Phase, Phases};
pub use plan::{
    Class, Limits, MetricsShown, Partner, Plan, Probe, Renames, ReportFolder, Settings,
};
pub use proxy::{Proxy, ProxyChoice};
pub use quarter::{quarter_length, quarter_of};
pub use quirk::Quirk;
pub use raw_json::RawJson;
pub use record::{
    Disposition, FollowUpRun, Job, Origin, Outcome, ReleaseAttempts, Reproduction, RunRecord, Tick,
};
pub use retention::{Retention, format_bytes};
pub use run_filter::RunFilter;
pub use scale::Scale;
pub use scaled::Unscalable;
pub use series_labels::{
    CertificateRole, LimitKind, OrphanResult, SubjectKind, WindowCount, WindowSpan,
};
pub use sla::{
    Basis, Combination, CreditTerms, Currency, Debtor, LadderRow, ReportingWindow, Sla, SlaPromise,
    Unmeasured, grouped,
};
pub use slo::{Clock, Measure, Slo, SloName, Threshold, TierName, Window};
pub use timing::{Measured, Punctuality, extended};
pub use unknown_value::{Position, UNKNOWN_VALUES_MAX, UnknownKind, UnknownValue};
pub use verdict::{Blame, BlameCause, Conformance, Count, Finding, Severity, Source, Verdict};
pub use zone::Zone;
