//! `outrider.toml`.
#![no_main]

fuzz::config_target!("outrider.toml");
