//! Values that cannot be printed: tokens and keys.

mod key;

pub use key::{
    PublicKey, SigningKey, Unusable, expires_at, read_private_key, read_text, read_trust,
};

use std::fmt;

/// A secret text. `Debug` and `Display` print dots; only [`Secret::reveal`] gives it away.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that must never reach a log, label, ledger, report or error.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Seeds this thread's random numbers. The first use costs tens of milliseconds, which would else
/// be taken for a partner's TLS handshake.
pub fn warm_up() {
    let mut seed = [0; 32];
    if aws_lc_rs::rand::fill(&mut seed).is_err() {
        tracing::error!("the machine gives no random numbers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "Secret(…) …");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
