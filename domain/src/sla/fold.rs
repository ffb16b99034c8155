//! A promise's facts from quarter hours: the one place that counts them, for the ledger's and for published ones.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::period::ReportPeriod;
use super::quarters::{Quarter, Tally};
use super::row::{Day, EpochPart, PromiseFacts, TrendPoint};
use super::verdict::Verdict;
use crate::model::{Basis, Sla};

/// What a promise came to, from the quarter hours of its objective in the period. Of the epochs the words are taken,
/// and the numbers are counted; an epoch that none describes has no words. `earlier` is the trend before this period.
pub fn promise_facts(
    period: &ReportPeriod,
    sla: &Sla,
    quarters: &[Quarter],
    epochs: &[EpochPart],
    earlier: Vec<TrendPoint>,
) -> PromiseFacts {
    let total: Tally = quarters.iter().map(|one| one.tally).sum();
    let unrecorded = quarters.iter().filter(|one| one.epoch.is_none());
    let mut trend = earlier;
    trend.push(trend_point(period, sla.basis, &total));
    PromiseFacts {
        raw: total.runs(Basis::Raw),
        net: total.runs(Basis::Net),
        held: total.held,
        inconclusive: total.inconclusive,
        unrecorded: unrecorded.map(|one| one.tally.owed()).sum(),
        parts: parts(epochs, quarters, sla.basis),
        days: days(period, sla, quarters),
        trend,
    }
}

/// A window of the trend in which something was recorded; its verdict is worked out with the report.
pub fn trend_point(period: &ReportPeriod, basis: Basis, total: &Tally) -> TrendPoint {
    let runs = total.runs(basis);
    TrendPoint {
        period: period.name.clone(),
        due: runs.due,
        judged: runs.judged,
        bad: runs.bad,
        verdict: Some(Verdict::NotDemonstrable),
    }
}

fn parts(epochs: &[EpochPart], quarters: &[Quarter], basis: Basis) -> Vec<EpochPart> {
    let mut by_epoch: BTreeMap<u32, Tally> = BTreeMap::new();
    for one in quarters {
        if let Some(epoch) = one.epoch {
            *by_epoch.entry(epoch).or_default() += one.tally;
        }
    }
    let parts = by_epoch.into_iter().map(|(number, tally)| {
        let runs = tally.runs(basis);
        let words = epochs.iter().find(|epoch| epoch.epoch == number).cloned();
        EpochPart {
            epoch: number,
            due: runs.due,
            judged: runs.judged,
            bad: runs.bad,
            ..words.unwrap_or_default()
        }
    });
    parts.collect()
}

/// Quarter hours by civil day: each lies in just one, as periods begin with whole ones.
fn days(period: &ReportPeriod, sla: &Sla, quarters: &[Quarter]) -> Vec<Day> {
    let mut by_day: BTreeMap<NaiveDate, Tally> = BTreeMap::new();
    for one in quarters {
        let day = sla.zone.local(one.begin).date();
        *by_day.entry(day).or_default() += one.tally;
    }
    let days = period.days(sla.zone).map(|(day, _, _)| {
        let runs = by_day
            .get(&day)
            .copied()
            .unwrap_or_default()
            .runs(sla.basis);
        Day {
            day: day.to_string(),
            due: runs.due,
            judged: runs.judged,
            bad: runs.bad,
        }
    });
    days.collect()
}
