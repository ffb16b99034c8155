//! The closed lists of words that the agent's JSON and the fault table share.

use std::fmt;

use serde::Deserialize;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub(crate) enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

words!(
    /// The three layers, lowest first.
    Layer {
        /// Was the partner reached, and was the answer whole in time?
        Transport = "transport",
        /// Was every answer right by contract?
        Application = "application",
        /// Did the member get what is due?
        Business = "business",
    }
);

words!(
    /// Whose fault it is.
    Owner {
        /// The other payer's exchange.
        Partner = "partner",
        /// What lies between.
        Path = "path",
        /// Outrider itself.
        Agent = "agent",
    }
);

words!(
    /// What is said of one layer of one run.
    Verdict {
        /// It did what it should.
        Good = "good",
        /// It broke.
        Bad = "bad",
        /// A lower layer broke first.
        NotReached = "not_reached",
    }
);

words!(
    /// What the SLI counts of one layer of one run.
    Count {
        /// A good event.
        Good = "good",
        /// A bad event.
        Bad = "bad",
        /// No event.
        Out = "out",
    }
);

words!(
    /// What a run came to.
    Outcome {
        /// Nothing broke.
        Passed = "passed",
        /// A layer broke.
        Failed = "failed",
        /// Outrider itself could not look.
        AgentFault = "agent_fault",
        /// Over a limit in time, perhaps by Outrider's own delay.
        Inconclusive = "inconclusive",
    }
);

/// One word for each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByLayer<T> {
    /// Of the lowest layer.
    pub(crate) transport: T,
    /// Of the middle one.
    pub(crate) application: T,
    /// Of the highest.
    pub(crate) business: T,
}

impl<T: fmt::Display> fmt::Display for ByLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.transport, self.application, self.business
        )
    }
}
