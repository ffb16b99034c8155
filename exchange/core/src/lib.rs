//! The reference exchange core: takes a request, asks the partner, fetches, and accounts for every member.
//!
//! In reading order:
//!
//! | room | what it does |
//! |---|---|
//! | [`exchange`] | states, events, the table of transitions; what is kept of an exchange |
//! | [`clocks`] | waits, deadlines and SLA clocks, through one scale |
//! | [`holidays`] | the days that are no business days |
//! | [`store`] | durable memory: a change and all that is told of it in one transaction |
//! | [`audit`], [`events`] | what happened, for people who must prove it, and for programs that follow |
//! | [`adapter`] | how to speak to a kind of partner, and how to read it |
//! | [`away`] | which partners are away, and since when |
//! | [`orchestrator`] | does what is due, a bounded pool a partner |
//! | [`review`] | what a person does about dead letters and doubtful members |
//! | [`ingress`] | the API: tokens, routes, metrics |
//! | [`limits`] | every limit by name |

pub mod adapter;
pub mod audit;
pub mod clocks;
pub mod engine;
pub mod events;
pub mod exchange;
pub mod holidays;
pub mod ingress;
pub mod limits;
pub mod orchestrator;
pub mod outages;
pub mod review;
pub mod store;
