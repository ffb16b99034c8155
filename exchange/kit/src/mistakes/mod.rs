//! Files that people write: every mistake at once, with its place and fix.

mod complaint;
mod tree;

pub use complaint::{COMPLAINTS_MAX, Complaint, Complaints, known_words, nearest};
pub use tree::{Source, Table, parse};
