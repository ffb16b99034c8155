//! What the numbers of a report mean, in the words that every report carries.

use serde::{Deserialize, Serialize};

/// A term and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The term.
    pub term: String,
    /// What it means.
    pub means: String,
}

impl Definition {
    pub(super) fn of((term, means): &(&str, &str)) -> Self {
        Self {
            term: (*term).to_owned(),
            means: (*means).to_owned(),
        }
    }
}

/// Terms in the order in which a reader meets them.
pub const DEFINITIONS: [(&str, &str); 12] = [
    (
        "run",
        "One scripted exchange with an agreed synthetic member, started on a fixed schedule.",
    ),
    (
        "due",
        "Runs that the schedule planned, without those that declared maintenance or blackout held back.",
    ),
    (
        "measured",
        "Due runs that came to a verdict. Coverage is measured runs ÷ due runs.",
    ),
    (
        "good, bad",
        "Measured runs that kept the promise, and that did not. Achieved is good ÷ measured.",
    ),
    (
        "unmeasured",
        "Due runs without a verdict: the agent was away or late by its own fault, or an earlier step of the run \
         failed, so that this promise was not reached. Where the contract says leave-out, they count as nothing \
         while coverage reaches its floor.",
    ),
    (
        "met",
        "The target is reached even if every unmeasured run was bad.",
    ),
    (
        "missed",
        "The target is not reached even if every unmeasured run was good.",
    ),
    (
        "not demonstrable",
        "Neither can be shown from what was measured. It earns no credit and never counts as met.",
    ),
    ("excluded", "Every due run was left out by agreement."),
    (
        "net, raw",
        "Net leaves out the runs of windows that were declared to be left out of the SLA; raw counts them. A run \
         that two windows leave out is left out once.",
    ),
    (
        "95 % interval",
        "The Wilson score interval of the achieved share. It informs and decides nothing.",
    ),
    (
        "credit",
        "The row of the ladder that the share of good runs falls into, as a percentage of the fee. Percentages are \
         added and capped first; the amount is rounded once, half up.",
    ),
];
