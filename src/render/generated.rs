//! A generated file, or why there is none.

/// One generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its path below the folder that everything is written to.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A generated text that could not be written down.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be generated: {why}")]
pub struct RenderError {
    /// The file.
    pub path: String,
    /// Why.
    pub why: String,
}
