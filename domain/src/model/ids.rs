//! Names of things, cheap to copy.

use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that was checked where it was read.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

id!(
    /// A partner: the stem of its file in `partners/`.
    PartnerId
);
id!(
    /// A journey: the stem of its file in `probes/`.
    JourneyId
);
id!(
    /// A step within its journey.
    StepId
);
id!(
    /// An invented member within its set.
    MemberId
);
id!(
    /// One run; also its correlation id on the wire.
    RunId
);

/// A probe: a journey bound to one partner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId {
    /// The partner that is watched.
    pub partner: PartnerId,
    /// The journey that is walked.
    pub journey: JourneyId,
}

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partner, self.journey)
    }
}
