//! A file of `probes/`: steps, templates, captures, expectations.
#![no_main]

fuzz::config_target!("probes/walk.toml");
