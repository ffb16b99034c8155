//! A file of `partners/`.
#![no_main]

ground::config_target!("partners/keystone.toml");
