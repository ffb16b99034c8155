//! A file of `members/`.
#![no_main]

ground::config_target!("members/two.json");
