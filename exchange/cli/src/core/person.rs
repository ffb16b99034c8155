//! What people who act at a core say of themselves.

use exchange_core::free_text::{FreeText, TextFault};

use crate::failure::Failure;

/// The actor as the audit trail names a person.
pub(super) fn operator(by: &str) -> Result<String, Failure> {
    let name = FreeText::read(by).map_err(|fault| bad_text("--by", fault))?;
    Ok(format!("operator:{}", name.text()))
}

/// A text that may not be written down.
pub(super) fn bad_text(option: &str, fault: TextFault) -> Failure {
    Failure::usage(format!("{option}: {fault}"), fault.help())
}
