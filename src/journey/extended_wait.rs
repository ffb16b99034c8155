//! A wait whose end moves while it goes on: limits in time are extended by our own delay so far.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use outrider_domain::clock::{Clock, Lag};

/// What came with the timer takes some turns until the work has taken it in: a head, its body, the end of it.
const LAST_TURNS: u8 = 4;

/// Does some work until an end, which is asked for again whenever it seems to have come; none when it
/// came first. The timer is not the event that the work waits for, so it adds no own delay.
pub(super) async fn until<T>(
    work: impl Future<Output = T>,
    end: impl Fn() -> Instant,
    lag: &Lag,
    clock: &Clock,
) -> Option<T> {
    let mut work = pin!(work);
    let mut timer = pin!(tokio::time::sleep_until(end().into()));
    let mut turns_left = LAST_TURNS;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        let waker = lag.unmarked_waker().unwrap_or_else(|| cx.waker().clone());
        loop {
            // Work that uses up the turn's budget each time must not hide the timer.
            let unconstrained = pin!(tokio::task::unconstrained(timer.as_mut()));
            ready!(unconstrained.poll(&mut Context::from_waker(&waker)));
            let end = end();
            if clock.instant() >= end {
                if turns_left == 0 {
                    return Poll::Ready(None);
                }
                turns_left -= 1;
                waker.wake_by_ref();
                return Poll::Pending;
            }
            timer.as_mut().reset(end.into());
        }
    })
    .await
}
