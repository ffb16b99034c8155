//! A client's earlier requests: idempotency keys, and the people it has matched.

use rusqlite::{OptionalExtension as _, params};

use super::database::Store;
use super::error::Result;

/// An idempotency key with the partner, client and operation that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a> {
    /// The partner.
    pub partner: &'a str,
    /// The client.
    pub client: &'a str,
    /// The operation's name.
    pub operation: &'a str,
    /// The `Idempotency-Key`, or the hash of the request when that is the key.
    pub key: &'a str,
}

/// The answer under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// SHA-256 of the request's content.
    pub hash: String,
    /// The job that it created.
    pub job: String,
}

/// A person that a client has matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPatient {
    /// The responder's Patient id.
    pub patient: String,
    /// The consent that was sent, as JSON.
    pub consent: String,
}

impl Store {
    /// The answer under that key, while it is kept.
    pub fn claim(&self, of: IdempotencyKey<'_>, now_ms: i64) -> Result<Option<Claim>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT hash, job FROM keyed WHERE partner=?1 AND client=?2 AND operation=?3 AND key=?4 AND until_ms >= ?5",
        )?;
        let claim = query.query_row(
            params![of.partner, of.client, of.operation, of.key, now_ms],
            |row| {
                Ok(Claim {
                    hash: row.get(0)?,
                    job: row.get(1)?,
                })
            },
        );
        Ok(claim.optional()?)
    }

    /// Keeps the answer under a key.
    pub fn keep_claim(&self, of: IdempotencyKey<'_>, claim: &Claim, until_ms: i64) -> Result<()> {
        self.lock()
            .prepare_cached("INSERT OR REPLACE INTO keyed VALUES(?1,?2,?3,?4,?5,?6,?7)")?
            .execute(params![
                of.partner,
                of.client,
                of.operation,
                of.key,
                claim.hash,
                claim.job,
                until_ms
            ])?;
        Ok(())
    }

    /// Remembers that a client matched somebody, and with which consent; the last one counts.
    pub fn keep_patient(
        &self,
        partner: &str,
        client: &str,
        known: &KnownPatient,
        now_ms: i64,
    ) -> Result<()> {
        self.lock()
            .prepare_cached("INSERT OR REPLACE INTO patient VALUES(?1,?2,?3,?4,?5)")?
            .execute(params![
                partner,
                client,
                known.patient,
                known.consent,
                now_ms
            ])?;
        Ok(())
    }

    /// The consent with which a client matched a person.
    pub fn matched_patient(
        &self,
        partner: &str,
        client: &str,
        patient: &str,
    ) -> Result<Option<KnownPatient>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT patient, consent FROM patient WHERE partner=?1 AND client=?2 AND patient=?3",
        )?;
        let known = query.query_row([partner, client, patient], |row| {
            Ok(KnownPatient {
                patient: row.get(0)?,
                consent: row.get(1)?,
            })
        });
        Ok(known.optional()?)
    }
}
