//! Whether something is open about an exchange: until it ends nothing of the exchange is removed.

use rusqlite::{Connection, params};

use super::error::Result;
use super::reviews::ReviewState;
use crate::exchange::{Exchange, Step, Traffic};

/// What is open about an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenMatter {
    /// The core works on it, or will.
    Work,
    /// A person must decide about it.
    Review,
}

/// What is open about an exchange, if something is. Retention asks nothing else: what else may hold records back is
/// added here.
pub(super) fn open_matter(db: &Connection, exchange: &Exchange) -> Result<Option<OpenMatter>> {
    if !exchange.state.is_terminal() || exchange.step != Step::Done || exchange.is_following_up() {
        return Ok(Some(OpenMatter::Work));
    }
    // A review about invented members concerns nobody: it ends with them.
    if exchange.metadata.traffic == Traffic::Synthetic {
        return Ok(None);
    }
    let mut query = db.prepare_cached("SELECT 1 FROM review WHERE exchange=?1 AND state=?2")?;
    let is_open = query.exists(params![exchange.id, ReviewState::Open.name()])?;
    Ok(is_open.then_some(OpenMatter::Review))
}
