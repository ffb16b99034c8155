//! The shipped rule sets.

use exchange_kit::mistakes::Complaints;

use super::read::read;
use super::set::Rules;

/// The rule set that is used where none is given.
pub const SHIPPED: &str = include_str!("../../rules/identity-1.toml");
/// What the shipped rule set is called in messages.
pub const SHIPPED_PATH: &str = "rules/identity-1.toml";
/// The rule sets that are shipped, by version: the text of each.
pub const ALL_SHIPPED: [(&str, &str); 2] = [
    ("identity-1", SHIPPED),
    ("identity-2", include_str!("../../rules/identity-2.toml")),
];

/// The rule set that is used where none is given.
///
/// # Errors
/// When the file has mistakes, which a test excludes.
pub fn shipped() -> Result<Rules, Complaints> {
    read(SHIPPED_PATH, SHIPPED)
}

/// The rule set that decides next to [`shipped`] where no other is given: in stage `shadow`, so that only
/// differences are recorded.
///
/// # Errors
/// When the file has mistakes, which a test excludes.
pub fn shipped_next() -> Result<Rules, Complaints> {
    let (version, text) = ALL_SHIPPED[1];
    read(&format!("rules/{version}.toml"), text)
}
