//! `outrider.toml`.
#![no_main]

ground::config_target!("outrider.toml");
