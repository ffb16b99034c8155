//! The suite: one binary, real sockets, the real programs. It meets the exchange over the wire.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests say what went wrong by panicking"
)]

mod abuse;
mod access;
mod action_log;
mod agent;
mod agent_faults;
mod auth;
mod certificates;
mod checks;
mod config;
mod control;
mod core;
mod docket;
mod drift;
mod drills;
mod exits;
mod exposition;
mod faults;
mod field;
mod fleet;
mod generate;
mod history;
mod hostile;
mod identity;
mod ledger_care;
mod ledger_rollback;
mod ledger_view;
mod listener;
mod members;
mod mutations;
mod page;
mod partners;
mod personas;
mod private;
mod publishing;
mod pypi;
mod queries;
mod quirks;
mod reconcile;
mod reload;
mod report_pdf;
mod reports;
mod requester;
mod resources;
mod rogue;
mod routing;
mod rules;
mod schedule;
mod scripted;
mod second_opinion;
mod seeded;
mod slo;
mod stack;
mod steps;
mod stores;
mod support;
mod third_party;
mod timing;
mod traps;
mod walk;
mod warnings;
