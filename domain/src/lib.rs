//! What the agent knows and decides: the nouns, the rules and the configuration. No async runtime, no database.
//!
//! Three floors; an import only goes down, and neighbours do not know each other
//! (`ARCHITECTURE.md`, held by the unit tests `architecture::floors` of `outrider`):
//!
//! | floor | modules |
//! |---|---|
//! | ground | [`model`], below it [`clock`] and [`secret`] |
//! | thinking | [`schedule`], [`judge`], [`sla`], [`sli`], [`slo`], [`view`] |
//! | configuration | [`config`] |

pub mod clock;
pub mod model;
pub mod secret;

pub mod judge;
pub mod schedule;
pub mod sla;
pub mod sli;
pub mod slo;
pub mod view;

pub mod config;
