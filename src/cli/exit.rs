//! Exit codes: documented in `--help` and the README, and tested.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: fine.
    Fine,
    /// 2: the command line is wrong.
    Usage,
    /// 3: the configuration is wrong.
    Config,
    /// 4: the partner is at fault.
    Partner,
    /// 5: generated files are stale.
    Stale,
    /// 6: the ledger is unavailable.
    Ledger,
    /// 7: could not look, by our own fault.
    CouldNotLook,
    /// 8: a document is not valid.
    NotValid,
    /// 70: internal.
    Internal,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Usage => 2,
            Exit::Config => 3,
            Exit::Partner => 4,
            Exit::Stale => 5,
            Exit::Ledger => 6,
            Exit::CouldNotLook => 7,
            Exit::NotValid => 8,
            Exit::Internal => 70,
        })
    }
}
