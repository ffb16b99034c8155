//! Every limit of the core, by name, with what happens when it is met.

use std::time::Duration;

/// Largest request body in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a body that is too large which are passed over; then the connection is closed.
pub const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most members in one exchange; more are answered with 413.
pub const MEMBERS_MAX: usize = 500;
/// Longest `Idempotency-Key`; a longer one is refused.
pub const KEY_BYTES_MAX: usize = 64;
/// Longest short text of a request (correlation id, references, ids); a longer one is refused.
pub const TEXT_BYTES_MAX: usize = 128;
/// Most mistakes of one request that are named; the rest is counted.
pub const MISTAKES_MAX: usize = 50;
/// Most types of one request.
pub const TYPES_MAX: usize = 64;
/// Most rows of one page of any list.
pub const PAGE_MAX: usize = 1_000;
/// Longest `Retry-After` of an exchange that goes on, in seconds; a client may look again then, whatever we wait for.
pub const RETRY_AFTER_SECONDS_MAX: i64 = 120;
/// Largest `exchange.toml`, in bytes; a larger one is refused.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;
/// Most registered clients; more are refused.
pub const CLIENTS_MAX: usize = 256;
/// How long a token of the core lives, in seconds.
pub const TOKEN_SECONDS: i64 = 300;
/// Largest body of a request that needs no token; more is answered with 413.
pub const OPEN_BODY_BYTES_MAX: usize = 64 * 1024;
/// Most connections to the core at once, unless `connections` in `[limits]` says otherwise; for one more the oldest that
/// waits must leave.
pub const CONNECTIONS_MAX: u32 = 1_024;
/// Most requests of one client at once, unless `requests_per_client` says otherwise; one more is answered with 429.
pub const REQUESTS_PER_CLIENT_MAX: u32 = 128;
/// Most requests of one client within a minute of the core's clock, unless `requests_per_minute` says otherwise; one more
/// is answered with 429.
pub const REQUESTS_PER_MINUTE_MAX: u32 = 12_000;
/// Most tokens that one client may ask for within a minute of the core's clock, unless `tokens_per_minute` says otherwise;
/// one more is answered with 429.
pub const TOKENS_PER_MINUTE_MAX: u32 = 600;
/// Longest wait for the body of a request in seconds, unless `body_seconds` says otherwise; then 408.
pub const BODY_SECONDS: u32 = 30;
/// Longest wait for a TLS handshake, and for the headers of a request.
pub const HANDSHAKE: Duration = Duration::from_secs(15);

/// Most exchanges of one partner that are worked on at once.
pub const POOL: usize = 4;
/// Most exchanges that are taken from the queue in one look.
pub const LOOK_MAX: usize = 64;
/// Most bytes of a partner's answer that is read into memory: jobs, manifests, match results.
pub const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most bytes of one data file; more is a refusal of the partner's answer.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Longest line of a data file; a longer one is an unreadable record.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most pages of one manifest; more is a refusal of the partner's answer.
pub const PAGES_MAX: usize = 100;
/// Most files of one manifest; more is a refusal of the partner's answer.
pub const FILES_MAX: usize = 2_000;
/// Largest head of a partner's answer.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for one answer of a partner, its body included.
pub const CALL: Duration = Duration::from_secs(120);
/// Most retries of one step after transient failures; then it goes to the dead letters.
pub const RETRIES_MAX: u32 = 8;
/// Most follow-ups that are asked without a person.
pub const FOLLOW_UPS_MAX: u32 = 2;
/// Most tries to release one job.
pub const RELEASES_MAX: u32 = 3;
/// Most missing things that are listed by name; the rest is counted.
pub const MISSING_MAX: usize = 200;
/// Part of the database's pages that new exchanges may fill; the rest is for those that are under way.
pub const FILL_PERCENT: u64 = 80;
/// Size of the database and of the kept payloads by default, in MiB each.
pub const STORE_MIB: u32 = 4_096;
