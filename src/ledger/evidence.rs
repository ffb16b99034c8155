//! Evidence in its table: packed against an earlier evidence of the same probe, and read back.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrider_domain::model::RunRecord;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::pack::{self, Packer};
use super::rows::Detail;
use super::sql;

/// Unpacked references kept in memory, in bytes.
const CACHE_MAX: usize = 4 * 1024 * 1024;
/// Runs that a reference serves before another one may take its place.
const REFERENCE_RUNS_MIN: u32 = 16;
/// Evidence below this many bytes is worth no reference.
const REFERENCE_BYTES_MIN: usize = 96;

/// Packs evidence, and knows the reference of each probe.
#[derive(Debug, Default)]
pub(super) struct EvidenceStore {
    packer: Packer,
    current: BTreeMap<i64, Option<Reference>>,
    cache: BTreeMap<i64, Arc<[u8]>>,
    cached: usize,
    /// How often references were named within the transaction.
    uses: BTreeMap<i64, i64>,
}

/// The reference that a probe's evidence is packed with now.
#[derive(Clone, Copy, Debug)]
struct Reference {
    id: i64,
    /// Its own size, packed.
    packed: usize,
    /// Runs that were packed with it in this life.
    served: u32,
}

impl EvidenceStore {
    /// Forgets everything: after a transaction that was not committed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Stores the evidence of a run.
    pub(super) fn write(
        &mut self,
        to: &Connection,
        probe: i64,
        seq: i64,
        run: &RunRecord,
    ) -> rusqlite::Result<()> {
        let bytes = pack::encode(&Detail::of(run))
            .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
        let mut reference = self.current(to, probe)?;
        if reference.is_none() && bytes.len() >= REFERENCE_BYTES_MIN {
            reference = Some(self.refer_to(to, probe, &bytes)?);
        }
        let Some(mut of) = reference else {
            let packed = self.packer.pack(&bytes, None);
            return add(to, seq, None, &packed.body);
        };
        let earlier = self.body(to, of.id)?;
        let mut packed = self.packer.pack(&bytes, earlier.as_deref());
        of.served = of.served.saturating_add(1);
        // A reference that saves less than half is one of another time: what came to stay is the better one.
        let is_poor = packed.body.len() * 2 > of.packed && bytes.len() >= REFERENCE_BYTES_MIN;
        if is_poor && run.outcome.is_passed() && of.served > REFERENCE_RUNS_MIN {
            of = self.refer_to(to, probe, &bytes)?;
            let earlier = self.body(to, of.id)?;
            packed = self.packer.pack(&bytes, earlier.as_deref());
        }
        self.current.insert(probe, Some(of));
        let named = packed.by_reference.then_some(of.id);
        if let Some(id) = named {
            *self.uses.entry(id).or_default() += 1;
        }
        add(to, seq, named, &packed.body)
    }

    /// Counts how often references were named since the last time; part of the transaction that names them.
    pub(super) fn write_uses(&mut self, to: &Connection) -> rusqlite::Result<()> {
        for (id, uses) in std::mem::take(&mut self.uses) {
            to.prepare_cached(sql::USE_REFERENCE)?
                .execute(params![uses, id])?;
        }
        Ok(())
    }

    fn current(&mut self, of: &Connection, probe: i64) -> rusqlite::Result<Option<Reference>> {
        if let Some(known) = self.current.get(&probe) {
            return Ok(*known);
        }
        let mut statement = of.prepare_cached(sql::LAST_REFERENCE)?;
        let found = statement.query_row([probe], |row| Ok((row.get(0)?, bytes(row, 1)?)));
        let stored = found.optional()?.and_then(|(id, body)| {
            // A damaged one must not spoil what comes.
            pack::unpack(&body, None).ok()?;
            Some(Reference {
                id,
                packed: body.len(),
                served: 0,
            })
        });
        self.current.insert(probe, stored);
        Ok(stored)
    }

    /// Makes an evidence the reference of its probe.
    fn refer_to(
        &mut self,
        to: &Connection,
        probe: i64,
        bytes: &[u8],
    ) -> rusqlite::Result<Reference> {
        let packed = self.packer.pack(bytes, None).body;
        let mut statement = to.prepare_cached(sql::ADD_REFERENCE)?;
        let id = statement.query_row(params![probe, packed], |row| row.get(0))?;
        self.keep(id, Arc::from(bytes));
        Ok(Reference {
            id,
            packed: packed.len(),
            served: 0,
        })
    }

    /// A reference, unpacked; none when it is missing or damaged.
    fn body(&mut self, of: &Connection, id: i64) -> rusqlite::Result<Option<Arc<[u8]>>> {
        if let Some(body) = self.cache.get(&id) {
            return Ok(Some(Arc::clone(body)));
        }
        let mut statement = of.prepare_cached(sql::REFERENCE)?;
        let found = statement.query_row([id], |row| bytes(row, 0));
        let body = found
            .optional()?
            .and_then(|body| pack::unpack(&body, None).ok())
            .map(Arc::<[u8]>::from);
        if let Some(body) = &body {
            self.keep(id, Arc::clone(body));
        }
        Ok(body)
    }

    fn keep(&mut self, id: i64, body: Arc<[u8]>) {
        self.cached += body.len();
        self.cache.insert(id, body);
        while self.cached > CACHE_MAX
            && self.cache.len() > 1
            && let Some((_, gone)) = self.cache.pop_first()
        {
            self.cached -= gone.len();
        }
    }

    /// What was seen in the run at a place; none when it is no longer kept.
    pub(super) fn read(
        &mut self,
        of: &Connection,
        seq: i64,
    ) -> rusqlite::Result<Option<Result<Detail, &'static str>>> {
        let mut statement = of.prepare_cached(sql::EVIDENCE)?;
        let found = statement.query_row([seq], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, bytes(row, 1)?))
        });
        let Some((reference, body)) = found.optional()? else {
            return Ok(None);
        };
        let reference = match reference {
            Some(id) => self.body(of, id)?,
            None => None,
        };
        let bytes = pack::unpack(&body, reference.as_deref());
        Ok(Some(bytes.and_then(|bytes| pack::decode(&bytes))))
    }
}

fn add(to: &Connection, seq: i64, reference: Option<i64>, body: &[u8]) -> rusqlite::Result<()> {
    to.prepare_cached(sql::ADD_EVIDENCE)?
        .execute(params![seq, reference, body])
        .map(|_| ())
}

/// A column's bytes. Whatever else a damaged row holds there is no evidence, and says so when it is unpacked.
fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}
