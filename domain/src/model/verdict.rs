//! What was found, and what it means.

use std::borrow::Cow;

use super::closed::closed;
use super::{AgentFault, Cause, Layer, LayerVerdict, Owner, StepId, UnknownValue};

closed!(
    /// What a finding does to the verdict.
    Severity {
        /// Breaks its layer.
        Fail = "fail",
        /// Is shown, breaks nothing.
        Warn = "warn",
        /// Is recorded: a quirk the partner may have.
        Info = "info",
    }
);

closed!(
    /// Who asks for what a check looks at. A partner can satisfy the regulation and fail the guide, and
    /// the other way round, so each has a verdict of its own.
    Source {
        /// CMS-0057-F: what must move, what must not, for whom.
        Regulation = "regulation",
        /// The guides it leans on: PDex, Bulk Data, SMART, CARIN, US Core.
        Guide = "guide",
        /// What was agreed with the partner: an address, an oracle, a limit.
        Contract = "contract",
    }
);

closed!(
    /// What all findings of one source say together.
    Conformance {
        /// All that was looked at held.
        Held = "held",
        /// Nothing broke, something is worth a warning.
        Warned = "warned",
        /// Something broke.
        Broken = "broken",
        /// Nothing was looked at.
        NotReached = "not_reached",
    }
);

impl Conformance {
    /// What these findings say of one source.
    pub fn of<'f>(source: Source, findings: impl Iterator<Item = &'f Finding>) -> Self {
        let mut all = Self::NotReached;
        for finding in findings.filter(|finding| finding.source == source) {
            let one = match (finding.passed, finding.severity) {
                (true, _) | (false, Severity::Info) => Self::Held,
                (false, Severity::Warn) => Self::Warned,
                (false, Severity::Fail) => Self::Broken,
            };
            all = match (all, one) {
                (Self::NotReached, one) => one,
                (all, one) => all.max(one),
            };
        }
        all
    }
}

/// One check's answer. `expected` and `seen` hold counts, names of types and codes; never values
/// out of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The catalogue id, such as `B-02`; empty where the catalogue has no line.
    pub id: Cow<'static, str>,
    /// The check's name, such as `accounting-identity`.
    pub check: Cow<'static, str>,
    /// What it does when not held.
    pub severity: Severity,
    /// Who asks for it.
    pub source: Source,
    /// Whether it held.
    pub passed: bool,
    /// The cause it gives when it did not hold.
    pub cause: Cause,
    /// What should have been seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// The first values behind it that the oracle does not know.
    pub unknown: Box<[UnknownValue]>,
}

impl Finding {
    /// Whether this finding breaks its layer.
    pub fn breaks(&self) -> bool {
        !self.passed && self.severity == Severity::Fail
    }

    /// The same, with values that the oracle does not know.
    #[must_use]
    pub fn with_unknown(self, unknown: Vec<UnknownValue>) -> Self {
        Self {
            unknown: unknown.into(),
            ..self
        }
    }
}

/// The cause in a blame: the partner's or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlameCause {
    /// A layer of the exchange broke.
    Layer(Cause),
    /// Outrider could not look.
    Agent(AgentFault),
}

impl BlameCause {
    /// The word used in labels and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer(cause) => cause.name(),
            Self::Agent(fault) => fault.name(),
        }
    }

    /// The layer that broke; none when Outrider could not look.
    pub fn layer(self) -> Option<Layer> {
        match self {
            Self::Layer(cause) => Some(cause.layer()),
            Self::Agent(_) => None,
        }
    }

    /// The page to open, relative to the repository.
    pub fn runbook(self) -> String {
        match self {
            Self::Layer(cause) => cause.runbook(),
            Self::Agent(fault) => fault.runbook(),
        }
    }
}

/// The first broken layer takes the blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Why.
    pub cause: BlameCause,
    /// Whose fault.
    pub owner: Owner,
    /// Where; none when it is the run as a whole.
    pub step: Option<StepId>,
    /// One sentence for a person, free of payload.
    pub summary: String,
}

/// What one run means, layer by layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Transport, application, business.
    pub layers: [LayerVerdict; 3],
    /// Who is to blame; none when nothing broke.
    pub blame: Option<Blame>,
    /// What the SLI counts, layer by layer.
    pub counts: [Count; 3],
}

impl Verdict {
    /// The verdict of one layer.
    pub fn of(&self, layer: Layer) -> LayerVerdict {
        self.layers[layer as usize]
    }

    /// What the SLI counts for one layer.
    pub fn count(&self, layer: Layer) -> Count {
        self.counts[layer as usize]
    }
}

closed!(
    /// How one run enters one layer's count.
    Count {
        /// An event, and good.
        Good = "good",
        /// An event, and bad.
        Bad = "bad",
        /// No event: the layer was not judged, or the fault was ours.
        Out = "out",
    }
);
