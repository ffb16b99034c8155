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
/// Connections that leave at one time when all seats are taken, so that a flood is accepted as fast as it comes.
const LEAVING_MAX: usize = 4;
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
    /// It was told to leave, and still has its file handle.
    is_leaving: bool,
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

    /// Waits until there is a seat for a new connection. Where all are taken the oldest ones that wait must leave; a
    /// file handle is free when one has left, so the new one waits for that.
    pub(super) async fn free(&self) {
        let is_free = || {
            let mut taken = self.taken();
            if taken.seats.len() < self.0.max {
                return true;
            }
            let leaving = taken.seats.values().filter(|one| one.is_leaving).count();
            for _ in leaving..LEAVING_MAX.min(self.0.max.div_ceil(2)) {
                taken.dismiss(|_| true);
            }
            false
        };
        while !is_free() {
            self.0.changed.notified().await;
        }
    }

    /// A seat for a new connection of a client. Where the client has its share, its oldest one that waits must leave;
    /// none where all of them are busy. `are_alike` says that all clients have the same address.
    pub(super) fn take(&self, client: IpAddr, are_alike: bool) -> Option<Seat> {
        let mut taken = self.taken();
        let own = |one: &Occupant| one.client == client;
        let count = taken.seats.values().filter(|one| own(one)).count();
        if count >= self.of_client(client, are_alike) && !taken.dismiss(own) {
            return None;
        }
        let number = taken.next;
        taken.next += 1;
        let leave = Arc::new(Notify::new());
        let occupant = Occupant {
            client,
            is_busy: false,
            is_leaving: false,
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

    /// Lets the oldest that waits leave: its file handle is needed.
    pub(super) fn make_room(&self) {
        self.taken().dismiss(|_| true);
    }
}

impl Taken {
    /// Lets the oldest leave that waits and is meant; false where there is none.
    fn dismiss(&mut self, is_meant: impl Fn(&Occupant) -> bool) -> bool {
        let mut seats = self.seats.values_mut();
        let waits = seats.find(|one| !one.is_busy && !one.is_leaving && is_meant(one));
        let Some(one) = waits else {
            return false;
        };
        one.is_leaving = true;
        one.leave.notify_one();
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

    fn leaving(seats: &Seats) -> Vec<u64> {
        let taken = seats.taken();
        let leaving = taken.seats.iter().filter(|(_, one)| one.is_leaving);
        leaving.map(|(number, _)| *number).collect()
    }

    /// Whether there is a seat at once.
    async fn is_free(seats: &Seats) -> bool {
        tokio::select! {
            biased;
            () = seats.free() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_oldest_that_waits_leaves_and_its_seat_is_free_when_it_has_left() {
        let seats = Seats::new(2);
        let first = Arc::new(seats.take(NEAR, false).unwrap());
        let busy = first.busy();
        let second = Arc::new(seats.take(NEAR, false).unwrap());
        assert!(!is_free(&seats).await && !is_free(&seats).await);
        assert_eq!(leaving(&seats), [second.number]);
        second.dismissed().await;
        drop(second);
        assert!(is_free(&seats).await);
        let third = Arc::new(seats.take(NEAR, false).unwrap());
        let both = [busy, third.busy()];
        assert!(!is_free(&seats).await);
        assert!(
            leaving(&seats).is_empty(),
            "one that is answered does not leave"
        );
        drop(both);
        assert!(!is_free(&seats).await);
        assert_eq!(leaving(&seats), [first.number]);
    }

    #[test]
    fn a_client_takes_its_share_and_leaves_the_rest_to_others() {
        let seats = Seats::new(8);
        let other = seats.take(far(2), false).unwrap();
        let own: Vec<_> = (0..4).map(|_| seats.take(far(1), false).unwrap()).collect();
        assert_eq!(leaving(&seats), [own[0].number, own[1].number]);
        assert!(seats.take(far(2), true).is_some() && seats.take(NEAR, false).is_some());
        assert_eq!(leaving(&seats).len(), 2);
        drop(other);
    }

    #[test]
    fn this_process_has_a_share_of_its_handles() {
        let seats = Seats::of_this_process();
        assert!((2..=CONNECTIONS_MAX).contains(&seats.0.max));
    }
}
