//! The counters as they are stored, for `/metrics`.

use std::collections::BTreeMap;

use super::database::Store;
use super::error::Result;
use super::tally::{BUCKET, OVER, SUM};

/// One series of a histogram, as it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TalliedHistogram {
    /// How many values are in each bucket; the last one has those above all bounds.
    pub buckets: [u64; OVER + 1],
    /// The sum of all values, in milliseconds.
    pub sum_ms: u64,
}

impl Store {
    /// The series of a counter: the values of its labels, and the count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tallied(&self, name: &str) -> Result<Vec<(Vec<String>, u64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT labels, value FROM tally WHERE name=?1")?;
            let rows =
                query.query_map([name], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            let mut found = Vec::new();
            for row in rows {
                let (labels, value) = row?;
                found.push((serde_json::from_str(&labels)?, value));
            }
            Ok(found)
        })
    }

    /// The series of a histogram, by the values of its labels.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn histograms(&self, name: &str) -> Result<BTreeMap<Vec<String>, TalliedHistogram>> {
        let mut all: BTreeMap<Vec<String>, TalliedHistogram> = BTreeMap::new();
        for (mut labels, count) in self.tallied(&format!("{name}{BUCKET}"))? {
            let bucket = labels.pop().and_then(|number| number.parse::<usize>().ok());
            let one = all.entry(labels).or_default();
            if let Some(place) = bucket.and_then(|number| one.buckets.get_mut(number)) {
                *place = count;
            }
        }
        for (labels, sum_ms) in self.tallied(&format!("{name}{SUM}"))? {
            all.entry(labels).or_default().sum_ms = sum_ms;
        }
        Ok(all)
    }

    /// All counters, for comparison.
    #[cfg(test)]
    pub(super) fn counters(&self) -> BTreeMap<String, u64> {
        self.read(|db| {
            let mut query = db.prepare("SELECT name || ' ' || labels, value FROM tally")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap()
    }
}
