//! What an agent exports of one objective, minute by minute, from what became of its runs: the windows are the
//! domain's own fold.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::slo::{Alarm, DueWindow, RunVerdict, WindowCounts};

use super::{STALE, Series, UNSEEN};

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Good,
    Bad,
    /// Our own fault, or inconclusive.
    Unjudged,
    /// Bad, within declared maintenance: in counters, and in no window.
    Excused,
    /// Nothing is due.
    None,
}

/// How Prometheus saw a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Scraped,
    /// The agent lives, and Prometheus is away.
    Unseen,
    /// The agent is away: what is due is missed.
    Away,
}

/// An objective's history, one run a minute.
#[derive(Clone)]
pub(crate) struct Story {
    partner: String,
    slo: String,
    labels: Vec<(String, String)>,
    minutes: Vec<(Vec<Run>, Seen)>,
    maintenance: Vec<usize>,
    removed: Option<usize>,
    former: Option<(usize, usize)>,
}

impl Story {
    pub(crate) fn of(partner: &str, slo: &str) -> Self {
        Self {
            partner: partner.to_owned(),
            slo: slo.to_owned(),
            labels: Vec::new(),
            minutes: Vec::new(),
            maintenance: Vec::new(),
            removed: None,
            former: None,
        }
    }

    pub(crate) fn keystone() -> Self {
        Self::of("keystone", "application")
    }

    /// Another agent, fleet or instance.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn runs(mut self, minutes: usize, run: Run) -> Self {
        let each = std::iter::repeat_n((vec![run], Seen::Scraped), minutes);
        self.minutes.extend(each);
        self
    }

    /// Several runs within one minute.
    pub(crate) fn burst(self, runs: u64, run: Run) -> Self {
        self.minute(vec![run; usize::try_from(runs).unwrap()])
    }

    /// The runs of one minute.
    pub(crate) fn minute(mut self, runs: Vec<Run>) -> Self {
        self.minutes.push((runs, Seen::Scraped));
        self
    }

    /// The agent is away; a run a minute is due meanwhile.
    pub(crate) fn away(mut self, minutes: usize) -> Self {
        let each = std::iter::repeat_n((vec![Run::None], Seen::Away), minutes);
        self.minutes.extend(each);
        self
    }

    /// Prometheus is away.
    pub(crate) fn unseen(mut self, minutes: usize, run: Run) -> Self {
        let each = std::iter::repeat_n((vec![run], Seen::Unseen), minutes);
        self.minutes.extend(each);
        self
    }

    /// Runs within declared maintenance.
    pub(crate) fn maintained(mut self, minutes: usize) -> Self {
        let from = self.minutes.len();
        self.maintenance.extend(from..from + minutes);
        self.runs(minutes, Run::Excused)
    }

    /// The objective is no longer in the agent's files.
    pub(crate) fn removed(mut self, minutes: usize) -> Self {
        self.removed = Some(self.minutes.len());
        self.runs(minutes, Run::None)
    }

    /// From here on another epoch, in which every tier fires at so many bad runs more.
    pub(crate) fn epoch(mut self, more: usize) -> Self {
        self.former = Some((self.minutes.len(), more));
        self
    }

    fn series_of(&self, name: &str, more: &[(&str, &str)], samples: &[String]) -> Series {
        let own = self.labels.iter().map(|(name, value)| (&**name, &**value));
        let labels: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        Series::of_words(name, &labels, samples)
    }

    /// Samples as Prometheus has them, of a value for each minute.
    fn samples(&self, value: impl Fn(usize) -> Option<u64>) -> Vec<String> {
        let seen = |minute: usize| self.minutes[minute].1;
        let word = |minute: usize| {
            let shown = value(minute).filter(|_| seen(minute) == Seen::Scraped);
            let was_shown =
                minute > 0 && seen(minute - 1) == Seen::Scraped && value(minute - 1).is_some();
            match shown {
                Some(value) => value.to_string(),
                None if was_shown && seen(minute) != Seen::Unseen => STALE.to_owned(),
                None => UNSEEN.to_owned(),
            }
        };
        (0..self.minutes.len()).map(word).collect()
    }

    /// Everything that the agent exports of it, for these tiers.
    pub(crate) fn series(&self, alarms: &[&Alarm]) -> Vec<Series> {
        let mut all = self.agent();
        all.extend(self.objective());
        for alarm in alarms {
            all.extend(self.tier(alarm));
        }
        all
    }

    /// The agent itself.
    pub(crate) fn agent(&self) -> Vec<Series> {
        // A life begins where an absence ends.
        let begin = |minute: usize| {
            let away = (0..=minute)
                .rev()
                .find(|one| self.minutes[*one].1 == Seen::Away);
            away.map_or(0, |away| 60 * (u64::try_from(away).unwrap() + 1))
        };
        let own = [("partner", self.partner.as_str())];
        let info = [
            own[0],
            ("name", "Keystone Health Plan"),
            ("environment", "sandbox"),
            ("contact", "the exchange desk"),
            ("escalation", ""),
        ];
        let is_there = |minute: usize| self.removed.is_none_or(|removed| minute < removed);
        vec![
            self.series_of(
                "outrider_build_info",
                &[("version", "1")],
                &self.samples(|_| Some(1)),
            ),
            self.series_of(
                "outrider_agent_start_timestamp_seconds",
                &[],
                &self.samples(|minute| Some(begin(minute))),
            ),
            self.series_of(
                "outrider_partner_info",
                &info,
                &self.samples(|minute| is_there(minute).then_some(1)),
            ),
            self.series_of(
                "outrider_maintenance",
                &[own[0], ("effect", "no_alert")],
                &self.samples(|minute| {
                    is_there(minute).then(|| u64::from(self.maintenance.contains(&minute)))
                }),
            ),
        ]
    }

    /// Counters, and what is said of the objective.
    fn objective(&self) -> Vec<Series> {
        let own = [
            ("partner", self.partner.as_str()),
            ("slo", self.slo.as_str()),
        ];
        let is_there = |minute: usize| self.removed.is_none_or(|removed| minute < removed);
        let counted = |counts: fn(Run) -> bool| {
            let sums = self.minutes.iter().scan(0, |sum, (runs, _)| {
                *sum += runs.iter().filter(|run| counts(**run)).count();
                Some(u64::try_from(*sum).unwrap())
            });
            let sums: Vec<u64> = sums.collect();
            self.samples(|minute| is_there(minute).then(|| sums[minute]))
        };
        let info = [
            own[0],
            own[1],
            ("objective", "97 %"),
            ("window", "30d"),
            ("runbook", "README.md"),
            ("evenness", "even"),
            ("journeys", "bulk-exchange"),
        ];
        let judged: fn(Run) -> bool = |run| matches!(run, Run::Good | Run::Bad | Run::Excused);
        vec![
            self.series_of("outrider_slo_events_total", &own, &counted(judged)),
            self.series_of(
                "outrider_slo_bad_total",
                &own,
                &counted(|run| matches!(run, Run::Bad | Run::Excused)),
            ),
            self.series_of(
                "outrider_slo_due_total",
                &own,
                &counted(|run| run != Run::None),
            ),
            self.series_of(
                "outrider_slo_info",
                &info,
                &self.samples(|minute| is_there(minute).then_some(1)),
            ),
        ]
    }

    /// What both windows of a tier hold after each minute, after a history of good runs that fills them; and how many
    /// runs of the long one were due in a former epoch.
    fn counts(&self, alarm: &Alarm) -> Vec<([WindowCounts; 2], u64)> {
        let begin = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(100);
        let mut window = DueWindow::new([alarm.window()]);
        for run in 1..=i64::try_from(alarm.long_runs).unwrap() {
            let at = begin - TimeDelta::milliseconds(run);
            window.due(at);
            window.judged(at, RunVerdict::Good);
        }
        let mut counts = Vec::new();
        let mut due_since_epoch = 0;
        for (minute, (runs, seen)) in self.minutes.iter().enumerate() {
            let is_declared = |minute: &usize| self.maintenance.contains(minute);
            if is_declared(&minute)
                && !minute
                    .checked_sub(1)
                    .is_some_and(|before| is_declared(&before))
            {
                window.declare(begin + TimeDelta::minutes(i64::try_from(minute).unwrap()));
            }
            for (place, run) in runs.iter().enumerate() {
                let at = begin
                    + TimeDelta::minutes(i64::try_from(minute).unwrap())
                    + TimeDelta::milliseconds(i64::try_from(place).unwrap());
                let verdict = match run {
                    Run::Good => Some(RunVerdict::Good),
                    Run::Bad => Some(RunVerdict::Bad),
                    Run::Unjudged => Some(RunVerdict::Unjudged),
                    Run::Excused | Run::None => None,
                };
                if verdict.is_some() || *seen == Seen::Away {
                    window.due(at);
                    let is_younger = self.former.is_some_and(|(from, _)| minute >= from);
                    due_since_epoch += u64::from(is_younger);
                }
                if let Some(verdict) = verdict {
                    window.judged(at, verdict);
                }
            }
            let former = if self.former.is_some_and(|(from, _)| minute >= from) {
                alarm.long_runs.saturating_sub(due_since_epoch)
            } else {
                0
            };
            counts.push((window.counts_of(alarm.window()), former));
        }
        counts
    }

    /// Windows and threshold of one tier.
    fn tier(&self, alarm: &Alarm) -> Vec<Series> {
        let counts = self.counts(alarm);
        let of_tier = [
            ("partner", self.partner.as_str()),
            ("slo", self.slo.as_str()),
            ("tier", alarm.tier.name()),
        ];
        let is_there = |minute: usize| self.removed.is_none_or(|removed| minute < removed);
        let mut all = Vec::new();
        for (place, span) in ["long", "short"].into_iter().enumerate() {
            for count in ["bad", "judged", "due", "former"] {
                let value = |minute: usize| {
                    let (spans, former) = &counts[minute];
                    let counts = &spans[place];
                    match count {
                        "bad" => counts.bad,
                        "judged" => counts.judged,
                        "due" => counts.due,
                        _ => *former,
                    }
                };
                let labels = [&of_tier[..], &[("span", span), ("count", count)]].concat();
                let samples = self.samples(|minute| is_there(minute).then(|| value(minute)));
                if (span, count) != ("short", "former") {
                    all.push(self.series_of("outrider_slo_window_runs", &labels, &samples));
                }
            }
        }
        let threshold = |minute: usize| {
            let more = self.former.filter(|(from, _)| minute >= *from);
            alarm.bad_runs + more.map_or(0, |(_, more)| u64::try_from(more).unwrap())
        };
        let severity = ("severity", alarm.tier.urgency.name());
        let labels = [&of_tier[..], &[severity, ("repeat", "usual")]].concat();
        all.push(self.series_of(
            "outrider_slo_threshold_runs",
            &labels,
            &self.samples(|minute| is_there(minute).then(|| threshold(minute))),
        ));
        all
    }
}
