//! The adapter: what a trap asks of a monitor, whichever it is.
//!
//! To score another one, implement [`Monitor`] and add it to `monitors::all`. What it has no means for it says
//! with [`Cannot`], which is scored as not applicable; it is never asked to guess.

use std::path::PathBuf;
use std::time::Duration;

use super::truth::Truth;

/// What the monitor is told to look at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// A GET to this address, which needs no more than to be answered well.
    pub(super) url: String,
    /// The CA to trust, for an address over TLS.
    pub(super) trust: Option<PathBuf>,
    /// How long it may take.
    pub(super) timeout: Duration,
}

impl Look {
    pub(super) fn at(url: String) -> Self {
        Self {
            url,
            trust: None,
            timeout: Duration::from_secs(8),
        }
    }
}

/// Who is at fault, as the monitor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blames {
    Nobody,
    Target,
    Itself,
}

/// What the monitor says of one look.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) blames: Blames,
    /// The whole look.
    pub(super) latency: Duration,
    /// The part of it in which the body came; none when it does not say.
    pub(super) transfer: Option<Duration>,
    /// Whether it marks the figure as spoilt by the monitor's own delay.
    pub(super) is_marked: bool,
}

/// What a monitor accounts for of looks that were intended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// Looks intended.
    pub(super) intended: u64,
    /// Of them, those that it reports in some way.
    pub(super) reported: u64,
    /// Of these, those that it calls good.
    pub(super) good: u64,
}

/// What a monitor did wrong with a bad configuration; nothing when it is empty.
pub(super) type Slips = Vec<&'static str>;

/// It no longer looks by the old configuration.
pub(super) const STOPPED: &str = "stops looking";
/// No metric says that the new one is bad.
pub(super) const UNTOLD: &str = "tells nobody";
/// Work that the change is not about restarted.
pub(super) const DISTURBED: &str = "disturbs what did not change";

/// The slips that are so.
pub(super) fn slips(all: [(&'static str, bool); 3]) -> Slips {
    let so = all.into_iter().filter(|(_, is_so)| *is_so);
    so.map(|(slip, _)| slip).collect()
}

/// Whatever a monitor says to the outside, and what must not be in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Where it says it, and what.
    pub(super) texts: Vec<(String, String)>,
    pub(super) secrets: Vec<String>,
}

/// The monitor has no means for that: why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cannot(pub(super) &'static str);

const ONE_REQUEST: Cannot = Cannot("asks one request, keeps nothing of its answer");

/// One monitor. Every method starts it and stops it again.
pub(super) trait Monitor {
    fn name(&self) -> &'static str;

    /// One look.
    fn look(&self, truth: &Truth, look: &Look) -> Result<Seen, Cannot>;

    /// One look, in the midst of which the monitor is stopped for a while. `name` is the first part
    /// of the address's path.
    fn look_frozen(
        &self,
        truth: &Truth,
        look: &Look,
        name: &str,
        time: Duration,
    ) -> Result<Seen, Cannot>;

    /// Looks again and again, as often as that, for about so many times.
    fn keep_looking(
        &self,
        truth: &Truth,
        look: &Look,
        every: Duration,
        times: u64,
    ) -> Result<Tally, Cannot>;

    /// Carries secrets to the target and says all it has to say.
    fn say_all(&self, truth: &Truth) -> Result<Said, Cannot>;

    /// Reads a bad configuration while it runs.
    fn reread(&self, truth: &Truth) -> Result<Slips, Cannot>;

    /// Walks several requests that build on each other: whether it can at all.
    fn walks(&self) -> Result<(), Cannot> {
        Err(ONE_REQUEST)
    }

    /// Repeats what failed: whether it can at all.
    fn retries(&self) -> Result<(), Cannot> {
        Err(Cannot(
            "asks once; retries are left to Prometheus's next scrape",
        ))
    }

    /// Signs in at a token endpoint that is down: what it says of that endpoint.
    fn sign_in_down(&self, truth: &Truth) -> Result<SignIn, Cannot>;

    /// Brings alerts of its own: whether it does at all.
    fn alerts(&self) -> Result<(), Cannot> {
        Err(Cannot(
            "brings no alerts; what watches it is left to its user",
        ))
    }
}

/// What a monitor says while the token endpoint is down.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignIn {
    /// Whether it fails.
    pub(super) fails: bool,
    /// Whether it says that it was the sign-in.
    pub(super) is_named: bool,
}

/// What came of a trap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Score {
    Passes(String),
    Fails(String),
    NotApplicable(String),
}

impl Score {
    /// Passes when it is so; says why either way.
    pub(super) fn of(is_so: bool, why: impl Into<String>) -> Self {
        if is_so {
            Self::Passes(why.into())
        } else {
            Self::Fails(why.into())
        }
    }
}

impl From<Cannot> for Score {
    fn from(Cannot(why): Cannot) -> Self {
        Self::NotApplicable(why.to_owned())
    }
}
