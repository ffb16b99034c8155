//! What several crates of the exchange need. A module is here only when two of them use it.
//!
//! | module | what it does |
//! |---|---|
//! | [`clock`] | the only module that reads the clock |
//! | [`connections`] | accepting connections that anybody may open |
//! | [`count`] | counts of things, in words |
//! | [`digest`] | SHA-256 in hex |
//! | [`random`] | numbers from a seed and labels |
//! | [`assertion`] | registered clients, and the check of the assertions that they sign |
//! | [`http`] | one connection; bodies and problems of the control listeners, and the fields of a form |
//! | [`json`] | JSON bodies: each key once, objects where objects are due |
//! | [`mistakes`] | every mistake of a file at once, with its place and fix |
//! | [`pdex`] | words of the PDex guide |

pub mod assertion;
pub mod clock;
pub mod connections;
pub mod count;
pub mod digest;
pub mod http;
pub mod json;
pub mod mistakes;
pub mod pdex;
pub mod random;
