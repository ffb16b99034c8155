//! The exchange package.
fn main() {}
