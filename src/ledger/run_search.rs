//! Finds the runs that a query is about.
//!
//! Candidates come out of the one index that leaves the fewest, or out of several ranges of it that are merged, always
//! in the order of their places, so a page begins where the one before ended, also while runs are added.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use outrider_domain::model::{AgentFault, Cause, Layer, Outcome, ProbeId, RunFilter};
use rusqlite::{Rows, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::tick_row::HOUR_US;
use super::{meta, sql};

/// Probes whose runs are merged out of their index; those of more lie about as close as all runs do.
const PROBES_MERGED_MAX: usize = 64;

/// Where runs were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRuns {
    /// Their places, oldest first.
    pub places: Vec<u64>,
    /// Every run up to here was looked at, from `after` on.
    pub through: u64,
    /// There may be more after that.
    pub has_newer: bool,
    /// Without `after`: every run from here on was looked at, and there may be more before; none when there are none.
    pub older_before: Option<u64>,
}

/// What a query names, in the numbers of the rows.
#[derive(Debug, Default)]
struct Wanted {
    probes: Option<BTreeSet<i64>>,
    causes: Option<BTreeSet<i64>>,
    outcome: Option<i64>,
    is_passed: bool,
    member: Option<i64>,
    from_us: Option<i64>,
    to_us: Option<i64>,
}

/// What is read of a run to see whether a query is about it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    seq: i64,
    probe: i64,
    due_us: i64,
    outcome: Option<i64>,
    cause: Option<i64>,
    member: Option<i64>,
}

impl Wanted {
    fn has(&self, one: &Candidate) -> bool {
        let is_one_of = |of: &Option<BTreeSet<i64>>, id: Option<i64>| {
            of.as_ref()
                .is_none_or(|of| id.is_some_and(|id| of.contains(&id)))
        };
        is_one_of(&self.probes, Some(one.probe))
            && is_one_of(&self.causes, one.cause)
            && (self.outcome.is_none() || self.outcome == one.outcome)
            && (self.member.is_none() || self.member == one.member)
            && self.from_us.is_none_or(|from| one.due_us >= from)
            && self.to_us.is_none_or(|to| one.due_us < to)
    }

    /// The statement with the fewest candidates, upwards and downwards, and the numbers whose ranges it reads; one
    /// without a number reads all runs.
    fn ranges(&self) -> ([&'static str; 2], Vec<Option<i64>>) {
        let of = |ids: &BTreeSet<i64>| ids.iter().copied().map(Some).collect();
        if let Some(causes) = &self.causes {
            return ([sql::FIND_BY_CAUSE_UP, sql::FIND_BY_CAUSE_DOWN], of(causes));
        }
        if let (Some(outcome), false) = (self.outcome, self.is_passed) {
            let both = [sql::FIND_NOT_PASSED_UP, sql::FIND_NOT_PASSED_DOWN];
            return (both, vec![Some(outcome)]);
        }
        if let Some(member) = self.member {
            let both = [sql::FIND_BY_MEMBER_UP, sql::FIND_BY_MEMBER_DOWN];
            return (both, vec![Some(member)]);
        }
        match &self.probes {
            Some(probes) if probes.len() <= PROBES_MERGED_MAX => {
                ([sql::FIND_BY_PROBE_UP, sql::FIND_BY_PROBE_DOWN], of(probes))
            }
            Some(_) | None => ([sql::FIND_UP, sql::FIND_DOWN], vec![None]),
        }
    }
}

impl Ledger {
    /// The places of runs that a query is about, up to its limit. Ends early once it has looked at `looked_at_max`
    /// runs, so that no query takes long; the answer says where to go on.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn find_runs(
        &self,
        filter: &RunFilter,
        looked_at_max: u64,
    ) -> Result<FoundRuns, LedgerError> {
        let find = || self.find(filter, looked_at_max);
        find().map_err(|why| self.failed(&why))
    }

    fn find(&self, filter: &RunFilter, looked_at_max: u64) -> rusqlite::Result<FoundRuns> {
        // What is added from here on is of the next page.
        let last = meta::number(&self.connection, meta::SEQ)?.unwrap_or(0);
        let mut found = FoundRuns {
            through: place(last).max(filter.after.unwrap_or(0)),
            ..FoundRuns::default()
        };
        let Some(wanted) = self.wanted(filter)? else {
            return Ok(found);
        };
        let Some((low, high)) = self.bounds(filter, &wanted, last)? else {
            return Ok(found);
        };
        let is_up = filter.after.is_some();
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let mut looked_at = 0;
        let mut reached = None;
        let is_all = self.each_candidate(&wanted, is_up, (low, high), |one| {
            looked_at += 1;
            reached = Some(one.seq);
            if wanted.has(&one) {
                found.places.push(place(one.seq));
            }
            found.places.len() < limit && looked_at < looked_at_max
        })?;
        match (reached.filter(|_| !is_all), is_up) {
            (Some(reached), true) => {
                found.through = place(reached);
                found.has_newer = true;
            }
            (Some(reached), false) => found.older_before = Some(place(reached)),
            (None, _) => {}
        }
        if !is_up {
            found.places.reverse();
            if let Some(before) = filter.before {
                found.through = found.through.min(before.saturating_sub(1));
                found.has_newer = found.through < place(last);
            }
        }
        Ok(found)
    }

    /// Hands candidates over in the order of their places until there are no more, or no more are wanted; returns
    /// whether there are no more.
    fn each_candidate(
        &self,
        wanted: &Wanted,
        is_up: bool,
        (low, high): (i64, i64),
        mut take: impl FnMut(Candidate) -> bool,
    ) -> rusqlite::Result<bool> {
        let (both, ids) = wanted.ranges();
        let sql = both[usize::from(!is_up)];
        let mut statements = Vec::with_capacity(ids.len());
        for _ in &ids {
            statements.push(self.connection.prepare_cached(sql)?);
        }
        let mut ranges = Vec::with_capacity(ids.len());
        for (statement, id) in statements.iter_mut().zip(&ids) {
            ranges.push(match id {
                Some(id) => statement.query(params![id, low, high])?,
                None => statement.query(params![low, high])?,
            });
        }
        let order = |one: &Candidate| if is_up { one.seq } else { -one.seq };
        let mut heads = Vec::with_capacity(ranges.len());
        let mut next = BinaryHeap::with_capacity(ranges.len());
        for (number, range) in ranges.iter_mut().enumerate() {
            let head = candidate(range)?;
            next.extend(head.iter().map(|head| Reverse((order(head), number))));
            heads.push(head);
        }
        while let Some(Reverse((_, number))) = next.pop() {
            let Some(head) = heads[number].take() else {
                continue;
            };
            heads[number] = candidate(&mut ranges[number])?;
            next.extend(
                heads[number]
                    .iter()
                    .map(|head| Reverse((order(head), number))),
            );
            if !take(head) {
                return Ok(next.is_empty());
            }
        }
        Ok(true)
    }

    /// The places between which all runs of a query lie, both left out; none when there is nothing between them.
    fn bounds(
        &self,
        filter: &RunFilter,
        wanted: &Wanted,
        last: i64,
    ) -> rusqlite::Result<Option<(i64, i64)>> {
        let number = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
        let mut low = filter.after.map_or(0, number);
        let mut high = filter
            .before
            .map_or(i64::MAX, number)
            .min(last.saturating_add(1));
        if wanted.from_us.is_some() || wanted.to_us.is_some() {
            let from = wanted.from_us.unwrap_or(i64::MIN / 2);
            let to = wanted.to_us.unwrap_or(i64::MAX);
            let mut statement = self.connection.prepare_cached(sql::PLACES_OF_HOURS)?;
            let hours = params![from - from.rem_euclid(HOUR_US), to];
            let (first, last): (Option<i64>, Option<i64>) =
                statement.query_row(hours, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let Some((first, last)) = first.zip(last) else {
                return Ok(None);
            };
            (low, high) = (
                low.max(first.saturating_sub(1)),
                high.min(last.saturating_add(1)),
            );
        }
        Ok((low.saturating_add(1) < high).then_some((low, high)))
    }

    /// What a query names in the numbers of the rows; none when no row has one of them.
    fn wanted(&self, filter: &RunFilter) -> rusqlite::Result<Option<Wanted>> {
        let mut ids = self.ids.borrow_mut();
        let mut wanted = Wanted {
            from_us: filter.from.map(|from| from.timestamp_micros()),
            to_us: filter.to.map(|to| to.timestamp_micros()),
            is_passed: filter.outcome == Some(Outcome::Passed),
            ..Wanted::default()
        };
        let one = [
            (filter.outcome.map(Outcome::name), &mut wanted.outcome),
            (filter.member.as_deref(), &mut wanted.member),
        ];
        for (word, id) in one {
            if let Some(word) = word {
                *id = ids.word(&self.connection, word)?;
                if id.is_none() {
                    return Ok(None);
                }
            }
        }
        if filter.layer.is_some() || filter.cause.is_some() {
            let mut causes = BTreeSet::new();
            for cause in causes_of(filter.layer, filter.cause) {
                causes.extend(ids.word(&self.connection, cause)?);
            }
            wanted.causes = Some(causes);
        }
        if filter.partner.is_some() || filter.journey.is_some() {
            let is = |name: &Option<String>, of: &str| name.as_deref().is_none_or(|one| one == of);
            let named = ids.probes(&self.connection)?.into_iter();
            let named = named.filter(|(probe, _)| {
                is(&filter.partner, probe.partner.as_str())
                    && is(&filter.journey, probe.journey.as_str())
            });
            wanted.probes = Some(named.map(|(_, id)| id).collect());
        }
        let is_empty = |ids: &Option<BTreeSet<i64>>| ids.as_ref().is_some_and(BTreeSet::is_empty);
        Ok((!is_empty(&wanted.probes) && !is_empty(&wanted.causes)).then_some(wanted))
    }

    /// Whether a run carried this member.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn has_member(&self, member: &str) -> Result<bool, LedgerError> {
        let find = || -> rusqlite::Result<bool> {
            let Some(id) = self.ids.borrow_mut().word(&self.connection, member)? else {
                return Ok(false);
            };
            self.connection
                .prepare_cached(sql::HAS_MEMBER)?
                .exists([id])
        };
        find().map_err(|why| self.failed(&why))
    }

    /// Every probe that the ledger ever heard of.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn probes(&self) -> Result<Vec<ProbeId>, LedgerError> {
        let all = self.ids.borrow_mut().probes(&self.connection);
        let all = all.map_err(|why| self.failed(&why))?;
        Ok(all.into_keys().collect())
    }
}

/// The causes of a layer, or the one that is named where it is in that layer.
fn causes_of(layer: Option<Layer>, cause: Option<&'static str>) -> Vec<&'static str> {
    let of_layers = Cause::ALL
        .iter()
        .filter(|one| layer.is_none_or(|layer| one.layer() == layer));
    let mut names: Vec<&'static str> = of_layers.map(|cause| cause.name()).collect();
    if layer.is_none() {
        names.extend(AgentFault::ALL.iter().map(|fault| fault.name()));
    }
    names.retain(|name| cause.is_none_or(|cause| cause == *name));
    names
}

fn place(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or_default()
}

fn candidate(range: &mut Rows<'_>) -> rusqlite::Result<Option<Candidate>> {
    let Some(row) = range.next()? else {
        return Ok(None);
    };
    Ok(Some(Candidate {
        seq: row.get(0)?,
        probe: row.get(1)?,
        due_us: row.get(2)?,
        outcome: row.get(3)?,
        cause: row.get(4)?,
        member: row.get(5)?,
    }))
}
