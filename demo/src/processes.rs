//! The programs of the demo, started one after the other and stopped the other way round.

use std::io::Write;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::cancellable_wait::CancellableWait;
use crate::grid::Tone;
use crate::http::HttpClient;
use crate::program::Program;
use crate::screen::Screen;
use crate::state::State;
use crate::stop::{Step, Stop};

/// What is needed to start a program. What was started is in `programs` even when the next fails.
#[derive(Debug)]
pub(crate) struct Processes<'a> {
    /// The folder that they work in.
    pub(crate) state: &'a mut State,
    /// In the order of their start.
    pub(crate) programs: &'a mut Vec<Program>,
    /// Waits.
    pub(crate) wait: &'a mut CancellableWait,
}

impl Processes<'_> {
    /// Starts a program that says on one line where it listens, and gives that line back.
    ///
    /// # Errors
    /// When it does not start, or a person asks to stop.
    pub(crate) fn launch(&mut self, name: &'static str, command: Command) -> Step<String> {
        self.start(name, command, Program::ready_line)
    }

    /// Starts a program that listens at a known address, and waits until it is ready there.
    ///
    /// # Errors
    /// When it does not start, or a person asks to stop.
    pub(crate) fn serve(
        &mut self,
        name: &'static str,
        command: Command,
        address: &HttpClient,
    ) -> Step<()> {
        self.start(name, command, |program, wait| {
            program.ready_at(address, "/-/ready", wait)
        })
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it fails, or a person asks to stop.
    pub(crate) fn run(&mut self, name: &'static str, command: Command) -> Step<()> {
        let log = self.state.path(&format!("{name}.log"));
        Program::start(name, command, log, self.state.lock())?.finish(self.wait)
    }

    fn start<T>(
        &mut self,
        name: &'static str,
        command: Command,
        wait: impl FnOnce(&mut Program, &mut CancellableWait) -> Step<T>,
    ) -> Step<T> {
        let log = self.state.path(&format!("{name}.log"));
        let program = Program::start(name, command, log, self.state.lock())?;
        self.programs.push(program);
        let ids = self
            .programs
            .iter()
            .map(|program| format!("{} {}", program.name(), program.id()));
        let users: Vec<_> = std::iter::once(format!("demo {}", std::process::id()))
            .chain(ids)
            .collect();
        self.state.note_users(&users.join(", "))?;
        match self.programs.last_mut() {
            Some(program) => wait(program, self.wait),
            None => Err(Stop::Trouble(anyhow!("{name} is gone"))),
        }
    }
}

/// Stops the last before the first: who writes before who listens, so that the agent can release its
/// jobs at the sandbox.
///
/// # Errors
/// When one had to be killed.
pub(crate) fn stop<W: Write>(
    mut programs: Vec<Program>,
    wait: &mut CancellableWait,
    screen: &mut Screen<W>,
) -> Result<()> {
    let mut stopped = Ok(());
    while let Some(mut program) = programs.pop() {
        // A terminal that is gone must not keep a program alive.
        screen
            .tell(Tone::Plain, &format!("stopping {}", program.name()))
            .unwrap_or_default();
        stopped = stopped.and(program.stop(wait));
    }
    stopped
}
