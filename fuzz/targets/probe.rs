//! A file of `probes/`: steps, templates, captures, expectations.
#![no_main]

ground::config_target!("probes/walk.toml");
