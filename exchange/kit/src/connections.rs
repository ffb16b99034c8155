//! Accepting connections on a listener that anybody may call: a bounded number of them, room made for new ones at the
//! cost of the oldest that does nothing, and waits after errors.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The first wait after an error of `accept`; it doubles from one to the next.
const WAIT_FIRST: Duration = Duration::from_millis(50);
/// The longest wait after an error.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Errors are logged no more often than this, with how many there were.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The connections of one listener.
#[derive(Clone)]
pub struct Seats(Arc<Shared>);

struct Shared {
    max: usize,
    open: Mutex<Open>,
    /// Notified when a connection ends or waits again.
    changed: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// By number; the lowest is the oldest.
    seats: BTreeMap<u64, Occupant>,
}

struct Occupant {
    is_busy: bool,
    leave: Arc<Notify>,
}

impl Seats {
    /// At most `max` connections, and no more than half of the file handles that this process may have: the rest is
    /// for the work itself.
    pub fn new(max: usize) -> Self {
        let handles = handles_max().unwrap_or(usize::MAX);
        Self::exactly(max.min(handles / 2))
    }

    fn exactly(max: usize) -> Self {
        Self(Arc::new(Shared {
            max: max.max(1),
            open: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a new connection. When all are taken the oldest that waits must leave; none when all are busy.
    pub fn take(&self) -> Option<Seat> {
        let mut open = self.open();
        if open.seats.len() >= self.0.max && !open.dismiss() {
            return None;
        }
        let number = open.next;
        open.next += 1;
        let leave = Arc::new(Notify::new());
        open.seats.insert(
            number,
            Occupant {
                is_busy: false,
                leave: Arc::clone(&leave),
            },
        );
        Some(Seat {
            number,
            leave,
            seats: self.clone(),
        })
    }

    /// Whether [`Seats::take`] would give one.
    fn has_room(&self) -> bool {
        let open = self.open();
        open.seats.len() < self.0.max || open.seats.values().any(|one| !one.is_busy)
    }
}

impl Open {
    /// Lets the oldest that waits leave; false when all are busy.
    fn dismiss(&mut self) -> bool {
        let waits = self.seats.iter().find(|(_, one)| !one.is_busy);
        let Some(number) = waits.map(|(number, _)| *number) else {
            return false;
        };
        if let Some(one) = self.seats.remove(&number) {
            one.leave.notify_one();
        }
        true
    }
}

/// The place of one connection; it is free again when this is dropped.
pub struct Seat {
    number: u64,
    leave: Arc<Notify>,
    seats: Seats,
}

impl Seat {
    /// Ends when the connection must make room.
    pub async fn dismissed(&self) {
        self.leave.notified().await;
    }

    /// Work on a whole request of this connection begins; until the guard is dropped it need not leave.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.set_busy(true);
        Busy(Arc::clone(self))
    }

    fn set_busy(&self, is_busy: bool) {
        if let Some(one) = self.seats.open().seats.get_mut(&self.number) {
            one.is_busy = is_busy;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.open().seats.remove(&self.number);
        self.seats.0.changed.notify_one();
    }
}

/// A connection on whose request somebody works.
pub struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_busy(false);
        self.0.seats.0.changed.notify_one();
    }
}

/// Accepts connections; what it needs to remember between two of them.
pub struct Acceptor {
    seats: Seats,
    failures: u32,
    not_before: Option<Instant>,
    /// Errors that were not logged yet, and when the next may be.
    unlogged: u64,
    log_from: Option<Instant>,
}

impl Acceptor {
    /// For a listener with these seats.
    pub fn new(seats: Seats) -> Self {
        Self {
            seats,
            failures: 0,
            not_before: None,
            unlogged: 0,
            log_from: None,
        }
    }

    /// The next connection and its seat. After an error it waits, longer each time, and logs the first and then their
    /// count now and then, also where connections are accepted in between. Nothing is lost when it is dropped before it ends.
    pub async fn accept(&mut self, listener: &TcpListener) -> (TcpStream, Arc<Seat>) {
        loop {
            if let Some(at) = self.not_before {
                sleep_until(at).await;
                self.not_before = None;
            }
            while !self.seats.has_room() {
                self.seats.0.changed.notified().await;
            }
            match listener.accept().await {
                Ok((tcp, _)) => {
                    self.failures = 0;
                    if let Some(seat) = self.seats.take() {
                        return (tcp, Arc::new(seat));
                    }
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.failures = self.failures.saturating_add(1);
        self.unlogged += 1;
        let now = Instant::now();
        if self.log_from.is_none_or(|from| from <= now) {
            let failures = std::mem::take(&mut self.unlogged);
            tracing::warn!(%error, failures, "connections cannot be accepted");
            self.log_from = Some(now + LOG_EVERY);
        }
        // Most likely the process is out of file handles: one that waits has one.
        self.seats.open().dismiss();
        let wait = WAIT_FIRST.saturating_mul(1 << (self.failures - 1).min(10));
        self.not_before = Some(now + wait.min(WAIT_MAX));
    }
}

/// How many file handles this process may have; none where the system does not say.
fn handles_max() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_by_the_oldest_that_waits_and_never_by_one_at_work() {
        let seats = Seats::exactly(3);
        let taken: Vec<Arc<Seat>> = (0..3).map(|_| Arc::new(seats.take().unwrap())).collect();
        let work = taken[0].busy();
        let fourth = seats.take().unwrap();
        let left: Vec<u64> = seats.open().seats.keys().copied().collect();
        assert_eq!(left, [taken[0].number, taken[2].number, fourth.number]);
        let more = [taken[2].busy(), Arc::new(fourth).busy()];
        assert!(seats.take().is_none() && !seats.has_room());
        drop(work);
        assert!(seats.has_room());
        drop(more);
        drop(taken);
        assert_eq!(seats.open().seats.len(), 0);
    }

    #[test]
    fn this_process_has_a_limit_of_handles() {
        assert!(handles_max() > Some(8));
    }
}
