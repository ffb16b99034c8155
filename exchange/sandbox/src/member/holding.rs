//! One member, and the person that the responder holds for them.

use super::case::EdgeCase;
use super::person::Person;

/// What the responder holds about a member.
#[derive(Clone, Debug)]
pub enum Holding {
    /// This person, by place in [`Roster::people`](super::Roster::people).
    Person(usize),
    /// Nobody.
    Nobody,
}

/// One member: what the requester sends, and the person that the responder holds.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id in the requester's system, e.g. `or-m0001`.
    pub id: String,
    /// What is unusual.
    pub case: EdgeCase,
    /// Line of business.
    pub cohort: &'static str,
    /// The person that the responder holds.
    pub holding: Holding,
    /// The person as the requester knows them.
    pub(crate) known_as: Person,
}
