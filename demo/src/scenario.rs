//! The scenario: break a partner, see what Outrider says, heal it, see it recover.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use anyhow::{anyhow, ensure};

use crate::agent::Run;
use crate::clock::{Mark, Moment};
use crate::expect::{Comparison, FaultWindow, OtherPartners, expected, seen};
use crate::faults::Fault;
use crate::grid::Tone;
use crate::session::{JOURNEY, Session, VICTIM};
use crate::stop::{Step, Stop};
use crate::view::{Line, seconds, summary};
use crate::words::Outcome;

/// Until every partner has passed once.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// How long a run that is going on may keep the next fault waiting.
const QUIET_LIMIT: Duration = Duration::from_secs(15);
/// From the injection to a verdict.
const VERDICT_LIMIT: Duration = Duration::from_secs(60);
/// From the healing to a passed run.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// From the verdict to the pause that a disclosure demands.
const PAUSE_LIMIT: Duration = Duration::from_secs(10);
/// How long a paused journey is watched: longer than its cadence, so that a tick would show.
const PAUSE_WATCHED: Duration = Duration::from_secs(6);
/// Between two cycles, and between two faults that paged.
const REST: Duration = Duration::from_secs(20);

/// The faults of a scenario, and the session that they are injected in.
#[derive(Debug)]
pub(crate) struct Scenario<'a, W: Write> {
    /// The session.
    pub(crate) session: Session<'a, W>,
    faults: Vec<Fault>,
    omit_fault: bool,
}

/// A fault that is on.
#[derive(Debug)]
pub(crate) struct Injected<'f> {
    /// It.
    pub(crate) fault: &'f Fault,
    /// Such as "3/10 server-error at keystone".
    pub(crate) title: String,
    /// Since when.
    pub(crate) at: Mark,
    since: Moment,
    /// The partners that nothing was done to.
    pub(crate) other_partners: OtherPartners,
    /// What came of it.
    pub(crate) line: Line,
}

impl Injected<'_> {
    fn watched(&self) -> FaultWindow<'static> {
        FaultWindow {
            partner: VICTIM,
            journey: JOURNEY,
            since: self.since,
        }
    }
}

impl<'a, W: Write> Scenario<'a, W> {
    /// A scenario of these faults; with `omit_fault` they are announced and kept back.
    pub(crate) fn new(session: Session<'a, W>, faults: Vec<Fault>, omit_fault: bool) -> Self {
        Self {
            session,
            faults,
            omit_fault,
        }
    }

    /// Waits until every partner at which the journey is walked has passed once.
    ///
    /// # Errors
    /// When that takes too long, a person asks to stop, or a program does not work.
    pub(crate) fn settle(&mut self) -> Step<()> {
        self.tell(Tone::Plain, "waiting for one passed run of each partner")?;
        let begun = Mark::now();
        let mut passed = BTreeSet::new();
        loop {
            let (overview, runs) = self.session.look("waiting for the first runs")?;
            for run in runs.iter().filter(|run| run.journey == JOURNEY) {
                if run.outcome == Outcome::Passed {
                    passed.insert(run.partner.clone());
                } else {
                    let said = format!("  {}: {}", run.partner, describe(run));
                    self.tell(Tone::Bad, &said)?;
                }
            }
            let walked = overview.partners.iter().filter(|one| one.has(JOURNEY));
            let late: Vec<_> = walked
                .map(|one| &one.partner)
                .filter(|one| !passed.contains(*one))
                .cloned()
                .collect();
            if late.is_empty() {
                break;
            }
            if begun.elapsed() > SETTLE_LIMIT {
                return Err(Stop::Trouble(anyhow!(
                    "{} had no passed run of {JOURNEY} in {} s, with no fault injected; \
                     look at the agent's page and log",
                    late.join(" and "),
                    SETTLE_LIMIT.as_secs()
                )));
            }
        }
        self.tell(Tone::Good, "every partner is well")?;
        self.await_heartbeat()?;
        Ok(self.session.screen.now_and_then()?)
    }

    /// Plays every fault once; true when every expectation held. With faults kept back it ends at
    /// the first expectation that does not hold.
    ///
    /// # Errors
    /// When a person asks to stop, or a program does not work.
    pub(crate) fn cycle(&mut self) -> Step<bool> {
        let mut lines = Vec::new();
        let count = self.faults.len();
        for (place, fault) in self.faults.clone().iter().enumerate() {
            if place > 0 && self.session.pager.is_some() {
                self.rest("fault")?;
            }
            let title = format!("{}/{count} {} at {VICTIM}", place + 1, fault.name);
            let line = self.one(fault, title)?;
            let is_enough = self.omit_fault && !line.held();
            lines.push(line);
            if is_enough {
                break;
            }
        }
        self.session.screen.now_and_then()?;
        self.session.screen.line("")?;
        self.session.screen.table(&summary(&lines))?;
        let broken: Vec<_> = lines.iter().filter(|line| !line.held()).collect();
        for line in &broken {
            for failure in &line.failures {
                self.session
                    .screen
                    .line(&format!("{}: {failure}", line.fault))?;
            }
        }
        self.session.screen.line("")?;
        let (tone, said) = match broken.len() {
            0 => (
                Tone::Good,
                format!("every expectation held: {} faults", lines.len()),
            ),
            broken => (
                Tone::Bad,
                format!("{broken} of {} faults NOT as expected", lines.len()),
            ),
        };
        self.tell(tone, &said)?;
        Ok(broken.is_empty())
    }

    /// Shows the table for a while before the next cycle or fault.
    ///
    /// # Errors
    /// When a person asks to stop, or a program does not work.
    pub(crate) fn rest(&mut self, next: &str) -> Step<()> {
        self.tell(
            Tone::Plain,
            &format!("the next {next} begins in {} s", REST.as_secs()),
        )?;
        let begun = Mark::now();
        while begun.elapsed() < REST {
            self.session.look("no fault; Ctrl-C stops")?;
        }
        Ok(())
    }

    fn one(&mut self, fault: &Fault, title: String) -> Step<Line> {
        let mut injected = self.inject(fault, title)?;
        self.await_verdict(&mut injected)?;
        if self.omit_fault && !injected.line.held() {
            return Ok(injected.line);
        }
        self.session.screen.now_and_then()?;
        if fault.pauses() && injected.line.held() {
            self.watch_pause(&mut injected)?;
        }
        self.await_page(&mut injected)?;
        let healed = self.heal(&mut injected)?;
        self.await_over(&mut injected, healed)?;
        self.check_other_pages(&mut injected.line)?;
        let failures = injected.other_partners.failures();
        if failures.is_empty() {
            let passed = injected.other_partners.passed();
            self.tell(
                Tone::Plain,
                &format!("  the others    {passed} runs, all passed"),
            )?;
        }
        for failure in failures {
            self.add_failure(&mut injected.line, failure)?;
        }
        Ok(injected.line)
    }

    fn inject<'f>(&mut self, fault: &'f Fault, title: String) -> Step<Injected<'f>> {
        self.await_quiet(&title)?;
        self.tell(Tone::Warn, &format!("{title}: {}", fault.what))?;
        if self.omit_fault {
            self.tell(Tone::Warn, "  OMIT_FAULT is set: the fault is kept back")?;
        } else {
            self.session.sandbox.inject(VICTIM, &fault.name)?;
        }
        let at = Mark::now();
        if let Some(pager) = &mut self.session.pager {
            pager.begin();
        }
        let since = self.session.agent_time()?;
        let said = format!(
            "  expected      {}; verdict {}; counts {}",
            expected(fault),
            fault.verdict,
            fault.counts
        );
        self.tell(Tone::Plain, &said)?;
        let line = Line {
            fault: fault.name.clone(),
            expected: expected(fault),
            seen: None,
            failures: Vec::new(),
            verdict_after: None,
            recovered_after: None,
            paging: None,
        };
        Ok(Injected {
            fault,
            title,
            at,
            since,
            other_partners: OtherPartners::default(),
            line,
        })
    }

    /// Waits until no run is going on at the partner, so that no job of one is open when the fault
    /// begins: a refusal for load would then be Outrider's own doing.
    fn await_quiet(&mut self, title: &str) -> Step<()> {
        let begun = Mark::now();
        loop {
            let (overview, _) = self
                .session
                .look(&format!("{title}: waiting for a quiet moment"))?;
            let is_quiet = overview
                .probe(VICTIM, JOURNEY)
                .is_none_or(|probe| probe.in_flight == 0);
            if is_quiet || begun.elapsed() > QUIET_LIMIT {
                return Ok(());
            }
        }
    }

    fn await_verdict(&mut self, injected: &mut Injected<'_>) -> Step<()> {
        while injected.at.elapsed() < VERDICT_LIMIT {
            let waited = injected.at.elapsed().as_secs();
            let status = format!("{}: waiting for a verdict, {waited} s", injected.title);
            let (_, runs) = self.session.look(&status)?;
            injected.other_partners.record(&runs, VICTIM);
            let say = injected
                .watched()
                .first_say(injected.fault, &runs, &self.session.members);
            if let Some((run, comparison)) = say {
                return self.show_verdict(injected, run, comparison);
            }
        }
        let limit = VERDICT_LIMIT.as_secs();
        self.add_failure(&mut injected.line, format!("no verdict in {limit} s"))
    }

    fn show_verdict(
        &mut self,
        injected: &mut Injected<'_>,
        run: &Run,
        comparison: Comparison,
    ) -> Step<()> {
        let after = injected.at.elapsed();
        injected.line.seen = Some(seen(run));
        injected.line.verdict_after = Some(after);
        let tone = if comparison == Comparison::Held {
            Tone::Good
        } else {
            Tone::Bad
        };
        let said = format!("  seen          {}", describe(run));
        self.tell(tone, &said)?;
        if let Some(blame) = &run.blame {
            self.tell(Tone::Plain, &format!("  why           {}", blame.summary))?;
            self.tell(Tone::Plain, &format!("  runbook       {}", blame.runbook))?;
        }
        let page = format!("  page          {}/runs/{}", self.session.page, run.run);
        self.tell(Tone::Plain, &page)?;
        let time = format!("  told          after {}", seconds(Some(after)));
        self.tell(Tone::Plain, &time)?;
        match comparison {
            Comparison::Held | Comparison::NoSay => Ok(()),
            Comparison::Contradicted(differences) => {
                for difference in differences {
                    self.add_failure(&mut injected.line, difference)?;
                }
                Ok(())
            }
        }
    }

    /// A disclosure holds the journey: nothing may be asked of the partner until a person has looked.
    fn watch_pause(&mut self, injected: &mut Injected<'_>) -> Step<()> {
        let status = format!("{}: is the journey paused?", injected.title);
        let begun = Mark::now();
        let paused_at = loop {
            let (overview, runs) = self.session.look(&status)?;
            injected.other_partners.record(&runs, VICTIM);
            if overview
                .probe(VICTIM, JOURNEY)
                .is_some_and(|probe| probe.paused)
            {
                break overview.at;
            }
            if begun.elapsed() > PAUSE_LIMIT {
                let limit = PAUSE_LIMIT.as_secs();
                let failure = format!("{JOURNEY} is not paused {limit} s after the disclosure");
                return self.add_failure(&mut injected.line, failure);
            }
        };
        self.tell(
            Tone::Warn,
            &format!("  paused        {JOURNEY} of {VICTIM}, by the disclosure"),
        )?;
        let held = FaultWindow {
            since: paused_at,
            ..injected.watched()
        };
        let begun = Mark::now();
        while begun.elapsed() < PAUSE_WATCHED {
            let (_, runs) = self.session.look(&format!("{}: paused", injected.title))?;
            injected.other_partners.record(&runs, VICTIM);
            if runs.iter().any(|run| held.covers(run)) {
                let failure = format!("{JOURNEY} ran although it is paused");
                return self.add_failure(&mut injected.line, failure);
            }
        }
        let watched = PAUSE_WATCHED.as_secs();
        self.tell(
            Tone::Plain,
            &format!("  held          no run of it in {watched} s"),
        )
    }

    /// Gives back when it was healed.
    fn heal(&mut self, injected: &mut Injected<'_>) -> Step<Mark> {
        self.session.sandbox.heal(VICTIM)?;
        self.tell(Tone::Plain, "  healed")?;
        let overview = self.session.agent.overview()?;
        if overview
            .probe(VICTIM, JOURNEY)
            .is_some_and(|probe| probe.paused)
        {
            if !injected.fault.pauses() {
                let failure = format!("{JOURNEY} is paused although nothing was disclosed");
                self.add_failure(&mut injected.line, failure)?;
            }
            self.session.agent.resume(VICTIM, JOURNEY)?;
            let said = "  resumed       by a person who has looked: the demo plays that person";
            self.tell(Tone::Plain, said)?;
        }
        let healed = Mark::now();
        let since = self.session.agent_time()?;
        let watched = FaultWindow {
            since,
            ..injected.watched()
        };
        while healed.elapsed() < RECOVERY_LIMIT {
            let waited = healed.elapsed().as_secs();
            let status = format!(
                "{}: healed, waiting for recovery, {waited} s",
                injected.title
            );
            let (_, runs) = self.session.look(&status)?;
            injected.other_partners.record(&runs, VICTIM);
            for run in runs.iter().filter(|run| watched.covers(run)) {
                if run.outcome == Outcome::Passed {
                    let after = healed.elapsed();
                    injected.line.recovered_after = Some(after);
                    let said = format!("  recovered     after {}", seconds(Some(after)));
                    self.tell(Tone::Good, &said)?;
                    return Ok(healed);
                }
                let failure = format!("still blamed although healed: {}", describe(run));
                self.add_failure(&mut injected.line, failure)?;
            }
        }
        let limit = RECOVERY_LIMIT.as_secs();
        self.add_failure(&mut injected.line, format!("no recovery in {limit} s"))?;
        Ok(healed)
    }

    /// Tells what happens.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn tell(&mut self, tone: Tone, text: &str) -> Step<()> {
        Ok(self.session.screen.tell(tone, text)?)
    }

    /// An expectation did not hold.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn add_failure(&mut self, line: &mut Line, failure: String) -> Step<()> {
        self.tell(Tone::Bad, &format!("  NOT HELD      {failure}"))?;
        line.failures.push(failure);
        Ok(())
    }
}

/// Makes sure that the table has a line for every fault that the sandbox offers.
///
/// # Errors
/// When it has not, or the sandbox does not answer.
pub(crate) fn check_table<W: Write>(session: &Session<'_, W>, table: &[Fault]) -> Step<()> {
    let disagreements = session.sandbox.disagreements(table)?;
    let check = || {
        ensure!(
            disagreements.is_empty(),
            "tests/cases/faults.toml and the exchange do not know the same faults: {}; \
             build both from one commit",
            disagreements.join(", ")
        );
        Ok(())
    };
    Ok(check()?)
}

fn describe(run: &Run) -> String {
    let member = run.member.as_deref().unwrap_or("no member");
    format!(
        "{}; verdict {}; counts {}; {member}",
        seen(run),
        run.layers,
        run.counts
    )
}
