//! Which runs a query is about.

use chrono::{DateTime, Utc};

use super::{Layer, Outcome};

/// Which runs a query is about. What it does not name does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// After this place, oldest first; without it the last ones, still oldest first.
    pub after: Option<u64>,
    /// Without `after`: the last ones before this place.
    pub before: Option<u64>,
    /// Of this partner.
    pub partner: Option<String>,
    /// Of this journey.
    pub journey: Option<String>,
    /// Whose blame is in this layer.
    pub layer: Option<Layer>,
    /// Whose blame has this cause: the name of a cause or of an agent fault.
    pub cause: Option<&'static str>,
    /// That came to this.
    pub outcome: Option<Outcome>,
    /// With this member.
    pub member: Option<String>,
    /// Intended to start at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Intended to start before this time.
    pub to: Option<DateTime<Utc>>,
    /// At most so many.
    pub limit: u32,
}
