//! The eight states, the events that move between them, and the one table of transitions.

use serde::{Deserialize, Serialize};

/// Where an exchange, or a member in it, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The record is durable; the partner was not called yet.
    Created,
    /// The request was sent, or is about to be.
    Submitted,
    /// The partner has taken it.
    Accepted,
    /// The partner works on it, or we look through what came.
    InReview,
    /// All that was due came.
    Completed,
    /// Some of it came; what is missing is listed.
    PartiallyCompleted,
    /// Nothing came, and nothing will without a person.
    Failed,
    /// A deadline passed, or what was there is gone.
    Expired,
}

impl State {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Submitted,
        Self::Accepted,
        Self::InReview,
        Self::Completed,
        Self::PartiallyCompleted,
        Self::Failed,
        Self::Expired,
    ];

    /// The word on the wire and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::InReview => "in_review",
            Self::Completed => "completed",
            Self::PartiallyCompleted => "partially_completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a verdict is there. A partial one may still be bettered by a follow-up.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Created | Self::Submitted | Self::Accepted | Self::InReview => false,
            Self::Completed | Self::PartiallyCompleted | Self::Failed | Self::Expired => true,
        }
    }
}

macro_rules! events {
    ($($event:ident = $name:literal, $deciding:literal;)+) => {
        /// What moves an exchange. Each is durable before anything else happens.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Event {
            $(#[doc = $deciding] $event,)+
        }

        impl Event {
            /// All of them.
            pub const ALL: [Self; [$(Self::$event),+].len()] = [$(Self::$event),+];

            /// The word in the audit trail, in events and for `--crash-at`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$event => $name,)+ }
            }

            /// What decides it, for people.
            pub const fn deciding(self) -> &'static str {
                match self { $(Self::$event => $deciding,)+ }
            }

            /// The event of that name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|event| event.name() == name)
            }
        }
    };
}

events! {
    Opened = "opened", "the workflow record is written, before any call";
    KickoffSent = "kickoff-sent", "the match request is about to be sent";
    KickoffRepeated = "kickoff-repeated", "the match request is about to be sent again, under the same key";
    Reconciled = "reconciled", "an unanswered kick-off was looked for at the partner";
    Adopted = "adopted", "the result of an unanswered kick-off was found at the partner";
    Accepted = "accepted", "202 with the job's address";
    AnsweredAtOnce = "answered-at-once", "200 with the result, no job";
    Running = "running", "202 to the first look at the match";
    Matched = "matched", "the match result is read, and each member is in it once";
    ExportSent = "export-sent", "the export request is about to be sent";
    ExportRepeated = "export-repeated", "the export request is about to be sent again, under the same key";
    ExportAccepted = "export-accepted", "202 of the export with the job's address";
    ExportRunning = "export-running", "202 to the first look at the export";
    Exported = "exported", "200 with the manifest of the export";
    Fetched = "fetched", "every file of the manifest is kept, or given up";
    Completed = "completed", "all that was due came";
    PartlyCompleted = "partly-completed", "members, types or records are missing";
    GapClosed = "gap-closed", "a follow-up brought what was missing";
    GapRemains = "gap-remains", "a follow-up did not bring all that was missing";
    Failed = "failed", "refused, broken beyond retries, or nobody could be matched";
    Expired = "expired", "a deadline passed, or the partner no longer has it";
    Cancelled = "cancelled", "the client or a person called it off";
}

/// One allowed move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// From this state; none before the record is written.
    pub from: Option<State>,
    /// By this event.
    pub event: Event,
    /// To this one.
    pub to: State,
}

const fn row(from: State, event: Event, to: State) -> Transition {
    Transition {
        from: Some(from),
        event,
        to,
    }
}

use Event as E;
use State as S;

/// All allowed moves. What is not here cannot happen.
pub const TRANSITIONS: [Transition; 40] = [
    Transition {
        from: None,
        event: E::Opened,
        to: S::Created,
    },
    row(S::Created, E::KickoffSent, S::Submitted),
    row(S::Submitted, E::KickoffRepeated, S::Submitted),
    row(S::Submitted, E::Reconciled, S::Submitted),
    row(S::Submitted, E::Adopted, S::Accepted),
    row(S::Submitted, E::Accepted, S::Accepted),
    row(S::Submitted, E::AnsweredAtOnce, S::Accepted),
    row(S::Accepted, E::Running, S::InReview),
    row(S::Accepted, E::Matched, S::InReview),
    row(S::InReview, E::Matched, S::InReview),
    row(S::InReview, E::ExportSent, S::InReview),
    row(S::InReview, E::ExportRepeated, S::InReview),
    row(S::InReview, E::ExportAccepted, S::Accepted),
    row(S::Accepted, E::ExportRunning, S::InReview),
    row(S::Accepted, E::Exported, S::InReview),
    row(S::InReview, E::Exported, S::InReview),
    row(S::InReview, E::Fetched, S::InReview),
    row(S::InReview, E::Completed, S::Completed),
    row(S::InReview, E::PartlyCompleted, S::PartiallyCompleted),
    // A follow-up asks for the missing part while the verdict stands.
    row(S::PartiallyCompleted, E::ExportSent, S::PartiallyCompleted),
    row(
        S::PartiallyCompleted,
        E::ExportRepeated,
        S::PartiallyCompleted,
    ),
    row(
        S::PartiallyCompleted,
        E::ExportAccepted,
        S::PartiallyCompleted,
    ),
    row(
        S::PartiallyCompleted,
        E::ExportRunning,
        S::PartiallyCompleted,
    ),
    row(S::PartiallyCompleted, E::Exported, S::PartiallyCompleted),
    row(S::PartiallyCompleted, E::Fetched, S::PartiallyCompleted),
    row(S::PartiallyCompleted, E::GapClosed, S::Completed),
    row(S::PartiallyCompleted, E::GapRemains, S::PartiallyCompleted),
    row(S::PartiallyCompleted, E::Failed, S::Failed),
    row(S::Created, E::Failed, S::Failed),
    row(S::Submitted, E::Failed, S::Failed),
    row(S::Accepted, E::Failed, S::Failed),
    row(S::InReview, E::Failed, S::Failed),
    row(S::Created, E::Expired, S::Expired),
    row(S::Submitted, E::Expired, S::Expired),
    row(S::Accepted, E::Expired, S::Expired),
    row(S::InReview, E::Expired, S::Expired),
    row(S::Created, E::Cancelled, S::Failed),
    row(S::Submitted, E::Cancelled, S::Failed),
    row(S::Accepted, E::Cancelled, S::Failed),
    row(S::InReview, E::Cancelled, S::Failed),
];

/// Where an event leads, if it may happen here.
pub fn next(from: Option<State>, event: Event) -> Option<State> {
    TRANSITIONS
        .iter()
        .find(|row| row.from == from && row.event == event)
        .map(|row| row.to)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_is_used_and_no_move_is_said_twice() {
        let mut seen = BTreeSet::new();
        for row in TRANSITIONS {
            assert!(seen.insert((row.from, row.event)), "{row:?}");
        }
        for event in Event::ALL {
            assert!(
                TRANSITIONS.iter().any(|row| row.event == event),
                "{event:?}"
            );
            assert_eq!(Event::named(event.name()), Some(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn every_state_is_reached_and_every_open_one_is_left() {
        for state in State::ALL {
            assert!(TRANSITIONS.iter().any(|row| row.to == state), "{state:?}");
            let mut exits = TRANSITIONS.iter().filter(|row| row.from == Some(state));
            if !state.is_terminal() {
                assert!(
                    exits.clone().any(|row| row.to == State::Failed),
                    "{state:?}"
                );
                assert!(exits.any(|row| row.to == State::Expired), "{state:?}");
            }
        }
        assert_eq!(next(Some(State::Completed), Event::ExportSent), None);
        assert_eq!(next(Some(State::Created), Event::Accepted), None);
        assert_eq!(next(None, Event::KickoffSent), None);
    }
}
