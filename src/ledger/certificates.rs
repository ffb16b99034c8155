//! The ends of certificate chains that hosts of partners showed, so that a restart does not lose them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{CertificateRole, ChainEnd, HostChain, PartnerId, SubjectKind};
use rusqlite::{Connection, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::{meta, sql};

/// Begins the key in `meta` of a partner's chains.
const KEY: &str = "certificates ";
/// After every such key.
const KEYS_END: &str = "certificates!";

/// A chain and when it was shown last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenChain {
    /// The chain.
    pub chain: HostChain,
    /// When it was shown last.
    pub seen_at: DateTime<Utc>,
}

/// As it is stored: role, host, which certificate ends first, its end and when it was shown, both in seconds since 1970.
type Row = (String, String, String, i64, i64);

/// Writes the chains of one partner in place of those before.
pub(super) fn write(
    to: &Connection,
    partner: &PartnerId,
    chains: &[SeenChain],
) -> rusqlite::Result<()> {
    let rows = chains.iter().map(|one| -> Row {
        (
            one.chain.role.name().to_owned(),
            one.chain.host.clone(),
            one.chain.end.subject.name().to_owned(),
            one.chain.end.ends_at.timestamp(),
            one.seen_at.timestamp(),
        )
    });
    let rows: Vec<Row> = rows.collect();
    let text = serde_json::to_string(&rows)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
    meta::set(to, &format!("{KEY}{partner}"), &text)
}

impl Ledger {
    /// The chains that hosts of each partner showed. What another version wrote and this one does not know is left
    /// out.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn certificates(&self) -> Result<BTreeMap<PartnerId, Vec<SeenChain>>, LedgerError> {
        let rows = self.read_all(sql::META_BETWEEN, params![KEY, KEYS_END], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let chains = rows.into_iter().filter_map(|(key, text)| {
            let partner = PartnerId::new(key.strip_prefix(KEY)?);
            let rows: Vec<Row> = serde_json::from_str(&text).ok()?;
            Some((partner, rows.into_iter().filter_map(seen).collect()))
        });
        Ok(chains.collect())
    }
}

fn seen((role, host, subject, ends, seen): Row) -> Option<SeenChain> {
    Some(SeenChain {
        chain: HostChain {
            role: CertificateRole::named(&role)?,
            host,
            end: ChainEnd {
                ends_at: DateTime::from_timestamp(ends, 0)?,
                subject: SubjectKind::named(&subject)?,
            },
        },
        seen_at: DateTime::from_timestamp(seen, 0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerEntry;

    #[test]
    fn chains_come_back_as_they_were_written_last() {
        let mut ledger = Ledger::in_memory().unwrap();
        let chain = |role, ends| SeenChain {
            chain: HostChain {
                role,
                host: "fhir.keystone.example".to_owned(),
                end: ChainEnd {
                    ends_at: DateTime::from_timestamp(ends, 0).unwrap(),
                    subject: SubjectKind::Intermediate,
                },
            },
            seen_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        let (keystone, meadow) = (PartnerId::new("keystone"), PartnerId::new("meadow"));
        let first = [chain(CertificateRole::Api, 1_900_000_000)];
        let both = [
            chain(CertificateRole::Api, 1_950_000_000),
            chain(CertificateRole::Token, 1_900_000_000),
        ];
        for chains in [&first[..], &both[..]] {
            let entries = [
                LedgerEntry::Certificates(&keystone, chains),
                LedgerEntry::Certificates(&meadow, &[]),
            ];
            ledger.commit(&entries).unwrap();
            let read = ledger.certificates().unwrap();
            assert_eq!(read[&keystone], chains);
            assert_eq!(read[&meadow], []);
        }
    }
}
