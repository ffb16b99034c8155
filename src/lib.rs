//! Outrider: synthetic monitoring and SLO agent for US payer-to-payer health data exchange.
//!
//! Three floors above the crate [`outrider_domain`], which holds ground, thinking and configuration; an
//! import only goes down, and neighbours do not know each other (`ARCHITECTURE.md`, held by the
//! unit tests of `architecture`):
//!
//! | floor | modules |
//! |---|---|
//! | hands | [`journey`], [`ledger`], [`expose`], [`listener`], [`portal`], [`proof`], [`render`] |
//! | wiring | [`agent`] |
//! | roof | [`cli`] |

pub mod expose;
pub mod journey;
pub mod ledger;
pub mod listener;
pub mod portal;
pub mod proof;
pub mod render;

pub mod agent;

pub mod cli;

#[cfg(test)]
mod architecture;
