//! Orders: how to answer requests whose address does not say it.

use serde::{Deserialize, Serialize};

use super::behaviour::{Behaviour, InvalidBehaviour};
use super::limits::{DELAY_MS_MAX, ORDERS_MAX};

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whose path begins with this, whole parts only, is meant.
    pub path: String,
    /// How it is answered.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// So many requests, then the order is over; none for all.
    #[serde(default)]
    pub times: Option<u32>,
    /// So many requests go by before it begins.
    #[serde(default)]
    pub after: u32,
}

/// Why an order is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// Its behaviour.
    #[error("{0}")]
    Behaviour(#[from] InvalidBehaviour),
    /// Its path.
    #[error("the path must begin with a slash")]
    Path,
    /// One too many.
    #[error("there are {ORDERS_MAX} orders already")]
    TooMany,
}

/// The orders that apply now.
#[derive(Debug, Default)]
pub struct Orders {
    standing: Vec<Order>,
}

impl Orders {
    /// Takes an order; one for the same path is over.
    ///
    /// # Errors
    /// [`InvalidOrder`] says why it cannot be taken.
    pub fn put(&mut self, mut order: Order) -> Result<(), InvalidOrder> {
        order.behaviour = order.behaviour.checked()?;
        if !order.path.starts_with('/') {
            return Err(InvalidOrder::Path);
        }
        self.standing.retain(|old| old.path != order.path);
        if self.standing.len() >= ORDERS_MAX {
            return Err(InvalidOrder::TooMany);
        }
        self.standing.push(order);
        Ok(())
    }

    /// Every order is over.
    pub fn clear(&mut self) {
        self.standing.clear();
    }

    /// All of them.
    pub fn standing(&self) -> &[Order] {
        &self.standing
    }

    /// How a request for this path is answered; none when no order is about it. The longest path that
    /// fits is the one.
    pub fn meet(&mut self, path: &str) -> Option<Behaviour> {
        let is_about = |order: &&mut Order| {
            let rest = path.strip_prefix(order.path.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(['/', '?']) || order.path.ends_with('/')
            }) && order.times != Some(0)
        };
        let fitting = self.standing.iter_mut().filter(is_about);
        let order = fitting.max_by_key(|order| order.path.len())?;
        if order.after > 0 {
            order.after -= 1;
            return None;
        }
        order.times = order.times.map(|times| times - 1);
        Some(order.behaviour.clone())
    }
}

/// How long every connection waits before it is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptDelay {
    /// From accepting the connection to its first read, in milliseconds.
    pub accept_ms: u32,
}

impl AcceptDelay {
    /// Whether its delay is within the limit.
    pub fn is_allowed(self) -> bool {
        self.accept_ms <= DELAY_MS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(path: &str, status: u16, times: Option<u32>, after: u32) -> Order {
        let behaviour = Behaviour {
            status,
            ..Behaviour::default()
        };
        Order {
            path: path.to_owned(),
            behaviour,
            times,
            after,
        }
    }

    #[test]
    fn the_longest_path_holds_for_so_many_requests() {
        let mut orders = Orders::default();
        orders.put(order("/a", 500, None, 0)).unwrap();
        orders.put(order("/a/token", 503, Some(2), 1)).unwrap();
        let mut status = |path: &str| orders.meet(path).map(|behaviour| behaviour.status);
        assert_eq!(status("/a/x"), Some(500));
        assert_eq!(status("/a?x"), Some(500));
        assert_eq!(status("/ab"), None);
        let seen = [(); 4].map(|()| status("/a/token"));
        assert_eq!(seen, [None, Some(503), Some(503), Some(500)]);
    }

    #[test]
    fn an_order_that_cannot_be_is_refused() {
        let mut orders = Orders::default();
        assert_eq!(
            orders.put(order("a", 200, None, 0)),
            Err(InvalidOrder::Path)
        );
        let error = orders.put(order("/a", 42, None, 0)).unwrap_err();
        assert_eq!(error.to_string(), "status cannot be \"42\"");
        for number in 0..ORDERS_MAX {
            let path = format!("/{number}");
            orders.put(order(&path, 200, None, 0)).unwrap();
        }
        orders.put(order("/7", 201, None, 0)).unwrap();
        assert_eq!(
            orders.put(order("/x", 200, None, 0)),
            Err(InvalidOrder::TooMany)
        );
    }
}
