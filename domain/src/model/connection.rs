//! How a request is made: its connection, its version of HTTP, its family of addresses, and retries.

use std::time::Duration;

use super::closed::closed;

closed!(
    /// Whether requests of a run share connections.
    ConnectionPolicy {
        /// Each request opens its own, as a first visitor does.
        New = "new",
        /// One that an earlier request of the same run left open is used again.
        Reuse = "reuse",
    }
);

closed!(
    /// The version of HTTP that a journey asks for.
    HttpWanted {
        /// HTTP/1.1.
        One = "1.1",
        /// HTTP/2, over TLS by ALPN.
        Two = "2",
        /// What the partner picks by ALPN; HTTP/1.1 without TLS.
        Auto = "auto",
    }
);

closed!(
    /// The version of HTTP that was spoken.
    HttpVersion {
        /// HTTP/1.0.
        OneZero = "1.0",
        /// HTTP/1.1.
        One = "1.1",
        /// HTTP/2.
        Two = "2",
    }
);

closed!(
    /// The addresses that a probe goes to.
    FamilyWanted {
        /// Either, in turn.
        Any = "any",
        /// IPv4 alone.
        V4 = "ipv4",
        /// IPv6 alone.
        V6 = "ipv6",
    }
);

closed!(
    /// The family of the address that was reached, or tried last.
    Family {
        /// IPv4.
        V4 = "ipv4",
        /// IPv6.
        V6 = "ipv6",
    }
);

closed!(
    /// What a request's connection was.
    Link {
        /// Its own.
        New = "new",
        /// Left open by an earlier request of the run.
        Reused = "reused",
        /// Its own, because the one left open was found dead before a byte was sent on it.
        Replaced = "replaced",
    }
);

closed!(
    /// Failures that may pass by themselves, so that a step may retry.
    Transient {
        /// No connection came about.
        Connect = "connect",
        /// The connection broke in the TLS handshake. A certificate that is wrong stays wrong.
        Tls = "tls",
        /// The connection broke after the request was on its way.
        Reset = "reset",
        /// Status 500, 502, 503 or 504.
        ServerError = "5xx",
        /// Status 429.
        Throttled = "429",
    }
);

/// How a step retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts of one request, the first one included.
    pub attempts: u32,
    /// After which failures.
    pub on: Vec<Transient>,
    /// The wait before the second attempt; it doubles with each.
    pub wait: Duration,
    /// The longest wait. A `Retry-After` above it ends the attempts.
    pub wait_max: Duration,
}
