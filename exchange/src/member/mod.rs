//! Invented members: who they are, what a partner holds about them, and what must come back.
//!
//! Everything is a pure function of a seed, a partner and a number, with a fixed anchor date, so that the
//! committed sets in `members/` and a served roster agree byte for byte on any day and any machine.

mod case;
mod claims;
mod clinical;
mod names;
mod normalise;
mod payer;
mod person;
mod record;
mod request;
mod roster;
mod seed;
mod set;

pub use case::{Bucket, EdgeCase};
pub(crate) use normalise::hex_of_sha256;
pub use normalise::{canonical, key, normalise, sha256_hex};
pub use payer::Payer;
pub use person::{HeldName, Person, Relationship};
pub use record::{Policy, disclosed, record};
pub use roster::{Holding, Member, REQUESTER_NPI, Roster};
pub(crate) use seed::Stream;
pub use set::{MemberSet, member_set};
