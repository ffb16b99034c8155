//! Faults that a partner can inject: the closed list of faults, the rules that switch them on, and the set of
//! rules that decides which fault fires for which request.
//!
//! Every decision is a pure function of the rules, their seeds and the sequence of requests, so the same rules
//! and requests always get the same faults. `partner/inject` holds what a fault does on the wire.

mod kind;
mod operation;
mod rule;
mod set;

pub use kind::{Fault, Leaf, Point};
pub use operation::Operation;
pub use rule::{FaultRule, RuleError};
pub use set::{ActiveRule, FaultSet, Hit, HitRecord, Hits};
