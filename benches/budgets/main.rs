//! The budgets of docs/budgets.md, measured on the real programs: `make bench`, or one part alone with
//! `cargo bench --bench budgets -- care|check|history|journey|lateness|latency|long-lines|marks|memory|rules|scrape`.
//!
//! Nothing here is asserted: figures go to the terminal and to `target/bench/results.json`. Only `soak MINUTES
//! SEED` (`make soak`) judges: its exit code is 1 when something grew.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench says what went wrong by panicking, prints its figures, and counts below 2^52"
)]

mod blackbox;
mod care;
mod check;
mod floor;
mod folders;
mod get;
mod history;
mod journey;
mod latency;
mod lateness;
mod ledger_view;
mod long_lines;
mod memory;
mod ndjson;
mod process;
mod rules;
mod scene;
mod scrape;
mod site;
mod soak;
mod table;
mod truth;
mod wait;

use std::process::ExitCode;

use self::site::Site;
use self::table::Table;

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("the only provider");
    // Cargo adds `--bench`; the other words are a part to be measured, or a role that this program
    // plays as a process of its own, so that its CPU time is not anybody else's.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", folder] => site::serve(folder.as_ref()),
        ["ndjson", lines] if lines.contains('/') => ndjson::serve(lines),
        ["timer", seconds] => lateness::timer(seconds.parse().expect("seconds")),
        ["floor", url, trust, rate] => floor::run(url, trust, rate.parse().expect("a rate")),
        ["soak", minutes, seed] => {
            let minutes = minutes.parse().expect("minutes");
            return soak::run(minutes, seed.parse().expect("a seed"));
        }
        parts => measure(parts),
    }
    ExitCode::SUCCESS
}

fn measure(parts: &[&str]) {
    let is_wanted = |part| parts.is_empty() || parts.contains(&part);
    let site = Site::start();
    let mut table = Table::default();
    if is_wanted("check") {
        check::measure(&site, &mut table);
    }
    if is_wanted("journey") {
        journey::measure(&site, &mut table);
    }
    if is_wanted("lateness") || is_wanted("latency") {
        let full = lateness::saturation(&site);
        if is_wanted("lateness") {
            lateness::measure(&site, &mut table, full);
        }
        if is_wanted("latency") {
            latency::measure(&mut table, full);
        }
    }
    if is_wanted("marks") {
        latency::marks(&mut table);
    }
    if is_wanted("memory") {
        memory::measure(&site, &mut table);
    }
    if is_wanted("scrape") {
        scrape::measure(&site, &mut table);
    }
    if is_wanted("rules") {
        rules::measure(&site, &mut table);
    }
    if is_wanted("history") {
        history::measure(&mut table);
    }
    if is_wanted("care") {
        care::measure(&mut table);
    }
    if is_wanted("long-lines") {
        long_lines::measure(&mut table);
    }
    if is_wanted("ndjson") {
        ndjson::measure(&mut table);
    }
    table.show();
    table.store();
}
