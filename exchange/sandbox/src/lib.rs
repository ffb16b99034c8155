//! Partner sandboxes: payers that answer as real ones do, and go wrong when told to.
//!
//! This crate is an honest double: it imports nothing of Outrider and meets it only over the wire.
//! In reading order:
//!
//! | module | what it does |
//! |---|---|
//! | [`fault`] | what a partner can be told to do wrong, and which requests meet it |
//! | [`persona`] | how a partner is: nine kinds |
//! | [`member`] | invented members, what a partner holds about them, and what must come back |
//! | [`trust`] | the throw-away CA, the server's certificate and the clients' keys |
//! | [`store`] | what survives between two requests, in SQLite |
//! | [`partner`] | one payer's endpoints: discovery, token, match, export, files, release |
//! | [`capability`] | what partners can do, by version, and which journeys prove it |
//! | [`control`] | the plain HTTP listener that switches faults, shows counters, and has a page |

pub mod fault;
pub mod member;
pub mod persona;
pub mod trust;

pub mod store;

pub mod partner;

pub mod capability;

pub mod control;
