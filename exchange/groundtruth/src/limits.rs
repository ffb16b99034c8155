//! Every limit, by name, with what happens when it is met.

use std::time::Duration;

/// Largest head of a request in bytes; more is answered with 431.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Largest body of a request in bytes; more is answered with 413.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How long a client may take for a handshake or for a request that it has begun.
pub const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How long a connection may stay open without a request.
pub const IDLE_TIME: Duration = Duration::from_secs(300);
/// Most connections; one more is closed at once.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Longest delay that can be asked for, in milliseconds.
pub const DELAY_MS_MAX: u32 = 600_000;
/// Longest body that can be asked for, in bytes.
pub const BODY_BYTES_MAX: usize = 256 << 20;
/// Longest text that an order may give as a body, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Most pieces of one body.
pub const PIECES_MAX: u32 = 10_000;
/// Most header fields that an order adds.
pub const HEADERS_MAX: usize = 64;
/// Most orders at one time; one more is refused.
pub const ORDERS_MAX: usize = 256;
/// Most requests in the log; of more the oldest are dropped, and counted.
pub const LOG_MAX: usize = 200_000;
/// Most requests that are kept whole in the log; of more the oldest lose head and body.
pub const KEPT_MAX: usize = 1_000;
/// Longest request target and id in the log, in characters.
pub const SHOWN_CHARS_MAX: usize = 1_024;
/// Most names that are counted apart; further ones are counted as `others`.
pub const NAMES_MAX: usize = 512;
/// Longest of these names, in characters.
pub const NAME_CHARS_MAX: usize = 40;
