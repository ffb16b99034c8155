//! Outrider: synthetic monitoring and SLO agent for US payer-to-payer health data exchange.
//!
//! Five floors; an import only goes down, and neighbours do not know each other
//! (`ARCHITECTURE.md`, held by the suite's floors test):
//!
//! | floor | modules |
//! |---|---|
//! | ground | [`model`], [`clock`], [`secret`] |
//! | thinking | [`schedule`], [`judge`], [`sli`], [`slo`], [`view`] |
//! | hands | [`config`], [`journey`], [`ledger`], [`expose`], [`portal`], [`render`] |
//! | wiring | [`agent`] |
//! | roof | [`cli`] |

pub mod clock;
pub mod model;
pub mod secret;

pub mod judge;
pub mod schedule;
pub mod sli;
pub mod slo;
pub mod view;

pub mod config;
pub mod expose;
pub mod journey;
pub mod ledger;
pub mod portal;
pub mod render;

pub mod agent;

pub mod cli;

#[cfg(test)]
mod architecture;
