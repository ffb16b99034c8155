//! Carries the history of renamed partners and probes on: rows name both by number, so a name is changed in one
//! place. Where the new name has a history of its own already, the two are joined.

use outrider_domain::model::{JourneyId, PartnerId, ProbeId, Renames, SloName, names};
use outrider_domain::sli::{Series, Sketch};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ids::Ids;
use super::sql;

/// Moves what belongs to one probe, the second parameter, to another, the first.
const JOIN_PROBE: [&str; 7] = [
    sql::JOIN_TICKS,
    sql::JOIN_OPEN_TICKS,
    sql::JOIN_REFERENCES,
    sql::JOIN_SKETCHES,
    sql::JOIN_PAUSES,
    sql::JOIN_WATERMARKS,
    sql::JOIN_PROBE_QUARTERS,
];
/// What is left of a probe after [`JOIN_PROBE`].
const REMOVE_PROBE: [&str; 4] = [
    sql::REMOVE_PAUSE,
    sql::REMOVE_WATERMARK,
    sql::REMOVE_PROBE_QUARTERS,
    sql::REMOVE_PROBE,
];

/// An old name whose history could not be carried on, since both names were watched at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RenameRefused {
    /// The old name.
    old: ProbeId,
    /// The present one.
    new: ProbeId,
}

impl std::fmt::Display for RenameRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { old, new } = self;
        write!(
            f,
            "{new} was watched before {old} had ended, so `formerly` cannot join their histories; each keeps its own"
        )
    }
}

/// Renames what is known by an old name. Does nothing the second time.
pub(super) fn write(
    to: &Connection,
    ids: &mut Ids,
    renames: &Renames,
) -> rusqlite::Result<Vec<RenameRefused>> {
    let mut refused = Vec::new();
    for (old, new) in &renames.partners {
        let probes = probes_of(to, old)?;
        let joined: Vec<(ProbeId, ProbeId)> = probes
            .into_iter()
            .map(|probe| {
                let new = ProbeId {
                    partner: new.clone(),
                    journey: probe.journey.clone(),
                };
                (probe, new)
            })
            .collect();
        let overlapping = overlapping(to, &joined)?;
        if !overlapping.is_empty() {
            refused.extend(overlapping);
            continue;
        }
        for (old, new) in &joined {
            probe(to, old, new)?;
        }
        objectives(to, old, new)?;
        to.prepare_cached(sql::RENAME_JOBS)?
            .execute([new.as_str(), old.as_str()])?;
        to.prepare_cached(sql::RENAME_INCIDENT_EVENTS)?
            .execute([new.as_str(), old.as_str()])?;
        counters(to, &[old.as_str()], &[new.as_str()])?;
    }
    for (old, new) in &renames.probes {
        let joined = [(old.clone(), new.clone())];
        let overlapping = overlapping(to, &joined)?;
        if !overlapping.is_empty() {
            refused.extend(overlapping);
            continue;
        }
        probe(to, old, new)?;
        counters(
            to,
            &[old.partner.as_str(), old.journey.as_str()],
            &[new.partner.as_str(), new.journey.as_str()],
        )?;
    }
    ids.forget();
    Ok(refused)
}

fn probes_of(to: &Connection, partner: &PartnerId) -> rusqlite::Result<Vec<ProbeId>> {
    let mut statement = to.prepare_cached(sql::PROBES_OF)?;
    let rows = statement.query_map([partner.as_str()], |row| {
        Ok(ProbeId {
            partner: partner.clone(),
            journey: JourneyId::new(row.get::<_, String>(0)?),
        })
    })?;
    rows.collect()
}

fn probe_id(to: &Connection, probe: &ProbeId) -> rusqlite::Result<Option<i64>> {
    let mut statement = to.prepare_cached(sql::PROBE)?;
    let names = [probe.partner.as_str(), probe.journey.as_str()];
    statement.query_row(names, |row| row.get(0)).optional()
}

/// Pairs of which the new name had a tick before the last one of the old.
fn overlapping(
    to: &Connection,
    pairs: &[(ProbeId, ProbeId)],
) -> rusqlite::Result<Vec<RenameRefused>> {
    let end = |query: &str, id: i64| -> rusqlite::Result<Option<i64>> {
        let mut statement = to.prepare_cached(query)?;
        statement.query_row([id], |row| row.get(0)).optional()
    };
    let mut refused = Vec::new();
    for (old, new) in pairs {
        let (Some(was), Some(is)) = (probe_id(to, old)?, probe_id(to, new)?) else {
            continue;
        };
        let ends = end(sql::LAST_TICK, was)?.zip(end(sql::FIRST_TICK, is)?);
        if ends.is_some_and(|(last, first)| first <= last) {
            refused.push(RenameRefused {
                old: old.clone(),
                new: new.clone(),
            });
        }
    }
    Ok(refused)
}

fn probe(to: &Connection, old: &ProbeId, new: &ProbeId) -> rusqlite::Result<()> {
    let Some(was) = probe_id(to, old)? else {
        return Ok(());
    };
    if let Some(is) = probe_id(to, new)? {
        // The newer history is the shorter one as a rule, so its rows move.
        join_sketches(to, is, was)?;
        let rows: i64 = to
            .prepare_cached(sql::PROBE_ROWS)?
            .query_row([is], |row| row.get(0))?;
        to.prepare_cached(sql::ADD_ROWS)?.execute([rows, was])?;
        for statement in JOIN_PROBE {
            to.prepare_cached(statement)?.execute([was, is])?;
        }
        for statement in REMOVE_PROBE {
            to.prepare_cached(statement)?.execute([is])?;
        }
    }
    to.prepare_cached(sql::RENAME_PROBE)?.execute(params![
        new.partner.as_str(),
        new.journey.as_str(),
        was
    ])?;
    Ok(())
}

/// Hours of which both names have sketches are merged; the rest moves with [`JOIN_PROBE`].
fn join_sketches(to: &Connection, from: i64, into: i64) -> rusqlite::Result<()> {
    let mut statement = to.prepare_cached(sql::COMMON_SKETCHES)?;
    let rows = statement.query_map([from, into], |row| {
        let of = (
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        );
        let one = (row.get::<_, Vec<u8>>(3)?, row.get(4)?, row.get(5)?);
        let other = (row.get::<_, Vec<u8>>(6)?, row.get(7)?, row.get(8)?);
        Ok((of, one, other))
    })?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    for ((hour, kind, name), (samples, sum_us, overflow), (others, other_sum, other_overflow)) in
        rows
    {
        let Some(series) = Series::from_parts(&kind, &name) else {
            continue;
        };
        let sketch = Sketch::decode(&series, &samples, sum_us, overflow);
        let other = Sketch::decode(&series, &others, other_sum, other_overflow);
        let (Some(sketch), Some(mut merged)) = (sketch, other) else {
            continue;
        };
        merged.merge(&sketch);
        to.prepare_cached(sql::SET_SKETCH)?.execute(params![
            hour,
            into,
            kind,
            name,
            merged.encode(),
            merged.sum_us(),
            merged.overflow()
        ])?;
        to.prepare_cached(sql::REMOVE_SKETCH)?
            .execute(params![hour, from, kind, name])?;
    }
    Ok(())
}

fn objectives(to: &Connection, old: &PartnerId, new: &PartnerId) -> rusqlite::Result<()> {
    let find = |partner: &PartnerId, slo: SloName| -> rusqlite::Result<Option<i64>> {
        let mut statement = to.prepare_cached(sql::OBJECTIVE)?;
        let names = [partner.as_str(), slo.name()];
        statement.query_row(names, |row| row.get(0)).optional()
    };
    for slo in SloName::ALL {
        let Some(was) = find(old, *slo)? else {
            continue;
        };
        if let Some(is) = find(new, *slo)? {
            join_objective(to, is, was)?;
        }
        to.prepare_cached(sql::RENAME_OBJECTIVE)?
            .execute(params![new.as_str(), was])?;
    }
    Ok(())
}

/// Moves an objective's history behind that of another: its epochs are numbered on.
fn join_objective(to: &Connection, from: i64, into: i64) -> rusqlite::Result<()> {
    let last: Option<i64> = to
        .prepare_cached(sql::LAST_EPOCH)?
        .query_row([into], |row| row.get(0))
        .optional()?;
    let shift = last.unwrap_or_default();
    for statement in [sql::JOIN_EPOCHS, sql::JOIN_SLO_QUARTERS] {
        to.prepare_cached(statement)?.execute([into, shift, from])?;
    }
    to.prepare_cached(sql::JOIN_SLO_BAD)?
        .execute([into, from])?;
    for statement in [
        sql::REMOVE_EPOCHS,
        sql::REMOVE_SLO_QUARTERS,
        sql::REMOVE_OBJECTIVE,
    ] {
        to.prepare_cached(statement)?.execute([from])?;
    }
    Ok(())
}

/// Renames the first labels of counters; those that the new name has already are added to.
fn counters(to: &Connection, old: &[&str], new: &[&str]) -> rusqlite::Result<()> {
    let mut statement = to.prepare_cached(sql::COUNTERS)?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, u64>(2)?,
            row.get::<_, i64>(3)?,
        ))
    })?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    for (metric, text, value, base) in rows {
        let known = names::ALL.iter().find(|known| known.name == metric);
        let labels: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
        let is_named = known.is_some_and(|known| {
            let firsts = ["partner", "journey"];
            let wanted = firsts.iter().take(old.len());
            wanted.zip(known.labels).filter(|(a, b)| a == b).count() == old.len()
        });
        if !is_named || !labels.iter().zip(old).all(|(label, old)| label == old) {
            continue;
        }
        let renamed = new.iter().map(|one| (*one).to_owned());
        let renamed: Vec<String> = renamed.chain(labels.into_iter().skip(old.len())).collect();
        let renamed = serde_json::to_string(&renamed)
            .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
        to.prepare_cached(sql::MOVE_COUNTER)?
            .execute(params![metric, renamed, value, base])?;
        to.prepare_cached(sql::REMOVE_COUNTER)?
            .execute([&metric, &text])?;
    }
    Ok(())
}
