//! What the command line and the environment ask for.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::faults;
use crate::screen::Look;

/// The text of `--help`.
pub(crate) const USAGE: &str = "\
Starts the partner sandbox and Outrider, breaks a partner on purpose, and shows what Outrider says.

usage: demo [--once] [--stack [--tools DIR]] [--state DIR] [--bin DIR] [--config FILE]
            [--faults A,B,C]

  --once         run one cycle and end: 0 when every expectation held, 1 when one did not
  --stack        with Prometheus and Alertmanager: keep a fault until it pages, and show what people read
  --tools DIR    where `make tools` unpacked them [target/tools/debian]
  --state DIR    folder for ledger, logs, keys and overlay [var/demo]
  --bin DIR      where `exchange` and `outrider` are [next to this program]
  --config FILE  the agent's file, next to partners/, probes/ and members/ [outrider.toml]
  --faults A,B   inject these faults of tests/cases/faults.toml, in this order [all; with --stack four]

  OMIT_FAULT=1   say that a fault is injected, and do not inject it: the demo must then end with 1
  NO_COLOR=1     no colours

exit codes: 0 fine, 1 an expectation did not hold, 2 usage, 7 could not run, 130 stopped before
the end of --once
";

/// Where `make tools` unpacks Debian's packages.
const TOOLS: &str = "target/tools/debian";

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// Show the usage.
    Help,
    /// Run the scenario.
    Run(Options),
}

/// How to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// One cycle, or on and on.
    pub(crate) once: bool,
    /// Keep every fault back: proves that the expectations can fail.
    pub(crate) omit_fault: bool,
    /// The demo's folder.
    pub(crate) state: PathBuf,
    /// Where the programs are; next to this one without it.
    pub(crate) bin: Option<PathBuf>,
    /// The agent's file.
    pub(crate) config: PathBuf,
    /// Run with Prometheus and Alertmanager, which are unpacked there.
    pub(crate) stack: Option<PathBuf>,
    /// Faults to inject; all without names.
    pub(crate) faults: Vec<String>,
}

/// Reads the command line.
///
/// # Errors
/// A sentence about the first thing that cannot be meant.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
    let mut options = Options {
        once: false,
        omit_fault: false,
        state: PathBuf::from("var/demo"),
        bin: None,
        config: PathBuf::from("outrider.toml"),
        stack: None,
        faults: Vec::new(),
    };
    let (mut has_stack, mut tools) = (false, None);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = |name: &str| {
            arguments
                .next()
                .filter(|value| !value.is_empty())
                .ok_or(format!("{name} needs a value"))
        };
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Invocation::Help),
            Some("--once") => options.once = true,
            Some("--stack") => has_stack = true,
            Some("--tools") => tools = Some(PathBuf::from(value("--tools")?)),
            Some("--state") => options.state = value("--state")?.into(),
            Some("--bin") => options.bin = Some(value("--bin")?.into()),
            Some("--config") => options.config = value("--config")?.into(),
            Some("--faults") => {
                let names = value("--faults")?;
                let names = names.to_str().ok_or("--faults needs names")?;
                options.faults = names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect();
            }
            _ => return Err(format!("unknown argument {}", argument.display())),
        }
    }
    match (has_stack, tools) {
        (true, tools) => {
            options.stack = Some(tools.unwrap_or_else(|| TOOLS.into()));
            if options.faults.is_empty() {
                options.faults = faults::PAGING.map(str::to_owned).to_vec();
            }
        }
        (false, Some(_)) => return Err("--tools says where --stack finds them".to_owned()),
        (false, None) => {}
    }
    Ok(Invocation::Run(options))
}

/// Whether OMIT_FAULT asks to keep the faults back.
pub(crate) fn omits_fault() -> bool {
    environment("OMIT_FAULT").is_some_and(|value| value != "0")
}

/// What stdout is: a terminal that can move its cursor, or a pipe.
pub(crate) fn look(out: &impl IsTerminal) -> Look {
    let can_move = environment("TERM").is_some_and(|terminal| terminal != "dumb");
    if out.is_terminal() && can_move {
        Look::Terminal {
            has_colour: environment("NO_COLOR").is_none(),
        }
    } else {
        Look::Pipe
    }
}

/// A variable that is there and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(line: &str) -> Result<Invocation, String> {
        read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn everything_has_a_default() {
        let Ok(Invocation::Run(options)) = invocation("") else {
            panic!("it runs")
        };
        assert_eq!(options.state, PathBuf::from("var/demo"));
        assert_eq!(options.config, PathBuf::from("outrider.toml"));
        assert!(!options.once && options.bin.is_none() && options.faults.is_empty());
        assert_eq!(options.stack, None);
    }

    #[test]
    fn a_stack_has_its_own_faults_and_tools() {
        let stack = |line: &str| match invocation(line) {
            Ok(Invocation::Run(options)) => (options.stack, options.faults),
            other => panic!("it runs, and does not say {other:?}"),
        };
        let (tools, faults) = stack("--stack --once");
        assert_eq!(tools, Some(PathBuf::from("target/tools/debian")));
        assert_eq!(faults, faults::PAGING);
        let (tools, faults) = stack("--tools t --faults throttled --stack");
        assert_eq!(tools, Some(PathBuf::from("t")));
        assert_eq!(faults, ["throttled"]);
        let said = Err("--tools says where --stack finds them".to_owned());
        assert_eq!(invocation("--tools t"), said);
    }

    #[test]
    fn every_option_is_read() {
        let line = "--once --state s --bin b --config c.toml --faults slow-body,throttled";
        let Ok(Invocation::Run(options)) = invocation(line) else {
            panic!("it runs")
        };
        assert!(options.once);
        assert_eq!(options.state, PathBuf::from("s"));
        assert_eq!(options.bin, Some(PathBuf::from("b")));
        assert_eq!(options.config, PathBuf::from("c.toml"));
        assert_eq!(options.faults, ["slow-body", "throttled"]);
        assert_eq!(invocation("--once --help"), Ok(Invocation::Help));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        assert_eq!(
            invocation("--state"),
            Err("--state needs a value".to_owned())
        );
        assert_eq!(
            invocation("--twice"),
            Err("unknown argument --twice".to_owned())
        );
        assert_eq!(invocation("once"), Err("unknown argument once".to_owned()));
    }

    #[test]
    fn the_usage_names_every_option() {
        for option in [
            "--once",
            "--stack",
            "--tools",
            "--state",
            "--bin",
            "--config",
            "--faults",
            "OMIT_FAULT",
        ] {
            assert!(USAGE.contains(option), "{option}");
        }
    }
}
