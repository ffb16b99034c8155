//! Writes reports to folders: at a command's request, and by itself on the day that a contract agrees on.

mod bundle;
mod files;
mod index;
mod order;
mod publisher;
mod whole;

pub use self::bundle::{Bundle, BundleFault, COUNTS, read_bundle};
pub use self::files::{write_overview, write_report};
pub use self::order::{Format, ReportOptions};
pub(super) use self::publisher::start;
