//! The demo: starts the partner sandbox and Outrider, breaks a partner on purpose, and holds what
//! Outrider says against the fault table. With `--stack`, Prometheus and Alertmanager run next to them,
//! and each fault is kept until it pages. It knows all programs only by their command lines, their
//! ready lines and their JSON.

mod agent;
mod args;
mod cancellable_wait;
mod clock;
mod expect;
mod faults;
mod grid;
mod http;
mod main_loop;
mod members;
mod notice;
mod pager;
mod pages;
mod processes;
mod program;
mod sandbox;
mod scenario;
mod screen;
mod session;
mod stack;
mod state;
mod stop;
mod tools;
mod view;
mod webhook;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use args::{Invocation, Options};
use screen::Screen;
use stop::Stop;

/// An expectation of the fault table did not hold.
const NOT_HELD: u8 = 1;
/// The command line cannot be meant.
const USAGE: u8 = 2;
/// The demo could not run.
const COULD_NOT_RUN: u8 = 7;
/// A person stopped it before its end: 128 and the number of SIGINT, as shells say it.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    match args::read(std::env::args_os().skip(1)) {
        Ok(Invocation::Help) => match io::stdout().write_all(args::USAGE.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(COULD_NOT_RUN),
        },
        Ok(Invocation::Run(options)) => run(&Options {
            omit_fault: args::omits_fault(),
            ..options
        }),
        Err(why) => {
            print_error(&format!("{why}\n\n{}", args::USAGE));
            ExitCode::from(USAGE)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let table = match faults::table() {
        Ok(table) => table,
        Err(why) => {
            print_error(&format!("{why:#}"));
            return ExitCode::from(COULD_NOT_RUN);
        }
    };
    let chosen = match faults::chosen(table.clone(), &options.faults) {
        Ok(chosen) => chosen,
        Err(why) => {
            print_error(&why);
            return ExitCode::from(USAGE);
        }
    };
    let mut screen = Screen::new(io::stdout(), args::look(&io::stdout()));
    match main_loop::run(options, &table, chosen, &mut screen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_HELD),
        Err(Stop::Stopped) => ExitCode::from(STOPPED),
        Err(Stop::Trouble(why)) => {
            print_error(&format!("{why:#}"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// Says on stderr why it ends. When even that is gone, the exit code still tells.
fn print_error(why: &str) {
    io::stderr()
        .write_all(format!("demo: {}\n", why.trim_end()).as_bytes())
        .unwrap_or_default();
}
