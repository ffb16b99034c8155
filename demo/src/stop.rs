//! Why the play ended before its end.

use std::io;

/// What comes of a part of the play.
pub(crate) type Played<T> = Result<T, End>;

/// Why the play ended early.
#[derive(Debug)]
pub(crate) enum End {
    /// A person asked to stop.
    Stopped,
    /// Something that the play needs does not work.
    Trouble(anyhow::Error),
}

impl From<anyhow::Error> for End {
    fn from(why: anyhow::Error) -> Self {
        Self::Trouble(why)
    }
}

impl From<io::Error> for End {
    fn from(why: io::Error) -> Self {
        Self::Trouble(why.into())
    }
}
