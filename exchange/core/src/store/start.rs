//! What a core checks of its store at the start, and the heads that it gives out.

use exchange_kit::clock::{Clock, rfc3339};
use rusqlite::OptionalExtension as _;

use super::database::Store;
use super::error::Result;
use super::witness::{lost, older};
use crate::audit::{
    AUDIT_TABLE, BrokenLink, HEADS_FILE, Head, KEY_FILE, Seal, SignedHead, Strand, gap_at,
};

impl Store {
    /// The end of the trail, signed now, for a witness outside of this folder.
    ///
    /// # Errors
    /// [`StoreError::Broken`](super::error::StoreError::Broken) when the trail is not one to vouch for.
    pub fn signed_head(&self) -> Result<SignedHead> {
        let head = self.read(|db| Ok(self.trail_end(db)?.head().clone()))?;
        let at = rfc3339(Clock::System.now_millis());
        Ok(SignedHead::new(head, at, &self.keys))
    }

    /// The newest head in the file of heads.
    pub fn newest_head(&self) -> SignedHead {
        self.heads.last()
    }

    /// What is checked once, at the start of a core: that the database is sound, and is not older than the file of
    /// heads. A trail that is broken otherwise is not continued from here on.
    ///
    /// # Errors
    /// [`StoreError::Lost`](super::error::StoreError::Lost) for another database than the one that was left here.
    pub fn check_witness(&self) -> Result<()> {
        self.check_sound()?;
        let last = self.heads.last();
        let number = self.read(|db| Ok(Seal::read(db)?.map_or(0, |seal| seal.head.number)))?;
        if number < last.head.number {
            return Err(older(format!(
                "core.sqlite is older than it was: its seal has the number {number}, and {HEADS_FILE} goes to {} (entry {})",
                last.head.number, last.head.seq
            )));
        }
        if self.broken_trail()?.is_none()
            && let Some(link) = self.rewritten(&last.head)?
        {
            self.stop_trail(link);
        }
        Ok(())
    }

    /// That the database is sound and has the key of the heads.
    pub(super) fn check_sound(&self) -> Result<()> {
        let said: String =
            self.read(|db| Ok(db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?))?;
        if said != "ok" {
            return Err(lost(format!("core.sqlite is damaged: {said}")));
        }
        if self.heads.last().public_key != self.keys.public_key() {
            return Err(lost(format!(
                "{KEY_FILE} is not the key that signed {HEADS_FILE}"
            )));
        }
        Ok(())
    }

    /// The entry of a head that was given out, when it is another one now.
    pub(crate) fn rewritten(&self, head: &Head) -> Result<Option<BrokenLink>> {
        if head.seq == 0 {
            return Ok(None);
        }
        let own: Option<String> = self.read(|db| {
            let mut query = db.prepare_cached("SELECT hash FROM audit WHERE seq=?1")?;
            let own = query.query_row([head.seq], |row| row.get(0)).optional()?;
            let gap = gap_at(db, Strand::Audit, head.seq)?;
            // Of what retention has removed only the last hash of each gap is known.
            let gone = gap.map(|gap| match gap.links.last == head.seq {
                true => gap.links.hash,
                false => head.hash.clone(),
            });
            Ok(own.or(gone))
        })?;
        Ok((own.as_ref() != Some(&head.hash)).then(|| BrokenLink {
            seq: head.seq,
            place: AUDIT_TABLE,
            row: head.seq,
            what: "entry of a head that was given out",
            expected: head.hash.clone(),
            seen: own.unwrap_or_else(|| "none".to_owned()),
        }))
    }
}
