//! The book of one partner's orders: which request meets which fault, and what has been met.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use exchange_kit::random::Stream;
use serde::Serialize;

use super::kind::{Fault, Leaf, Point};
use super::operation::Operation;
use super::order::{Mistake, Order};

/// Most orders at once; one more is refused.
const ORDERS_MAX: usize = 64;
/// Most hits that are remembered; older ones are forgotten.
const HITS_MAX: usize = 10_000;

/// An order that is on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Its number at this partner; numbers are not used twice.
    pub number: u64,
    /// As it was given.
    #[serde(flatten)]
    pub order: Order,
    /// Requests that it was about.
    pub asked: u64,
    /// Requests of them that met the fault.
    pub hits: u64,
}

/// One request that met a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// The order.
    pub order: u64,
    /// Its fault.
    pub fault: Fault,
    /// What was asked for.
    pub operation: Operation,
    /// Which of the requests that the order was about, counted from 1.
    pub request: u64,
}

/// A fault that a request meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub fault: Fault,
    /// Its delay, if it has one of its own.
    pub millis: Option<u64>,
    /// The one member that its order is about.
    pub member: Option<String>,
}

impl Hit {
    /// The fault alone.
    pub fn of(fault: Fault) -> Self {
        Self {
            fault,
            millis: None,
            member: None,
        }
    }
}

/// All faults that one request meets. Travels with the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits(pub Vec<Hit>);

impl Hits {
    /// Whether that fault is among them.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.iter().any(|hit| hit.fault == fault)
    }

    /// Whether that fault is among them for a member; each is meant when its order names none.
    pub fn has_for(&self, fault: Fault, member: Option<&str>) -> bool {
        self.0.iter().any(|hit| {
            hit.fault == fault && (hit.member.is_none() || hit.member.as_deref() == member)
        })
    }

    /// Those that take hold at that point.
    pub fn at(&self, point: Point) -> impl Iterator<Item = &Hit> {
        self.0.iter().filter(move |hit| hit.fault.point() == point)
    }
}

/// The orders of one partner.
#[derive(Debug, Default)]
pub struct Book {
    last: u64,
    orders: Vec<Standing>,
    log: VecDeque<Logged>,
}

impl Book {
    /// Takes an order; its number.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub fn add(&mut self, order: Order) -> Result<u64, Mistake> {
        if self.orders.len() >= ORDERS_MAX {
            return Err(Mistake {
                what: format!("{ORDERS_MAX} faults are on already"),
                cure: "clear some of them".to_owned(),
            });
        }
        self.last += 1;
        self.orders.push(Standing {
            number: self.last,
            order,
            asked: 0,
            hits: 0,
        });
        Ok(self.last)
    }

    /// Forgets an order; whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let before = self.orders.len();
        self.orders.retain(|one| one.number != number);
        self.orders.len() < before
    }

    /// Forgets every order, and what has been met: the next orders begin anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The orders that are on, the oldest first.
    pub fn standing(&self) -> &[Standing] {
        &self.orders
    }

    /// What has been met, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Logged> {
        self.log.iter()
    }

    /// Whether a listener's fault is on.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.orders.iter().any(|one| one.order.fault == fault)
    }

    /// The fault of the newest order.
    pub fn newest(&self) -> Option<Fault> {
        self.orders.last().map(|one| one.order.fault)
    }

    /// The certificate to be shown: of the newest order that has a say.
    pub fn leaf(&self) -> Leaf {
        let mut newest = self.orders.iter().rev();
        newest
            .find_map(|one| one.order.fault.leaf())
            .unwrap_or_default()
    }

    /// Whether an order on a member covers such a request: only then it is worth asking whom it is about.
    pub fn minds_members(&self, operation: Operation, now: DateTime<Utc>) -> bool {
        let mut orders = self.orders.iter();
        orders.any(|one| one.order.member.is_some() && one.order.covers(operation, now))
    }

    /// What a request meets. `concerns` says whether a fault can show in it at all, `members` whom it is about.
    pub fn ask(
        &mut self,
        operation: Operation,
        now: DateTime<Utc>,
        concerns: impl Fn(Fault) -> bool,
        members: &[String],
    ) -> Hits {
        let mut hits = Vec::new();
        for one in &mut self.orders {
            let order = &one.order;
            let is_meant = order
                .member
                .as_ref()
                .is_none_or(|member| members.contains(member));
            let is_request = order.fault.point() != Point::Listener;
            if !(is_request && order.covers(operation, now) && concerns(order.fault) && is_meant) {
                continue;
            }
            one.asked += 1;
            let times = order.times.or(order.fault.times());
            let is_over = times.is_some_and(|times| one.hits >= times);
            if is_over || !falls(order, one.asked) {
                continue;
            }
            one.hits += 1;
            self.log.push_back(Logged {
                order: one.number,
                fault: order.fault,
                operation,
                request: one.asked,
            });
            hits.push(Hit {
                fault: order.fault,
                millis: order.millis,
                member: order.member.clone(),
            });
        }
        while self.log.len() > HITS_MAX {
            self.log.pop_front();
        }
        Hits(hits)
    }
}

/// Whether request number `n` of an order meets its fault: a function of seed, fault and number alone.
fn falls(order: &Order, n: u64) -> bool {
    let drawn = Stream::new(order.seed, &[order.fault.name(), &n.to_string()]).next_u64();
    let drawn = u32::try_from(drawn >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) < order.probability * f64::from(u32::MAX) || order.probability >= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn ask(book: &mut Book, operation: Operation) -> Hits {
        book.ask(operation, now(), |_| true, &[])
    }

    fn likely(seed: u64) -> Vec<u64> {
        let mut book = Book::default();
        let order = Order {
            probability: 0.3,
            seed,
            ..Order::plain(Fault::Latency)
        };
        book.add(order).unwrap();
        for _ in 0..1_000 {
            ask(&mut book, Operation::Status);
        }
        book.log().map(|one| one.request).collect()
    }

    #[test]
    fn the_same_seed_meets_the_same_requests_again() {
        assert_eq!(likely(1), likely(1));
        assert_ne!(likely(1), likely(2));
        assert!((250..350).contains(&likely(1).len()), "{}", likely(1).len());
    }

    #[test]
    fn several_orders_hold_at_once_each_within_its_bounds() {
        let mut book = Book::default();
        let later = now() + chrono::Duration::seconds(1);
        book.add(Order::plain(Fault::MorePolls)).unwrap();
        let operation = Some(Operation::Token);
        book.add(Order {
            operation,
            ..Order::plain(Fault::Latency)
        })
        .unwrap();
        book.add(Order {
            start: Some(later),
            ..Order::plain(Fault::TokenRefused)
        })
        .unwrap();
        book.add(Order {
            end: Some(now()),
            ..Order::plain(Fault::TokenOutage)
        })
        .unwrap();
        let member = Some("or-m0002".to_owned());
        book.add(Order {
            member,
            ..Order::plain(Fault::ServerError)
        })
        .unwrap();
        let faults =
            |hits: Hits| -> Vec<Fault> { hits.0.into_iter().map(|hit| hit.fault).collect() };
        assert_eq!(faults(ask(&mut book, Operation::Token)), [Fault::Latency]);
        let meant = book.ask(
            Operation::BulkMatch,
            now(),
            |_| true,
            &["or-m0002".to_owned()],
        );
        assert_eq!(faults(meant), [Fault::ServerError]);
        assert_eq!(faults(ask(&mut book, Operation::BulkMatch)), []);
        for expected in [1, 1, 0] {
            assert_eq!(ask(&mut book, Operation::Status).0.len(), expected);
        }
        assert!(book.minds_members(Operation::DataExport, now()));
        assert!(!book.minds_members(Operation::Token, now()));
        assert!(book.remove(1) && !book.remove(1));
    }

    #[test]
    fn orders_and_hits_are_bounded() {
        let mut book = Book::default();
        for _ in 0..ORDERS_MAX {
            book.add(Order::plain(Fault::Latency)).unwrap();
        }
        assert!(book.add(Order::plain(Fault::Latency)).is_err());
        for _ in 0..HITS_MAX / ORDERS_MAX + 10 {
            ask(&mut book, Operation::Status);
        }
        assert_eq!(book.log().count(), HITS_MAX);
        book.clear();
        assert_eq!(book.log().count() + book.standing().len(), 0);
    }
}
