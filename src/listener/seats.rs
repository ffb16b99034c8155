//! Seats for connections: a bounded number, so that runs always find a file handle. A new connection gets the seat of
//! the oldest one that does nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;

/// Connections at one time, however many file handles there are.
const CONNECTIONS_MAX: usize = 256;
/// The listener's share of the file handles: one of so many.
const SHARE_OF_HANDLES: usize = 4;
/// A client may have one of so many seats, where clients can be told apart.
const SHARE_OF_CLIENT: usize = 4;

/// The seats of one listener.
#[derive(Clone, Debug)]
pub(super) struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    taken: Mutex<Taken>,
    /// Notified when a seat is free, or its connection waits again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// By number; the lowest is the oldest.
    seats: BTreeMap<u64, Occupant>,
}

#[derive(Debug)]
struct Occupant {
    client: IpAddr,
    is_busy: bool,
    leave: Arc<Notify>,
}

impl Seats {
    /// As many as the file handles of this process allow.
    pub(super) fn of_this_process() -> Self {
        let handles = getrlimit(Resource::Nofile).current;
        let handles = handles.and_then(|handles| usize::try_from(handles).ok());
        Self::new(CONNECTIONS_MAX.min(handles.unwrap_or(usize::MAX) / SHARE_OF_HANDLES))
    }

    fn new(max: usize) -> Self {
        Self(Arc::new(Shared {
            max: max.max(1),
            taken: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections a client may have. All clients of this machine share an address, as do those of a proxy.
    fn of_client(&self, client: IpAddr, are_alike: bool) -> usize {
        if are_alike || client.is_loopback() {
            self.0.max
        } else {
            (self.0.max / SHARE_OF_CLIENT).max(1)
        }
    }

    /// A seat for a new connection of a client. Where all are taken, or the client has its share, the oldest one that
    /// waits must leave; none where all are busy. `are_alike` says that all clients have the same address.
    pub(super) fn take(&self, client: IpAddr, are_alike: bool) -> Option<Seat> {
        let mut taken = self.taken();
        let own = |one: &Occupant| one.client == client;
        let has_share = taken.seats.values().filter(|one| own(one)).count()
            >= self.of_client(client, are_alike);
        let is_fine = match (has_share, taken.seats.len() >= self.0.max) {
            (true, _) => taken.dismiss(own),
            (false, true) => taken.dismiss(|_| true),
            (false, false) => true,
        };
        if !is_fine {
            return None;
        }
        let number = taken.next;
        taken.next += 1;
        let leave = Arc::new(Notify::new());
        let occupant = Occupant {
            client,
            is_busy: false,
            leave: Arc::clone(&leave),
        };
        taken.seats.insert(number, occupant);
        drop(taken);
        Some(Seat {
            number,
            leave,
            seats: self.clone(),
        })
    }

    /// Waits until a new connection would get a seat.
    pub(super) async fn free(&self) {
        let has_room = || {
            let taken = self.taken();
            taken.seats.len() < self.0.max || taken.seats.values().any(|one| !one.is_busy)
        };
        while !has_room() {
            self.0.changed.notified().await;
        }
    }

    /// Lets the oldest that waits leave: its file handle is needed.
    pub(super) fn make_room(&self) {
        self.taken().dismiss(|_| true);
    }
}

impl Taken {
    /// Lets the oldest leave that waits and is meant; false where there is none.
    fn dismiss(&mut self, is_meant: impl Fn(&Occupant) -> bool) -> bool {
        let mut seats = self.seats.iter();
        let waits = seats.find(|(_, one)| !one.is_busy && is_meant(one));
        let Some(number) = waits.map(|(number, _)| *number) else {
            return false;
        };
        if let Some(one) = self.seats.remove(&number) {
            one.leave.notify_one();
        }
        true
    }
}

/// The seat of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    leave: Arc<Notify>,
    seats: Seats,
}

impl Seat {
    /// Ends when the connection must leave.
    pub(super) async fn dismissed(&self) {
        self.leave.notified().await;
    }

    /// A whole request is there. Until the guard is dropped the connection need not leave.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.set_busy(true);
        Busy(Arc::clone(self))
    }

    fn set_busy(&self, is_busy: bool) {
        if let Some(one) = self.seats.taken().seats.get_mut(&self.number) {
            one.is_busy = is_busy;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().seats.remove(&self.number);
        self.seats.0.changed.notify_one();
    }
}

/// A connection whose request is answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_busy(false);
        self.0.seats.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn far(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn numbers(seats: &Seats) -> Vec<u64> {
        seats.taken().seats.keys().copied().collect()
    }

    #[test]
    fn the_oldest_that_waits_leaves_and_never_one_that_is_answered() {
        let seats = Seats::new(2);
        let first = Arc::new(seats.take(NEAR, false).unwrap());
        let busy = first.busy();
        let second = Arc::new(seats.take(NEAR, false).unwrap());
        let third = Arc::new(seats.take(NEAR, false).unwrap());
        assert_eq!(numbers(&seats), [first.number, third.number]);
        let all = [busy, third.busy()];
        assert!(seats.take(NEAR, false).is_none());
        drop(all);
        drop((first, second, third));
        assert!(numbers(&seats).is_empty());
    }

    #[test]
    fn a_client_takes_its_share_and_leaves_the_rest_to_others() {
        let seats = Seats::new(8);
        let other = seats.take(far(2), false).unwrap();
        let own: Vec<_> = (0..6).map(|_| seats.take(far(1), false).unwrap()).collect();
        assert_eq!(
            numbers(&seats),
            [other.number, own[4].number, own[5].number]
        );
        let behind_proxy: Vec<_> = (0..5).map(|_| seats.take(far(1), true).unwrap()).collect();
        assert_eq!(numbers(&seats).len(), 8);
        drop(behind_proxy);
    }

    #[test]
    fn this_process_has_a_share_of_its_handles() {
        let seats = Seats::of_this_process();
        assert!((2..=CONNECTIONS_MAX).contains(&seats.0.max));
    }
}
