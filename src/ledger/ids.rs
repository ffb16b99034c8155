//! Words, probes and objectives by the numbers that rows name them by. Numbers are never taken away, so what was read
//! once stays true.

use std::collections::BTreeMap;

use outrider_domain::model::{JourneyId, PartnerId, ProbeId, SloName};
use rusqlite::{Connection, params};

use super::sql;

/// What is known of the numbers so far.
#[derive(Debug, Default)]
pub(super) struct Ids {
    words: BTreeMap<String, i64>,
    word_of: BTreeMap<i64, String>,
    probes: BTreeMap<ProbeId, i64>,
    probe_of: BTreeMap<i64, ProbeId>,
    objectives: BTreeMap<(PartnerId, SloName), i64>,
}

impl Ids {
    /// Forgets everything: after a transaction that was not committed, or a rename.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets the names of probes and objectives: a few rows, read again when they are needed.
    pub(super) fn forget_names(&mut self) {
        self.probes.clear();
        self.probe_of.clear();
        self.objectives.clear();
    }

    /// The number of a word, given to it when it has none.
    pub(super) fn add_word(&mut self, to: &Connection, word: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.words.get(word) {
            return Ok(*id);
        }
        let mut statement = to.prepare_cached(sql::ADD_WORD)?;
        let id = statement.query_row([word], |row| row.get(0))?;
        self.words.insert(word.to_owned(), id);
        self.word_of.insert(id, word.to_owned());
        Ok(id)
    }

    /// The number of a word; none when no row has it.
    pub(super) fn word(&mut self, of: &Connection, word: &str) -> rusqlite::Result<Option<i64>> {
        if !self.words.contains_key(word) {
            self.read_words(of)?;
        }
        Ok(self.words.get(word).copied())
    }

    /// The word of a number; none when there is none.
    pub(super) fn word_of(&mut self, of: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
        if !self.word_of.contains_key(&id) {
            self.read_words(of)?;
        }
        Ok(self.word_of.get(&id).cloned())
    }

    fn read_words(&mut self, of: &Connection) -> rusqlite::Result<()> {
        let mut statement = of.prepare_cached(sql::WORDS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, word): (i64, String) = (row.get(0)?, row.get(1)?);
            self.words.insert(word.clone(), id);
            self.word_of.insert(id, word);
        }
        Ok(())
    }

    /// The number of a probe, given to it when it has none.
    pub(super) fn add_probe(&mut self, to: &Connection, probe: &ProbeId) -> rusqlite::Result<i64> {
        if let Some(id) = self.probes.get(probe) {
            return Ok(*id);
        }
        let mut statement = to.prepare_cached(sql::ADD_PROBE)?;
        let names = params![probe.partner.as_str(), probe.journey.as_str()];
        let id = statement.query_row(names, |row| row.get(0))?;
        self.probes.insert(probe.clone(), id);
        self.probe_of.insert(id, probe.clone());
        Ok(id)
    }

    /// The number of a probe; none when the ledger does not know it.
    pub(super) fn probe(
        &mut self,
        of: &Connection,
        probe: &ProbeId,
    ) -> rusqlite::Result<Option<i64>> {
        if !self.probes.contains_key(probe) {
            self.read_probes(of)?;
        }
        Ok(self.probes.get(probe).copied())
    }

    /// The probe of a number; none when there is none.
    pub(super) fn probe_of(
        &mut self,
        of: &Connection,
        id: i64,
    ) -> rusqlite::Result<Option<ProbeId>> {
        if !self.probe_of.contains_key(&id) {
            self.read_probes(of)?;
        }
        Ok(self.probe_of.get(&id).cloned())
    }

    /// Every probe with its number.
    pub(super) fn probes(&mut self, of: &Connection) -> rusqlite::Result<BTreeMap<ProbeId, i64>> {
        self.read_probes(of)?;
        Ok(self.probes.clone())
    }

    fn read_probes(&mut self, of: &Connection) -> rusqlite::Result<()> {
        let mut statement = of.prepare_cached(sql::PROBES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            let probe = ProbeId {
                partner: PartnerId::new(row.get::<_, String>(1)?),
                journey: JourneyId::new(row.get::<_, String>(2)?),
            };
            self.probes.insert(probe.clone(), id);
            self.probe_of.insert(id, probe);
        }
        Ok(())
    }

    /// The number of an objective, given to it when it has none.
    pub(super) fn add_objective(
        &mut self,
        to: &Connection,
        partner: &PartnerId,
        slo: SloName,
    ) -> rusqlite::Result<i64> {
        let key = (partner.clone(), slo);
        if let Some(id) = self.objectives.get(&key) {
            return Ok(*id);
        }
        let mut statement = to.prepare_cached(sql::ADD_OBJECTIVE)?;
        let names = params![partner.as_str(), slo.name()];
        let id = statement.query_row(names, |row| row.get(0))?;
        self.objectives.insert(key, id);
        Ok(id)
    }
}
