//! The report: the document that is published, signed and viewed. Its JSON holds every number that its verdicts
//! and credits follow from, so that a reader can work them out again.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::credit::{CreditSum, credit_sum, line};
use super::definitions::{DEFINITIONS, Definition};
use super::docketed::DocketSection;
use super::fold::promise_facts;
use super::period::ReportPeriod;
use super::quarters::Quarter;
use super::row::{PromiseFacts, Row, instant};
use super::verdict::Verdict;
use crate::model::{
    Basis, Combination, CreditTerms, Currency, Debtor, DocketDeed, DocketReason, DocketRequest,
    PublishedFigure, ReportingWindow, Sla, Unmeasured, Zone,
};

/// Names the form of the JSON; another meaning of a field is another number.
pub const SCHEMA: &str = "urn:outrider:schema:report-1";

/// What a report is made of, apart from the terms.
#[derive(Clone, Debug)]
pub struct ReportFacts {
    /// Whose.
    pub partner: Party,
    /// The period.
    pub period: ReportPeriod,
    /// What was read, where and by what.
    pub source: Source,
    /// Each agreement with what was counted of each of its promises.
    pub agreements: Vec<AgreementFacts>,
    /// What became of planned runs, by journey.
    pub coverage: Vec<JourneyCoverage>,
    /// How long runs took, by journey.
    pub latency: Vec<Latency>,
    /// Incidents, exclusions, disputes and what is corrected.
    pub docketed: DocketSection,
}

/// An agreement with what was counted of each of its promises, in their order.
#[derive(Clone, Debug)]
pub struct AgreementFacts {
    /// The terms.
    pub sla: Sla,
    /// One for each promise.
    pub promises: Vec<PromiseFacts>,
}

/// The partner that a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id in the files.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `sandbox` or `production`.
    pub environment: String,
}

/// What the numbers were read from, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The program and its version.
    pub tool: String,
    /// Where runs started from.
    pub measured_from: String,
    /// SHA-256 of the quarter hours that were counted, as [`super::quarters_csv`] writes them.
    pub counts_sha256: String,
    /// SHA-256 of the terms that were applied.
    pub terms_sha256: String,
    /// SHA-256 of the definitions.
    pub definitions_sha256: String,
}

/// What became of the planned runs of a journey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyCoverage {
    /// The journey.
    pub journey: String,
    /// Planned starts that the ledger recorded.
    pub due: u64,
    /// Started in time.
    pub ran: u64,
    /// Started late.
    pub late: u64,
    /// Not started: a run before it still went on.
    pub overlap: u64,
    /// Not started: a limit of requests or runs held it back.
    pub capped: u64,
    /// Not started: declared blackout.
    pub blackout: u64,
    /// Not started: declared maintenance.
    pub maintenance: u64,
    /// Not started: the agent was away.
    pub missed: u64,
    /// Started, and the agent stopped before its end.
    pub lost: u64,
    /// Runs that passed at once.
    pub passed: u64,
    /// Runs that passed when they were repeated.
    pub passed_on_retry: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that the agent itself could not carry out.
    pub agent_fault: u64,
    /// Runs whose verdict the agent's own delay could have made.
    pub inconclusive: u64,
}

/// How long the judged runs of a journey took, from merged hourly sketches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The journey.
    pub journey: String,
    /// Runs in the sketches.
    pub runs: u64,
    /// Half of them took no longer, in microseconds.
    pub p50_us: u64,
    /// 95 % of them took no longer.
    pub p95_us: u64,
    /// 99 % of them took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// Until when what must be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// The last civil day on which the report is published in time.
    pub publish_by: String,
    /// The last civil day on which a reader may object.
    pub object_by: String,
}

/// One direction: who owes whom what, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// `partner` or `us`.
    pub owes: String,
    /// Whom it is owed to.
    pub to: String,
    /// Who measured.
    pub measured_by: String,
    /// Whose exchanges decide: `synthetic`.
    pub traffic: String,
    /// What is counted: `runs`.
    pub unit: String,
    /// The contract's civil time.
    pub timezone: String,
    /// What a verdict is due for: `month`, `quarter`, `week`.
    pub window: String,
    /// Which figure decides: `net` or `raw`.
    pub net_or_raw: String,
    /// What unmeasured runs count as: `worst-case` or `leave-out`.
    pub unmeasured: String,
    /// Where they are left out, judged runs per million due, at least.
    pub coverage_floor_ppm: Option<u32>,
    /// The first instant of the period.
    pub from: String,
    /// The first instant after it.
    pub until: String,
    /// Civil days after the period within which the report is published.
    pub publish_by_days: u32,
    /// Civil days after that within which a reader may object.
    pub dispute_within_days: u32,
    /// Both as days of the calendar.
    pub deadlines: Deadlines,
    /// One row a promise.
    pub rows: Vec<Row>,
    /// Whether the period is one that credits are due for.
    pub is_reporting_window: bool,
    /// Credits; none where the contract names none.
    pub credit: Option<CreditSum>,
}

/// A report about one partner and one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Whose.
    pub partner: Party,
    /// The period as it was written.
    pub period: String,
    /// The first day.
    pub first_day: NaiveDate,
    /// The day after the last.
    pub end_day: NaiveDate,
    /// Counts corrections, from 1.
    pub revision: u32,
    /// Whether the ledger's record reaches the end of the period.
    pub is_recorded_whole: bool,
    /// What was read.
    pub source: Source,
    /// One for each direction.
    pub agreements: Vec<Agreement>,
    /// What became of planned runs.
    pub coverage: Vec<JourneyCoverage>,
    /// How long runs took.
    pub latency: Vec<Latency>,
    /// What the numbers mean.
    pub definitions: Vec<Definition>,
    /// Incidents, exclusions, disputes and what is corrected.
    #[serde(flatten)]
    pub docketed: DocketSection,
}

impl Report {
    /// Works a report out. `is_recorded_whole` says whether the ledger's record reaches the end of the period.
    pub fn new(facts: ReportFacts, is_recorded_whole: bool) -> Self {
        let ReportFacts {
            partner,
            period,
            source,
            agreements,
            coverage,
            latency,
            docketed,
        } = facts;
        let agreements = agreements.into_iter();
        let definitions = DEFINITIONS.iter().map(Definition::of);
        Self {
            schema: SCHEMA.to_owned(),
            partner,
            first_day: period.first,
            end_day: period.end,
            revision: docketed.revision(),
            is_recorded_whole,
            source,
            agreements: agreements
                .map(|facts| Agreement::new(&period, facts))
                .collect(),
            coverage,
            latency,
            definitions: definitions.collect(),
            docketed,
            period: period.name,
        }
    }

    /// The same report worked out again from the counts and terms that it holds; none when it holds no period or
    /// terms that can be.
    pub fn recomputed(&self) -> Option<Self> {
        let agreements = self.agreements.iter().map(Agreement::source);
        self.with(agreements.collect::<Option<_>>()?)
    }

    /// The same report worked out again from its terms and the quarter hours that it was counted from; none as
    /// [`Report::recomputed`], and where a quarter hour is of no promise or no instant of it.
    pub fn recounted(&self, quarters: &[Quarter]) -> Option<Self> {
        let period = ReportPeriod::parse(&self.period).ok()?;
        let mut agreements = Vec::new();
        let mut counted = 0;
        for agreement in &self.agreements {
            let mut facts = agreement.source()?;
            let (from, until) = period.instants(facts.sla.zone);
            let promises = facts.sla.promises.iter().zip(&mut facts.promises);
            for (promise, facts_of) in promises.filter(|_| facts.sla.owes == Debtor::Partner) {
                let own = quarters.iter().copied();
                let own: Vec<_> = own
                    .filter(|one| one.objective == promise.of)
                    .filter(|one| (from..until).contains(&one.begin))
                    .collect();
                counted += own.len();
                let mut earlier = std::mem::take(&mut facts_of.trend);
                earlier.pop();
                *facts_of = promise_facts(&period, &facts.sla, &own, &facts_of.parts, earlier);
            }
            agreements.push(facts);
        }
        self.with(agreements).filter(|_| counted == quarters.len())
    }

    /// The report with other counts.
    fn with(&self, agreements: Vec<AgreementFacts>) -> Option<Self> {
        let facts = ReportFacts {
            partner: self.partner.clone(),
            period: ReportPeriod::parse(&self.period).ok()?,
            source: self.source.clone(),
            agreements,
            coverage: self.coverage.clone(),
            latency: self.latency.clone(),
            docketed: self.docketed.clone(),
        };
        Some(Self::new(facts, self.is_recorded_whole))
    }

    /// What it says of each promise, as a later revision is compared with.
    pub fn stood(&self) -> Vec<PublishedFigure> {
        let rows = self.agreements.iter().flat_map(|agreement| {
            let rows = agreement.rows.iter();
            rows.map(move |row| (agreement, row))
        });
        let stood = rows.map(|(agreement, row)| {
            let figure = row.figure(agreement.basis());
            PublishedFigure {
                owes: agreement.owes.clone(),
                promise: row.promise.clone(),
                verdict: row.judgement.verdict.words().to_owned(),
                due: figure.due,
                judged: figure.judged,
                bad: figure.bad,
            }
        });
        stood.collect()
    }

    /// What the docket keeps of its publication; `sha256` is that of its JSON.
    pub fn publication(&self, sha256: String) -> DocketRequest {
        DocketRequest {
            partner: self.partner.id.clone(),
            act: DocketDeed::ReportPublish {
                period: self.period.clone(),
                revision: self.revision,
                sha256,
                stood: self.stood(),
            },
            reason: DocketReason::Due,
            note: "published".to_owned(),
            stated: None,
        }
    }

    /// The JSON of the report, as it is written and signed: pretty, with a line feed at its end.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

impl Agreement {
    fn new(period: &ReportPeriod, facts: AgreementFacts) -> Self {
        let AgreementFacts { sla, promises } = facts;
        let (from, to) = period.instants(sla.zone);
        let is_reporting_window = period.window == Some(sla.window);
        let mut rows = Vec::new();
        let mut lines = Vec::new();
        for (promise, facts) in sla.promises.iter().zip(promises) {
            let row = Row::new(&sla, promise, facts);
            let counts = row.figure(sla.basis).counts();
            let verdict = row.judgement.verdict;
            lines.extend(line(promise, verdict, counts, sla.unmeasured));
            rows.push(row);
        }
        let terms = sla.credits.as_ref().filter(|_| is_reporting_window);
        let (unmeasured, coverage_floor_ppm) = match sla.unmeasured {
            Unmeasured::WorstCase => ("worst-case", None),
            Unmeasured::LeaveOut { coverage_floor_ppm } => ("leave-out", Some(coverage_floor_ppm)),
        };
        Self {
            owes: sla.owes.name().to_owned(),
            traffic: "synthetic".to_owned(),
            unit: "runs".to_owned(),
            timezone: sla.zone.name().to_owned(),
            window: sla.window.name().to_owned(),
            net_or_raw: sla.basis.name().to_owned(),
            unmeasured: unmeasured.to_owned(),
            coverage_floor_ppm,
            from: instant(from),
            until: instant(to),
            publish_by_days: sla.publish_by_days,
            dispute_within_days: sla.dispute_within_days,
            deadlines: deadlines(period.end, &sla),
            is_reporting_window,
            credit: terms.map(|terms| credit_sum(terms, lines)),
            rows,
            to: sla.to,
            measured_by: sla.measured_by,
        }
    }

    /// The terms and counts that it was made of; none when a word of it is unknown.
    fn source(&self) -> Option<AgreementFacts> {
        let unmeasured = match (self.unmeasured.as_str(), self.coverage_floor_ppm) {
            ("worst-case", None) => Unmeasured::WorstCase,
            ("leave-out", Some(coverage_floor_ppm)) => Unmeasured::LeaveOut { coverage_floor_ppm },
            _ => return None,
        };
        let rows = self.rows.iter().map(Row::source);
        let rows = rows.collect::<Option<Vec<_>>>()?;
        let (terms, promises) = rows.into_iter().unzip();
        let credits = match &self.credit {
            Some(sum) => Some(CreditTerms {
                currency: Currency {
                    code: sum.currency.clone(),
                    decimals: sum.decimals,
                },
                fee: sum.fee_minor,
                combination: Combination::named(&sum.combination)?,
                cap_ppm: sum.cap_ppm,
                minimum: sum.minimum_minor,
            }),
            None => None,
        };
        let sla = Sla {
            owes: Debtor::named(&self.owes)?,
            to: self.to.clone(),
            measured_by: self.measured_by.clone(),
            zone: Zone::named(&self.timezone)?,
            window: ReportingWindow::named(&self.window)?,
            basis: Basis::named(&self.net_or_raw)?,
            unmeasured,
            publish_by_days: self.publish_by_days,
            dispute_within_days: self.dispute_within_days,
            credits,
            promises: terms,
        };
        Some(AgreementFacts { sla, promises })
    }

    /// Which figure decides.
    pub fn basis(&self) -> Basis {
        Basis::named(&self.net_or_raw).unwrap_or(Basis::Net)
    }

    /// How many promises came to a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row.judgement.verdict == verdict).count()
    }

    /// The credit in words, such as `1,240.00 USD`; none where none is worked out.
    pub fn credit_words(&self) -> Option<String> {
        let sum = self.credit.as_ref()?;
        Some(sum.money(sum.amount_minor))
    }
}

/// Civil days, counted from the day after the period.
fn deadlines(end: NaiveDate, sla: &Sla) -> Deadlines {
    Deadlines {
        publish_by: publish_day(end, sla).to_string(),
        object_by: last_day_to_object(end, sla).to_string(),
    }
}

/// The last civil day on which the figures of a period may be disputed, by the day after it.
pub(super) fn last_day_to_object(end: NaiveDate, sla: &Sla) -> NaiveDate {
    day_after(end, sla.publish_by_days + sla.dispute_within_days)
}

/// The civil day by the end of which the report of a period is published, by the day after the period.
pub(super) fn publish_day(end: NaiveDate, sla: &Sla) -> NaiveDate {
    day_after(end, sla.publish_by_days)
}

fn day_after(end: NaiveDate, days: u32) -> NaiveDate {
    let last = end.checked_add_days(Days::new(u64::from(days)));
    last.and_then(|day| day.pred_opt()).unwrap_or(end)
}
