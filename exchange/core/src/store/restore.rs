//! Going on with an older copy of the database that was put back on purpose.

use exchange_kit::clock::{Clock, rfc3339};
use serde_json::json;

use super::database::Store;
use super::error::Result;
use super::witness::lost;
use crate::audit::{AuditEntry, Chain, HEADS_FILE, Head, SignedHead};

/// The kind of the entry.
pub(super) const RESTORE: &str = "restore";

/// What was given up with a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The newest head that was given out before.
    pub before: Head,
    /// The end of the trail that was put back.
    pub restored: Head,
    /// The head from which it goes on.
    pub now: Head,
}

impl Store {
    /// Accepts a database that is older than the file of heads: the trail goes on from its end, with an entry that says
    /// who accepted it and why, under a number above all that were given out.
    ///
    /// # Errors
    /// [`StoreError::Lost`](super::error::StoreError::Lost) when the database is damaged, has another key, or is not
    /// older; [`StoreError::Broken`](super::error::StoreError::Broken) when its trail does not end as it was sealed.
    pub fn accept_restore(&self, actor: &str, note: &str) -> Result<Restored> {
        self.check_sound()?;
        let before = self.newest_head().head;
        let (restored, now) = self.write(|db| {
            let mut chain = Chain::read(db, &self.keys)?;
            let restored = chain.head().clone();
            if restored.number >= before.number {
                return Err(lost(format!(
                    "core.sqlite is not older than {HEADS_FILE}: there is nothing to accept"
                )));
            }
            chain.go_on_above(before.number);
            let entry = AuditEntry {
                kind: RESTORE,
                actor,
                exchange: None,
                body: json!({
                    "note": note,
                    "number_before": before.number,
                    "entry_before": before.seq,
                    "hash_before": before.hash,
                    "number_restored": restored.number,
                    "entry_restored": restored.seq,
                }),
            };
            chain.add(db, &entry)?;
            let now = chain.seal(db, &self.keys)?;
            Ok((restored.clone(), now.unwrap_or(restored)))
        })?;
        let at = rfc3339(Clock::System.now_millis());
        self.heads
            .add(SignedHead::new(now.clone(), at, &self.keys))?;
        Ok(Restored {
            before,
            restored,
            now,
        })
    }
}
