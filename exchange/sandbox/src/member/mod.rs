//! Invented members: who they are, what a partner holds about them, and what must come back.
//!
//! Everything is a pure function of a seed, a partner and a number, with a fixed anchor date, so that the
//! committed sets in `members/` and a served roster agree byte for byte on any day and any machine.

mod case;
mod holding;
mod household;
mod names;
mod normalise;
mod number;
mod payer;
mod payload;
mod person;
mod request;
mod roster;
mod set;

pub use case::{EdgeCase, Single};
pub use holding::{Holding, Member};
pub use household::Household;
pub(crate) use names::is_short_form;
pub use normalise::{canonical, key, normalise, sha256_hex};
pub use payer::Payer;
pub use payload::{Policy, WithholdReason, disclosed, record, scale_for, transmitted, withheld};
pub use person::{Card, HeldName, OptOut, Person, Relationship};
pub use request::policy;
pub use roster::{REQUESTER_NPI, Roster};
pub use set::{
    LARGE_MAX, MEMBERS_MAX, MemberSet, SEED, SetMember, SetRequest, member_set, set_member,
    write_set,
};
