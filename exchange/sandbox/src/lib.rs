//! Partner sandboxes: payers that answer as real ones do, and inject faults on request.
//!
//! This crate is an honest double: it imports nothing of Outrider and meets it only over the wire.
//! In reading order:
//!
//! | module | what it does |
//! |---|---|
//! | [`fault`] | the faults a partner can inject, and the rules that decide which requests get them |
//! | [`persona`] | how a partner behaves: nine kinds |
//! | [`member`] | invented members, the records a partner holds about them, and the expected answers |
//! | [`trust`] | the throw-away CA, the server's certificate and the clients' keys |
//! | [`store`] | jobs, files, tokens and groups, in SQLite |
//! | [`partner`] | one payer's endpoints: discovery, token, match, export, files, release |
//! | [`capability`] | the partners' capabilities by version, and the journeys that prove them |
//! | [`control`] | the plain HTTP listener that switches faults, shows counters, and has a page |

pub mod fault;
pub mod member;
pub mod persona;
pub mod trust;

pub mod store;

pub mod partner;

pub mod capability;

pub mod control;
