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
    doing: Doing,
    leave: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It waits for a request, or for the rest of one.
    Waiting,
    /// Somebody works on its request.
    Busy,
    /// It was told to make room, and still has its file handle.
    Leaving,
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

    /// A seat for a new connection. When all are taken the oldest that waits must leave, and only when it is gone there
    /// is a seat: until then it has its file handle.
    fn take(&self) -> Option<Seat> {
        let mut open = self.open();
        if open.seats.len() >= self.0.max {
            if open.seats.values().all(|one| one.doing != Doing::Leaving) {
                open.dismiss();
            }
            return None;
        }
        let number = open.next;
        open.next += 1;
        let leave = Arc::new(Notify::new());
        open.seats.insert(
            number,
            Occupant {
                doing: Doing::Waiting,
                leave: Arc::clone(&leave),
            },
        );
        Some(Seat {
            number,
            leave,
            seats: self.clone(),
        })
    }

    /// Whether [`Seats::take`] gives one, now or soon: somebody can leave.
    fn has_room(&self) -> bool {
        let open = self.open();
        open.seats.len() < self.0.max || open.seats.values().any(|one| one.doing != Doing::Busy)
    }
}

impl Open {
    /// Lets the oldest that waits leave.
    fn dismiss(&mut self) {
        let mut all = self.seats.values_mut();
        if let Some(one) = all.find(|one| one.doing == Doing::Waiting) {
            one.doing = Doing::Leaving;
            one.leave.notify_one();
        }
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
        self.change(Doing::Waiting, Doing::Busy);
        Busy(Arc::clone(self))
    }

    fn change(&self, from: Doing, to: Doing) {
        if let Some(one) = self.seats.open().seats.get_mut(&self.number)
            && one.doing == from
        {
            one.doing = to;
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
        self.0.change(Doing::Busy, Doing::Waiting);
        self.0.seats.0.changed.notify_one();
    }
}

/// Accepts connections; what it needs to remember between two of them.
pub struct Acceptor {
    seats: Seats,
    /// A connection that waits for the seat of one that leaves.
    arrived: Option<TcpStream>,
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
            arrived: None,
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
            if let Some(tcp) = self.arrived.take() {
                if let Some(seat) = self.seats.take() {
                    return (tcp, Arc::new(seat));
                }
                self.arrived = Some(tcp);
                self.seats.0.changed.notified().await;
                continue;
            }
            while !self.seats.has_room() {
                self.seats.0.changed.notified().await;
            }
            match listener.accept().await {
                Ok((tcp, _)) => {
                    self.failures = 0;
                    self.arrived = Some(tcp);
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
    fn room_is_made_by_the_oldest_that_waits_once_it_is_gone_and_never_by_one_at_work() {
        let seats = Seats::exactly(3);
        let mut taken: Vec<Arc<Seat>> = (0..3).map(|_| Arc::new(seats.take().unwrap())).collect();
        let work = taken[0].busy();
        // The second must leave, and holds its file handle until it is gone.
        let is_leaving = |number: u64| seats.open().seats[&number].doing == Doing::Leaving;
        assert!(seats.take().is_none() && seats.take().is_none());
        assert!(is_leaving(1) && !is_leaving(2));
        drop(taken.remove(1));
        let fourth = Arc::new(seats.take().unwrap());
        let left: Vec<u64> = seats.open().seats.keys().copied().collect();
        assert_eq!(left, [0, 2, 3]);
        let more = [taken[1].busy(), fourth.busy()];
        assert!(seats.take().is_none() && !seats.has_room());
        drop(work);
        assert!(seats.has_room());
        drop(more);
        drop((taken, fourth));
        assert_eq!(seats.open().seats.len(), 0);
    }

    #[test]
    fn this_process_has_a_limit_of_handles() {
        assert!(handles_max() > Some(8));
    }
}
