//! Every limit, by name, with what happens when it is met.

use std::time::Duration;

/// Largest request body in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes beyond that which are read and dropped before the refusal; a longer body is cut off.
pub const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most `MemberBundle`s in one match; more is answered with 413.
pub const MEMBERS_MAX: usize = 500;
/// Most jobs of one client that are neither released nor over, unless `--jobs-open` says less; one more is
/// answered with 429.
pub const JOBS_OPEN_MAX: u32 = 20_000;
/// Most polls of one job in a minute; one more is answered with 429.
pub const POLLS_A_MINUTE_MAX: u32 = 120;
/// Most jobs whose polls are counted in one minute; polls of further ones are not.
pub const POLLED_JOBS_MAX: usize = 50_000;
/// Longest `Idempotency-Key`; a longer one is refused.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Most scopes in one request for a token; more are refused.
pub const SCOPES_MAX: usize = 64;
/// Most groups that a search looks through, newest first.
pub const GROUPS_SEARCHED_MAX: usize = 1_000;
/// Most entries in one page of a Bundle.
pub const ENTRIES_MAX: usize = 1_000;
/// Most `patient` parameters of one export; more are refused.
pub const PATIENTS_MAX: usize = 500;
/// Most filters in one `_typeFilter`, and most conditions in one filter; more are refused.
pub const FILTERS_MAX: usize = 50;
/// Longest text from a request that an answer repeats, in characters.
pub const ECHO_CHARS_MAX: usize = 60;
/// More records than this of one member, and a partner that drops members silently drops them.
pub const SILENT_RECORDS_MAX: usize = 100;
/// How long the signed address of a redirected file is good, in seconds.
pub const SIGNED_SECONDS: i64 = 60;
/// Highest `--scans-mib`: additional scanned documents in every export, in MiB.
pub const SCANS_MIB_MAX: u32 = 16 * 1024;
/// Most jobs that the control API lists, newest first.
pub const JOBS_LISTED_MAX: usize = 1_000;
/// Most connections to one partner; one more waits in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Most connections to the control listener; for one more the oldest that waits must leave.
pub const CONTROL_CONNECTIONS_MAX: usize = 256;
/// Longest answer that a fault can change, in bytes; a longer one becomes a 500.
pub const INJECT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How many members a served roster has.
pub const ROSTER_MEMBERS: usize = 120;
/// Longest wait for a TLS handshake, and for the headers of a request.
pub const HANDSHAKE: Duration = Duration::from_secs(15);
/// Longest wait for the body of a request; then 408.
pub const BODY: Duration = Duration::from_secs(60);
/// How long an over job's row, its group and the matches are kept, in seconds.
pub const ROWS_KEPT_SECONDS: i64 = 86_400;
/// Highest `--token-ttl`, in seconds (UDAP: an hour).
pub const TOKEN_TTL_SECONDS_MAX: u32 = 3_600;
/// How long the fault `slow-headers` holds an answer back.
pub const SLOW_HEADERS: Duration = Duration::from_secs(60);
/// How long the fault `slow-body` waits after each byte.
pub const SLOW_BODY_BYTE: Duration = Duration::from_secs(1);
/// `Retry-After` of the fault `throttled`, in seconds.
pub const THROTTLED_RETRY_SECONDS: i64 = 30;
