//! A file of `partners/`.
#![no_main]

fuzz::config_target!("partners/keystone.toml");
