//! What a partner can be told to do wrong: the closed list of faults, orders to show them, and the book that
//! says which request meets which.
//!
//! Everything that decides is a pure function of the orders, their seeds and the sequence of requests, so that
//! the same orders and requests meet the same faults again. What a fault does on the wire is in `partner/bend`.

mod book;
mod kind;
mod operation;
mod order;

pub use book::{Book, Hit, Hits, Logged, Standing};
pub use kind::{Fault, Leaf, Point};
pub use operation::Operation;
pub use order::{Mistake, Order};
