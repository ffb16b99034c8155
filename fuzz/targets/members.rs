//! A file of `members/`.
#![no_main]

fuzz::config_target!("members/two.json");
