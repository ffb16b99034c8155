//! Every limit, by name, with what happens when it is met.

use std::time::Duration;

/// Largest request body in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most `MemberBundle`s in one match; more is answered with 413.
pub const MEMBERS_MAX: usize = 500;
/// Most jobs of one client that are neither released nor over; one more is answered with 429.
pub const JOBS_OPEN_MAX: usize = 20_000;
/// Most jobs that the control API lists, newest first.
pub const JOBS_LISTED_MAX: usize = 1_000;
/// Most connections to one partner; one more waits in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Longest client assertion in bytes; a longer one is refused.
pub const ASSERTION_BYTES_MAX: usize = 16 * 1024;
/// Longest `jti`; a longer one is refused.
pub const JTI_BYTES_MAX: usize = 256;
/// How many members a served roster has.
pub const ROSTER_MEMBERS: usize = 120;
/// Longest wait for a TLS handshake, and for the headers of a request.
pub const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long a finished job and its files can be fetched, in seconds.
pub const FILES_KEPT_SECONDS: i64 = 3_600;
/// How long an over job's row and its group are kept, in seconds.
pub const ROWS_KEPT_SECONDS: i64 = 86_400;
/// How far ahead an assertion's `exp` may lie, in seconds (SMART: five minutes).
pub const ASSERTION_SECONDS_MAX: i64 = 300;
/// By how much a client's clock may differ, in seconds.
pub const CLOCK_SKEW_SECONDS: i64 = 5;
/// Highest `--token-ttl`, in seconds (UDAP: an hour).
pub const TOKEN_TTL_SECONDS_MAX: u32 = 3_600;
/// How long the fault `slow-headers` holds an answer back.
pub const SLOW_HEADERS: Duration = Duration::from_secs(60);
/// How long the fault `slow-body` waits after each byte.
pub const SLOW_BODY_BYTE: Duration = Duration::from_secs(1);
/// `Retry-After` of the fault `throttled`, in seconds.
pub const THROTTLED_RETRY_SECONDS: i64 = 30;
