//! Why the demo stopped early.

use std::io;

/// The result of a part of the demo.
pub(crate) type Step<T> = Result<T, Stop>;

/// Why the demo stopped early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A person asked to stop.
    Stopped,
    /// Something that the demo needs does not work.
    Trouble(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(why: anyhow::Error) -> Self {
        Self::Trouble(why)
    }
}

impl From<io::Error> for Stop {
    fn from(why: io::Error) -> Self {
        Self::Trouble(why.into())
    }
}
