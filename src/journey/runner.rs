//! The state of one run: what sends its requests, what is recorded of its steps, what it gathered.

use outrider_domain::clock::Lag;
use outrider_domain::judge::capture::capture;
use outrider_domain::judge::quirks;
use outrider_domain::model::{Answer, Capture, Expect, Finding, Measured, StepId};

use super::gathered::Gathered;
use super::run_request::RunRequest;
use super::step_log::{StepAbort, StepLog};
use super::wire::Wire;

/// Runs the steps of one journey.
pub(super) struct Runner<'a> {
    pub(super) run: &'a RunRequest<'a>,
    pub(super) wire: Wire<'a>,
    pub(super) log: StepLog,
    pub(super) gathered: Gathered,
}

impl<'a> Runner<'a> {
    pub(super) fn new(run: &'a RunRequest<'a>, lag: Lag) -> Self {
        let wire = Wire::new(run, lag.clone());
        Self {
            run,
            log: StepLog::new(wire.began, lag),
            wire,
            gathered: Gathered::default(),
        }
    }

    /// The time of the run so far, without the time that the agent's own ledger took.
    pub(super) fn measured(&self) -> Measured {
        let duration = self.run.clock.instant() - self.wire.began;
        let duration = duration.saturating_sub(self.log.ledger_time);
        Measured {
            duration,
            own_delay: self.wire.lag.so_far().min(duration),
        }
    }

    /// Records the findings about an answer, without those that a declared quirk explains.
    pub(super) fn judge(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
        answer: &Answer,
    ) -> Result<(), StepAbort> {
        let findings = self.without_quirks(findings, answer);
        self.log.judge(findings)
    }

    /// Removes the findings that a declared quirk explains.
    pub(super) fn without_quirks(
        &self,
        findings: impl IntoIterator<Item = Finding>,
        answer: &Answer,
    ) -> Vec<Finding> {
        let declared = &self.run.partner.quirks;
        let stays = |one: &Finding| one.passed || !quirks::excuses(declared, one, answer);
        findings.into_iter().filter(stays).collect()
    }

    /// What an answer must be, with captured values filled in.
    pub(super) fn expectation(&mut self, expect: &Expect) -> Result<Expect, StepAbort> {
        let mut expect = expect.clone();
        for rule in &mut expect.json {
            let Some(template) = &rule.template else {
                continue;
            };
            rule.equals = self.wire.expected_value(template, &mut self.log)?;
        }
        Ok(expect)
    }

    /// Keeps the values that a step captures from an answer.
    pub(super) fn capture(
        &mut self,
        step: &StepId,
        captures: &[Capture],
        answer: &Answer,
    ) -> Result<(), StepAbort> {
        for wanted in captures {
            match capture(wanted, answer) {
                Ok(Some(value)) => self.wire.values.keep(step, &wanted.name, value),
                // It is optional, and the answer lacks it.
                Ok(None) => {}
                Err(broken) => self.log.judge([broken])?,
            }
        }
        Ok(())
    }
}
