//! What a report is made of: the terms of the plan and the counts of the ledger, for one partner and one period.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{
    Basis, Debtor, JourneyId, Partner, PartnerId, Plan, Probe, ProbeId, Sla, SlaPromise, SloName,
    Zone,
};
use outrider_domain::schedule::due_counts;
use outrider_domain::sla::{
    AgreementFacts, DEFINITIONS, DocketSection, EpochPart, JourneyCoverage, Latency, Party,
    PromiseFacts, Quarter, Removed, Report, ReportFacts, ReportPeriod, Source, Tally, TrendPoint,
    instant, leave_out, promise_facts, quarters_csv, trend_point,
};
use outrider_domain::sli::{Quantiles, Series, Sketch};
use outrider_domain::slo::{Counts, Epoch};

use crate::ledger::{Ledger, LedgerError};
use crate::proof::sha256_hex;

/// Windows before this one that the trend shows.
const TREND_BEFORE: usize = 12;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NoReport {
    /// No file says what is promised.
    #[error("{partner} has no [[sla]]. Add one to {file} with what the contract promises")]
    NoTerms {
        /// Whose.
        partner: PartnerId,
        /// The file that would hold it.
        file: String,
    },
    /// No day of it is over.
    #[error("no day of {period} is over: it begins {from}. A report is of a period that is over")]
    Future {
        /// As it was written.
        period: String,
        /// Its first instant.
        from: String,
    },
    /// It is not over.
    #[error("{period} is not over before {until}. For the days so far write --period {so_far}")]
    Unfinished {
        /// As it was written.
        period: String,
        /// The first instant after it.
        until: String,
        /// The days of it that are over.
        so_far: String,
    },
    /// A run that was due in it goes on.
    #[error(
        "a run of {probe} that was due {due} in {period} has no end yet. Ask again once it has one; \
         where no agent runs, the next start of one gives it an end"
    )]
    RunGoesOn {
        /// Of which probe.
        probe: ProbeId,
        /// The intended start.
        due: String,
        /// As it was written.
        period: String,
    },
    /// The counts cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The facts cannot be written down.
    #[error("the counts cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// A report with what it was counted from.
pub struct ReportWithCounts {
    /// The report.
    pub report: Report,
    /// The quarter hours of its promises as CSV: its `counts_sha256` is over these bytes.
    pub counts: String,
}

/// The report about a partner and a period that is over.
///
/// # Errors
/// There is nothing to report, or not yet, or the ledger is unavailable.
pub fn report(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
    period: &ReportPeriod,
    now: DateTime<Utc>,
) -> Result<ReportWithCounts, NoReport> {
    report_through(plan, ledger, partner, period, (now, u64::MAX))
}

/// The same as it was with an entry of the docket, without those that came later.
///
/// # Errors
/// As those of [`report`].
pub fn report_through(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
    period: &ReportPeriod,
    (now, docket_through): (DateTime<Utc>, u64),
) -> Result<ReportWithCounts, NoReport> {
    if partner.slas.is_empty() {
        return Err(NoReport::NoTerms {
            partner: partner.id.clone(),
            file: format!("partners/{}.toml", partner.id),
        });
    }
    for sla in &partner.slas {
        is_over(period, sla.zone, now)?;
    }
    let until = partner.slas.iter().map(|sla| period.instants(sla.zone).1);
    let until = until.max().unwrap_or(now);
    let read = ledger.consistently(|ledger| {
        let open = ledger.open_ticks()?.into_iter();
        let open = open
            .filter(|tick| tick.probe.partner == partner.id && tick.due_at < until)
            .min_by_key(|tick| tick.due_at);
        let docket = ledger.docket(&partner.id)?.through(docket_through);
        let reader = Reader {
            plan,
            ledger,
            partner,
            period,
            folded_before: ledger.folded_before()?,
            left_out: docket.left_out(),
        };
        let facts = reader.agreements()?;
        let journeys = reader.journeys()?;
        let docketed = DocketSection::of(&docket, period, reader.zone(), |from, until| {
            reader.removed(&(from..until))
        })?;
        Ok((open, facts, journeys, docketed, ledger.due_through()?))
    })?;
    let (open, facts, (coverage, latency), docketed, due_through) = read;
    if let Some(tick) = open {
        return Err(NoReport::RunGoesOn {
            probe: tick.probe,
            due: instant(tick.due_at),
            period: period.name.clone(),
        });
    }
    let (agreements, counted): (Vec<AgreementFacts>, Vec<Vec<Quarter>>) = facts.into_iter().unzip();
    let counts = quarters_csv(&counted.concat());
    let terms: Vec<String> = partner.slas.iter().map(|sla| format!("{sla:?}")).collect();
    let source = Source {
        tool: concat!("outrider ", env!("CARGO_PKG_VERSION")).to_owned(),
        measured_from: plan.settings.location.clone(),
        counts_sha256: sha256_hex(counts.as_bytes()),
        terms_sha256: sha256_hex(terms.join("\n").as_bytes()),
        definitions_sha256: sha256_hex(format!("{DEFINITIONS:?}").as_bytes()),
    };
    let facts = ReportFacts {
        partner: Party {
            id: partner.id.to_string(),
            name: partner.name.clone(),
            environment: partner.environment.clone(),
        },
        period: period.clone(),
        source,
        agreements,
        coverage,
        latency,
        docketed,
    };
    let is_recorded_whole = due_through.is_some_and(|through| through >= until);
    Ok(ReportWithCounts {
        report: Report::new(facts, is_recorded_whole),
        counts,
    })
}

fn is_over(period: &ReportPeriod, zone: Zone, now: DateTime<Utc>) -> Result<(), NoReport> {
    let (from, until) = period.instants(zone);
    let today = zone.local(now).date();
    if from > now || (until > now && today <= period.first) {
        return Err(NoReport::Future {
            period: period.name.clone(),
            from: instant(from),
        });
    }
    if until > now {
        return Err(NoReport::Unfinished {
            period: period.name.clone(),
            until: instant(until),
            so_far: format!("{}..{today}", period.first),
        });
    }
    Ok(())
}

/// Reads what one report needs.
struct Reader<'a> {
    plan: &'a Plan,
    ledger: &'a Ledger,
    partner: &'a Partner,
    period: &'a ReportPeriod,
    /// Up to when a full ledger gave up its quarter hours.
    folded_before: Option<DateTime<Utc>>,
    /// What approved exclusions leave out.
    left_out: Vec<Range<DateTime<Utc>>>,
}

impl Reader<'_> {
    fn agreements(&self) -> Result<Vec<(AgreementFacts, Vec<Quarter>)>, LedgerError> {
        let read = |sla: &Sla| {
            let mut counted = Vec::new();
            let mut promises = Vec::new();
            for promise in &sla.promises {
                promises.push(match sla.owes {
                    Debtor::Partner => self.promise(sla, promise, &mut counted)?,
                    // Runs measure the partner's side alone.
                    Debtor::Us => PromiseFacts::default(),
                });
            }
            let facts = AgreementFacts {
                sla: sla.clone(),
                promises,
            };
            Ok((facts, counted))
        };
        self.partner.slas.iter().map(read).collect()
    }

    fn promise(
        &self,
        sla: &Sla,
        promise: &SlaPromise,
        counted: &mut Vec<Quarter>,
    ) -> Result<PromiseFacts, LedgerError> {
        let (from, until) = self.period.instants(sla.zone);
        let id = &self.partner.id;
        let history = self.ledger.slo_history(id, promise.of, self.plan.scale)?;
        let epochs = history.epochs();
        // Of quarter hours that the ledger gave up their sum is left: no record of this period.
        let began = history.begin().max(self.folded_before);
        let quarters = self.quarters(promise.of, began, &(from..until))?;
        let earlier = self.trend(sla, promise.of, began)?;
        let epochs = epochs_in_words(epochs, from);
        counted.extend_from_slice(&quarters);
        Ok(promise_facts(self.period, sla, &quarters, &epochs, earlier))
    }

    /// The quarter hours of a stretch. Where no agent kept a record, the schedule says what was due.
    fn quarters(
        &self,
        slo: SloName,
        began: Option<DateTime<Utc>>,
        between: &Range<DateTime<Utc>>,
    ) -> Result<Vec<Quarter>, LedgerError> {
        let mut tallies: BTreeMap<(DateTime<Utc>, Option<u32>), Tally> = BTreeMap::new();
        let recorded = self.ledger.slo_quarters(&self.partner.id, slo, between)?;
        let is_left = |begin| self.folded_before.is_none_or(|end| begin >= end);
        for one in recorded.iter().filter(|one| is_left(one.quarter)) {
            *tallies.entry((one.quarter, Some(one.epoch))).or_default() += tally(&one.counts);
        }
        let through = self.ledger.due_through()?;
        let before_begin = began.unwrap_or(between.end).min(between.end);
        let after_end = through.unwrap_or(between.start).max(before_begin);
        // Starts lie in (after, until], periods in [from, until).
        let moment = TimeDelta::nanoseconds(1);
        let gaps = [
            (
                between.start - moment,
                before_begin.max(between.start) - moment,
            ),
            (after_end, between.end - moment),
        ];
        for (after, until) in gaps {
            for one in self
                .probes(slo)
                .flat_map(|probe| due_counts(self.plan, probe, after, until))
            {
                *tallies.entry((one.quarter, None)).or_default() += Tally {
                    due: one.due,
                    held: one.held,
                    left_out: [one.excluded, 0, 0],
                    ..Tally::default()
                };
            }
        }
        let quarters = tallies.into_iter().map(|((begin, epoch), tally)| Quarter {
            objective: slo,
            begin,
            epoch,
            tally,
        });
        let mut quarters: Vec<_> = quarters.collect();
        leave_out(&mut quarters, &self.left_out);
        Ok(quarters)
    }

    /// The probes whose runs an objective counts by the present files.
    fn probes(&self, slo: SloName) -> impl Iterator<Item = &Probe> {
        let journeys = self.partner.slos.get(&slo).map(|slo| &slo.journeys);
        self.plan.probes.values().filter(move |probe| {
            probe.id.partner == self.partner.id
                && journeys.is_some_and(|all| all.contains(&probe.id.journey))
        })
    }

    /// Earlier windows, oldest first. A window in which nothing was recorded has no verdict.
    fn trend(
        &self,
        sla: &Sla,
        slo: SloName,
        began: Option<DateTime<Utc>>,
    ) -> Result<Vec<TrendPoint>, LedgerError> {
        let before = std::iter::successors(self.period.before(), ReportPeriod::before);
        let mut trend = Vec::new();
        for period in before.take(TREND_BEFORE) {
            let (from, until) = period.instants(sla.zone);
            let point = |quarters: &[Quarter]| {
                let total = quarters.iter().map(|one| one.tally).sum();
                trend_point(&period, sla.basis, &total)
            };
            trend.push(if began.is_some_and(|began| began < until) {
                point(&self.quarters(slo, began, &(from..until))?)
            } else {
                TrendPoint {
                    verdict: None,
                    ..point(&[])
                }
            });
        }
        trend.reverse();
        Ok(trend)
    }

    /// The zone of what both directions share.
    fn zone(&self) -> Zone {
        self.partner.slas.first().map_or(Zone::UTC, |sla| sla.zone)
    }

    /// The runs of each promise of the partner that lie in a stretch of time.
    fn removed(&self, between: &Range<DateTime<Utc>>) -> Result<Vec<Removed>, LedgerError> {
        let owed = self.partner.slas.iter();
        let owed = owed.filter(|sla| sla.owes == Debtor::Partner);
        let removed = owed.flat_map(|sla| &sla.promises).map(|promise| {
            let id = &self.partner.id;
            let history = self.ledger.slo_history(id, promise.of, self.plan.scale)?;
            let began = history.begin().max(self.folded_before);
            let quarters = self.quarters(promise.of, began, between)?;
            let total: Tally = quarters.iter().map(|one| one.tally).sum();
            let runs = total.runs(Basis::Raw);
            Ok(Removed {
                promise: promise.of.name().to_owned(),
                due: runs.due,
                judged: runs.judged,
                bad: runs.bad,
            })
        });
        removed.collect()
    }

    /// What became of planned starts, and how long runs took, by journey.
    fn journeys(&self) -> Result<(Vec<JourneyCoverage>, Vec<Latency>), LedgerError> {
        let (from, until) = self.period.instants(self.zone());
        let promised = self.partner.slas.iter().flat_map(|sla| &sla.promises);
        let slos = promised.filter_map(|promise| self.partner.slos.get(&promise.of));
        let journeys: std::collections::BTreeSet<&JourneyId> =
            slos.flat_map(|slo| &slo.journeys).collect();
        let (mut coverage, mut latency) = (Vec::new(), Vec::new());
        for journey in journeys {
            let probe = ProbeId {
                partner: self.partner.id.clone(),
                journey: journey.clone(),
            };
            let found = self.ledger.probe_counts(&probe, &(from..until))?;
            let [
                ran,
                late,
                overlap,
                capped,
                blackout,
                maintenance,
                missed,
                lost,
            ] = found.dispositions;
            let [passed, passed_on_retry, failed, agent_fault, inconclusive] = found.outcomes;
            coverage.push(JourneyCoverage {
                journey: journey.to_string(),
                due: found.due,
                ran,
                late,
                overlap,
                capped,
                blackout,
                maintenance,
                missed,
                lost,
                passed,
                passed_on_retry,
                failed,
                agent_fault,
                inconclusive,
            });
            let hours = whole_hours(from, until);
            let sketches = self
                .ledger
                .sketches_between(&probe, &Series::Journey, hours)?;
            let mut merged = Sketch::new(&Series::Journey);
            sketches.iter().for_each(|(_, sketch)| merged.merge(sketch));
            latency.extend(Quantiles::of(&merged).map(|of| quantiles(journey, &of)));
        }
        Ok((coverage, latency))
    }
}

/// The hours that begin in a stretch of time, as seconds since 1970: sketches are of whole hours of UTC.
fn whole_hours(from: DateTime<Utc>, until: DateTime<Utc>) -> Range<i64> {
    let up = |at: DateTime<Utc>| (at.timestamp() + 3_599).div_euclid(3_600) * 3_600;
    up(from)..up(until)
}

fn quantiles(journey: &JourneyId, of: &Quantiles) -> Latency {
    let us = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let [p50, _, p95, p99] = of.values;
    Latency {
        journey: journey.to_string(),
        runs: of.count,
        p50_us: us(p50),
        p95_us: us(p95),
        p99_us: us(p99),
        max_us: us(of.max),
    }
}

/// What reports count of what the ledger counted.
fn tally(of: &Counts) -> Tally {
    Tally {
        due: of.due,
        held: of.held,
        judged: of.judged,
        bad: of.bad,
        inconclusive: of.inconclusive,
        left_out: [of.excluded.runs, of.excluded.events, of.excluded.bad],
    }
}

/// Epochs as a report describes them, without numbers; `from` is the begin of the period.
fn epochs_in_words(epochs: &[Epoch], from: DateTime<Utc>) -> Vec<EpochPart> {
    let parts = epochs.iter().enumerate().map(|(place, epoch)| {
        let journeys = epoch.promise.journeys.iter();
        let counted = journeys.map(|(journey, terms)| match &terms.threshold {
            Some(limit) => format!("{journey}, {}, good within {limit}", terms.schedule),
            None => format!("{journey}, {}", terms.schedule),
        });
        let before = place.checked_sub(1).and_then(|before| epochs.get(before));
        let changes = before.map(|before| epoch.promise.changes_since(&before.promise));
        EpochPart {
            epoch: epoch.number,
            from: instant(epoch.from.max(from)),
            counted: counted.collect(),
            changes: changes.unwrap_or_default(),
            ..EpochPart::default()
        }
    });
    parts.collect()
}
