//! The phases of one request.

use std::time::Duration;

use super::closed::closed;

closed!(
    /// The phases of one request, in order.
    Phase {
        /// Name lookup.
        Dns = "dns",
        /// TCP.
        Connect = "connect",
        /// TLS handshake.
        Tls = "tls",
        /// Until the last byte of the request was handed to the connection.
        Send = "send",
        /// Until the first byte of the answer.
        Wait = "wait",
        /// Until the last byte of the answer.
        Transfer = "transfer",
    }
);

/// How long each phase took; none where it was not entered. A phase that was entered and broken
/// off holds the time until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([Option<Duration>; 6]);

impl Phases {
    /// The time of one phase.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.0[phase as usize]
    }

    /// Notes the time of one phase; a redirect adds to it.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        let slot = &mut self.0[phase as usize];
        *slot = Some(slot.unwrap_or_default() + time);
    }
}
