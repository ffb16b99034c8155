//! What was found, and what it means.

use std::borrow::Cow;

use super::layer::closed;
use super::{AgentFault, Cause, Layer, LayerVerdict, Owner, StepId};

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
    /// Whether it held.
    pub held: bool,
    /// The cause it gives when it did not hold.
    pub cause: Cause,
    /// What should have been seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

impl Finding {
    /// Whether this finding breaks its layer.
    pub fn breaks(&self) -> bool {
        !self.held && self.severity == Severity::Fail
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
