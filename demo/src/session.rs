//! A session of the demo: the agent, the sandbox, the screen, and the time between two looks.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;

use crate::agent::{Agent, Overview, Run};
use crate::cancellable_wait::CancellableWait;
use crate::clock::Moment;
use crate::members::Members;
use crate::pager::Pager;
use crate::program::Program;
use crate::sandbox::Sandbox;
use crate::screen::Screen;
use crate::stop::{Step, Stop};
use crate::view;

/// The partner that is broken on purpose.
pub(crate) const VICTIM: &str = "keystone";
/// The journey that is watched: the one that reaches every layer.
pub(crate) const JOURNEY: &str = "bulk-exchange";

/// Between two looks at the agent.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A session.
#[derive(Debug)]
pub(crate) struct Session<'a, W: Write> {
    /// The agent.
    pub(crate) agent: Agent,
    /// The agent's page for people, without a slash at its end.
    pub(crate) page: String,
    /// The sandbox.
    pub(crate) sandbox: Sandbox,
    /// Every program: the session ends when one of them does.
    pub(crate) programs: &'a mut [Program],
    /// Waits.
    pub(crate) wait: &'a mut CancellableWait,
    /// Tells.
    pub(crate) screen: &'a mut Screen<W>,
    /// Whose runs can show a fault in the data.
    pub(crate) members: Members,
    /// Listens for people; none without Prometheus and Alertmanager.
    pub(crate) pager: Option<Pager>,
}

impl<W: Write> Session<'_, W> {
    /// Waits a moment, renews the table, and gives what was recorded since the last look.
    ///
    /// # Errors
    /// When a person asks to stop, or a program does not work.
    pub(crate) fn look(&mut self, status: &str) -> Step<(Overview, Vec<Run>)> {
        self.wait.pause(LOOK_EVERY);
        if self.wait.times_asked() > 0 {
            return Err(Stop::Stopped);
        }
        for program in self.programs.iter_mut() {
            program.check()?;
        }
        let overview = self.agent.overview();
        let overview = self.working(overview)?;
        let runs = self.agent.new_runs();
        let runs = self.working(runs)?;
        let heard = self.hear()?;
        let status = format!("{status}{heard}");
        self.screen
            .live(&status, &view::partners(&overview, JOURNEY))?;
        Ok((overview, runs))
    }

    /// Shows what people would have heard since the last look; says how it is with the watchdog.
    fn hear(&mut self) -> Step<String> {
        let Some(pager) = &mut self.pager else {
            return Ok(String::new());
        };
        for notice in pager.hear(VICTIM) {
            for (tone, text) in notice.lines() {
                self.screen.tell(tone, &text)?;
            }
        }
        Ok(format!("; {} heartbeats", pager.heartbeats()))
    }

    /// The time on the agent's clock. Runs that began before cannot know what was done just now.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub(crate) fn agent_time(&mut self) -> Step<Moment> {
        let overview = self.agent.overview();
        Ok(self.working(overview)?.at)
    }

    /// A program that has ended explains more than a connection that was refused.
    fn working<T>(&mut self, answer: Result<T>) -> Result<T> {
        if answer.is_err() {
            for program in self.programs.iter_mut() {
                program.check()?;
            }
        }
        answer
    }
}
