//! The reference exchange core: takes a request, queries the partner, fetches records, and accounts for every
//! member.
//!
//! In reading order:
//!
//! | module | what it does |
//! |---|---|
//! | [`config`], [`grants`] | `exchange.toml`; the registered clients and what each may do |
//! | [`exchange`] | states, events, the table of transitions; what is kept of an exchange |
//! | [`clocks`] | waits, deadlines and SLA clocks, through one scale |
//! | [`holidays`] | the days that are no business days |
//! | [`audit`], [`events`] | what happened, for people who must prove it and for programs that follow |
//! | [`store`] | durable memory: a change is stored in one transaction with its audit entries and events |
//! | [`trail`], [`event_file`] | read the audit trail and verify an export of it; copy events to `events.ndjson` |
//! | [`verify`] | verify a whole state folder: trail, seal, heads, events, payload files |
//! | [`adapter`] | how to talk to each kind of partner and how to read its answers |
//! | [`outages`] | which partners are unavailable, and since when |
//! | [`engine`] | a running core: what its parts share |
//! | [`folder_lock`] | one core at a time on a state folder |
//! | [`orchestrator`] | runs the steps that are due, with a bounded pool for each partner |
//! | [`retention`], [`purge`] | how long things are kept; removes what has had its time |
//! | [`free_text`], [`text_check`] | texts of people and clients: bounded, without data of members |
//! | [`review`] | decisions of people about dead letters and doubtful members |
//! | [`lookup`] | from the key of a member back to the id, with an audit entry |
//! | [`ingress`] | the API: tokens, routes, metrics |
//! | [`limits`] | every limit by name |

pub mod adapter;
pub mod audit;
pub mod clocks;
pub mod config;
pub mod engine;
pub mod event_file;
pub mod events;
pub mod exchange;
pub mod folder_lock;
pub mod free_text;
pub mod grants;
pub mod holidays;
pub mod ingress;
pub mod limits;
pub mod lookup;
pub mod orchestrator;
pub mod outages;
pub mod purge;
pub mod retention;
pub mod review;
pub mod store;
pub mod text_check;
pub mod trail;
pub mod verify;
