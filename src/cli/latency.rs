//! `outrider latency`: quantiles of durations, from the hourly sketches in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::{JourneyId, Phase, Plan, ProbeId, RunFilter, RunRecord, StepId};
use outrider_domain::sli::{
    Quantiles, Series, Sketch, SketchKey, hour_of, interval_log, latencies,
};

use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;
use crate::agent::{under_present_names, unknown_name};
use crate::ledger::{Ledger, LedgerError};
use crate::render::{self, LatencyLine, LatencyReport};

/// The range that is shown where none is given.
const RANGE_DEFAULT: TimeDelta = TimeDelta::hours(24);
/// Runs of a cohort that are read, at most: sketches do not tell cohorts apart.
const COHORT_RUNS_MAX: u32 = 20_000;
/// Runs that are read because the sketches do not hold them yet, at most.
const UNSKETCHED_RUNS_MAX: u32 = 20_000;
/// Series of runs as a whole, each by its name.
const OF_RUNS: [&str; 3] = ["service", "intended", "apart"];

/// What `latency` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Latency {
    /// The partner, also one that is no longer in the files
    #[arg(long)]
    partner: String,
    /// One journey only
    #[arg(long)]
    journey: Option<String>,
    /// Of one step, instead of runs
    #[arg(long, conflicts_with = "phase")]
    step: Option<String>,
    /// Of one phase of requests, such as wait, instead of runs
    #[arg(long)]
    phase: Option<String>,
    /// Of runs with members of one cohort; these are read one by one
    #[arg(long)]
    cohort: Option<String>,
    /// From when: 2h or 3d (ago), a date (UTC) or RFC 3339; 24h where it is left out
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until when; now where it is left out
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    #[command(flatten)]
    files: LedgerFiles,
    /// An HDR interval log instead of text: one line an hour, in microseconds
    #[arg(long, conflicts_with = "json")]
    hlog: bool,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Sketches of the hours that were asked for, and what they were made from.
struct Found {
    sketches: Vec<(SketchKey, Sketch)>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    source: String,
}

impl Latency {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let now = Clock::real().now();
        let from = self.from.as_deref();
        let until = now.to_rfc3339();
        let range = config::range(from, self.to.as_deref().or(Some(&until)), now);
        let (from, to) = range.map_err(|why| out::mistake(&why))?;
        let to = to.unwrap_or(now);
        let from = from.unwrap_or_else(|| to - RANGE_DEFAULT);
        let plan = self.files.readable_plan()?;
        let away = |why: LedgerError| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        };
        let ledger = Ledger::reader(&plan.settings.ledger).map_err(away)?;
        let filter = RunFilter {
            partner: Some(self.partner.clone()),
            journey: self.journey.clone(),
            ..RunFilter::default()
        };
        let filter = under_present_names(&plan, &ledger, filter).map_err(away)?;
        if let Some(why) = unknown_name(&plan, &ledger, &filter).map_err(away)? {
            return Err(out::mistake(&why));
        }
        let partner = filter.partner.clone().unwrap_or_default();
        let probes = probes(&filter, &plan, &ledger).map_err(away)?;
        let series = self.series().map_err(|why| out::mistake(&why))?;
        let question = Question {
            plan: &plan,
            ledger: &ledger,
            filter,
            series,
            from,
            to,
        };
        let found = match &self.cohort {
            Some(cohort) => question.of_cohort(cohort),
            None => question.of_hours(&probes),
        };
        let found = found.map_err(away)?;
        if found.sketches.is_empty()
            && let Some(why) = self.unknown(&plan)
        {
            return Err(out::mistake(&why));
        }
        if self.hlog {
            let log = interval_log(&found.sketches).map_err(|why| {
                out::print_error(&format!("outrider: the log cannot be written: {why}"));
                Exit::Internal
            })?;
            out::say(log.trim_end());
            return Ok(Exit::Fine);
        }
        let report = report(partner, found);
        if self.json {
            out::say(&render::latency_json(&report).to_string());
        } else {
            out::say(&render::latency_text(&report, out::paint()));
        }
        Ok(Exit::Fine)
    }

    /// What is asked for of each probe.
    fn series(&self) -> Result<Vec<Series>, QueryMistake> {
        if let Some(step) = &self.step {
            return Ok(vec![Series::Step(StepId::new(step.as_str()))]);
        }
        if let Some(phase) = &self.phase {
            let known = Phase::ALL.iter().map(|phase| phase.name());
            let phase =
                Phase::named(phase).ok_or_else(|| QueryMistake::unknown("phase", phase, known))?;
            return Ok(vec![Series::Phase(phase)]);
        }
        let of_runs = OF_RUNS.iter();
        let of_runs = of_runs.filter_map(|name| Series::from_parts("journey", name));
        Ok(of_runs.collect())
    }

    /// The step or cohort that neither the ledger nor the files know.
    fn unknown(&self, plan: &Plan) -> Option<QueryMistake> {
        if let Some(step) = &self.step {
            let journeys = plan.journeys.values().filter(|journey| {
                let wanted = self.journey.as_deref();
                wanted.is_none_or(|wanted| journey.id.as_str() == wanted)
            });
            let known = journeys.flat_map(|journey| &journey.steps);
            let known: BTreeSet<&str> = known.map(|step| step.id.as_str()).collect();
            if !known.contains(step.as_str()) {
                return Some(QueryMistake::unknown("step", step, known));
            }
        }
        let cohort = self.cohort.as_ref()?;
        let members = plan.members.values().flat_map(|set| &set.members);
        let known: BTreeSet<&str> = members.map(|member| member.cohort.as_str()).collect();
        let is_known = known.contains(cohort.as_str());
        (!is_known).then(|| QueryMistake::unknown("cohort", cohort, known))
    }
}

/// Every hour of a series merged into one line.
fn report(partner: String, found: Found) -> LatencyReport {
    let mut merged: BTreeMap<(JourneyId, Series), Sketch> = BTreeMap::new();
    for (key, sketch) in &found.sketches {
        let of = (key.journey.clone(), key.series.clone());
        let sum = merged.entry(of).or_insert_with(|| Sketch::new(&key.series));
        sum.merge(sketch);
    }
    let lines = merged
        .into_iter()
        .filter_map(|((journey, series), sketch)| {
            Some(LatencyLine {
                journey,
                series,
                quantiles: Quantiles::of(&sketch)?,
            })
        });
    LatencyReport {
        partner,
        from: found.from,
        to: found.to,
        source: found.source,
        lines: lines.collect(),
    }
}

/// The probes of a partner, those of the files and earlier ones.
fn probes(
    filter: &RunFilter,
    plan: &Plan,
    ledger: &Ledger,
) -> Result<BTreeSet<ProbeId>, LedgerError> {
    let is = |name: &Option<String>, of: &str| name.as_deref().is_none_or(|one| one == of);
    let mut probes: BTreeSet<ProbeId> = plan.probes.keys().cloned().collect();
    probes.extend(ledger.probes()?);
    probes.retain(|probe| {
        is(&filter.partner, probe.partner.as_str()) && is(&filter.journey, probe.journey.as_str())
    });
    Ok(probes)
}

/// What is asked for.
struct Question<'a> {
    plan: &'a Plan,
    ledger: &'a Ledger,
    filter: RunFilter,
    series: Vec<Series>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Question<'_> {
    /// The stored sketches of every hour that the range touches, and the runs that they do not hold yet.
    fn of_hours(&self, probes: &BTreeSet<ProbeId>) -> Result<Found, LedgerError> {
        let ledger = self.ledger;
        let begin = hour_of(self.from);
        let end = hour_of(self.to - TimeDelta::microseconds(1)) + 3_600;
        let mut sketches = BTreeMap::new();
        let mut through = ledger.sketches_through()?;
        // Again where the agent stored sketches meanwhile: each run is in them or comes after them.
        loop {
            for probe in probes {
                for one in &self.series {
                    sketches.extend(ledger.sketches_between(probe, one, begin..end)?);
                }
            }
            let meanwhile = ledger.sketches_through()?;
            if meanwhile == through {
                break;
            }
            through = meanwhile;
        }
        let unsketched = RunFilter {
            after: Some(through),
            limit: UNSKETCHED_RUNS_MAX,
            ..self.filter.clone()
        };
        let unsketched = ledger.find_runs(&unsketched, u64::MAX)?;
        for run in ledger.read_runs(&unsketched.places, true)? {
            if (begin..end).contains(&run.record.started_at.timestamp()) {
                self.add(&mut sketches, &run.record);
            }
        }
        Ok(Found {
            sketches: sketches.into_iter().collect(),
            from: DateTime::from_timestamp(begin, 0).unwrap_or(self.from),
            to: DateTime::from_timestamp(end, 0).unwrap_or(self.to),
            source: "whole hours, from the hourly sketches".to_owned(),
        })
    }

    /// Sketches made from the runs of a cohort, the last ones of the range.
    fn of_cohort(&self, cohort: &str) -> Result<Found, LedgerError> {
        let filter = RunFilter {
            from: Some(self.from),
            to: Some(self.to),
            limit: COHORT_RUNS_MAX,
            ..self.filter.clone()
        };
        let found = self.ledger.find_runs(&filter, u64::MAX)?;
        let brief = self.ledger.read_runs(&found.places, false)?;
        let wanted = brief.iter().filter(|run| run.record.cohort == cohort);
        let places: Vec<u64> = wanted.map(|run| run.seq).collect();
        let mut sketches = BTreeMap::new();
        for run in self.ledger.read_runs(&places, true)? {
            self.add(&mut sketches, &run.record);
        }
        let first = brief.first().map(|run| run.record.due_at);
        let source = match found.older_before {
            Some(_) => {
                format!("runs of cohort {cohort} among the last {COHORT_RUNS_MAX} of the range")
            }
            None => format!("runs of cohort {cohort}, read one by one"),
        };
        Ok(Found {
            sketches: sketches.into_iter().collect(),
            from: found.older_before.and(first).unwrap_or(self.from),
            to: self.to,
            source,
        })
    }

    /// Takes the latencies of a run that are asked for into the sketches of its hour.
    fn add(&self, sketches: &mut BTreeMap<SketchKey, Sketch>, run: &RunRecord) {
        for (series, latency) in latencies(self.plan, run) {
            if !self.series.contains(&series) {
                continue;
            }
            let key = SketchKey {
                hour: hour_of(run.started_at),
                partner: run.partner.clone(),
                journey: run.journey.clone(),
                series,
            };
            let sketch = sketches
                .entry(key)
                .or_insert_with_key(|key| Sketch::new(&key.series));
            sketch.record(latency);
        }
    }
}
