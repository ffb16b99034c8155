//! The shipped rule set.

use exchange_kit::mistakes::Complaints;

use super::read::read;
use super::set::Rules;

/// The rule set that is used where none is given.
pub const SHIPPED: &str = include_str!("../../rules/identity-1.toml");
/// What the shipped rule set is called in messages.
pub const SHIPPED_PATH: &str = "rules/identity-1.toml";

/// The shipped rule set.
pub fn shipped() -> Result<Rules, Complaints> {
    read(SHIPPED_PATH, SHIPPED)
}
