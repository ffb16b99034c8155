//! How much of a request's time was ours: this machine's run queue, and other work of our own thread.
//!
//! Two things are measured beside a walk, both as "at most": how long its thread had been at other
//! work each time when the walk got its turn, and how long the thread itself waited for a processor,
//! which Linux counts for each thread. What a hypervisor takes away is seen by neither.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Clock;

/// Where Linux tells of one thread: time on a processor, time in wait for one, turns; nanoseconds.
const SCHEDSTAT: &str = "/proc/thread-self/schedstat";
/// Three numbers of up to twenty digits.
const SCHEDSTAT_BYTES_MAX: usize = 64;

/// A look for events that ends so soon found them waiting; one that takes longer slept until they came.
const LOOK_MAX: Duration = Duration::from_micros(200);

thread_local! {
    static TURNS: Cell<Turns> = const { Cell::new(Turns { looks_at: None, looked_at: None, since: None }) };
    /// The kernel's account of this thread; none where there is none.
    static ACCOUNT: RefCell<Option<File>> = RefCell::new(File::open(SCHEDSTAT).ok());
}

/// The turns of one thread of the runtime: it looks for events, sleeping until there are some, and then
/// does the work that they bring.
#[derive(Clone, Copy, Debug)]
struct Turns {
    /// When it began to look, last.
    looks_at: Option<Instant>,
    /// When it had looked, last.
    looked_at: Option<Instant>,
    /// Since when the events of this turn may have waited: not before the look before, which would have
    /// found them, and not before the end of a sleep, which they ended.
    since: Option<Instant>,
}

/// A thread of the runtime looks for events, or sleeps: to be called by the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock module asks for the time"
)]
pub fn parks() {
    TURNS.set(Turns {
        looks_at: Some(Instant::now()),
        ..TURNS.get()
    });
}

/// A thread of the runtime has found events: to be called by the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock module asks for the time"
)]
pub fn woke() {
    let (now, before) = (Instant::now(), TURNS.get());
    let slept = before.looks_at.is_none_or(|at| now - at > LOOK_MAX);
    TURNS.set(Turns {
        looked_at: Some(now),
        since: if slept { Some(now) } else { before.looked_at },
        ..before
    });
}

/// What held one walk up so far.
#[derive(Clone, Debug)]
pub struct Lag {
    clock: Clock,
    /// Nanoseconds of other work of our own.
    other_work: Arc<AtomicU64>,
}

impl Lag {
    /// Nothing yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            other_work: Arc::default(),
        }
    }

    /// At most so much, since some begin: only differences mean something, taken on one thread.
    pub fn so_far(&self) -> Duration {
        let other_work = Duration::from_nanos(self.other_work.load(Ordering::Relaxed));
        other_work + waited_for_a_processor()
    }

    /// Measures a walk while it goes on.
    pub async fn measured<T>(&self, walk: impl Future<Output = T>) -> T {
        let mut walk = pin!(walk);
        let mut ended: Option<Instant> = None;
        std::future::poll_fn(move |cx| {
            let now = self.clock.instant();
            // What woke the walk came after its last turn.
            let since = TURNS.get().since.into_iter().chain(ended).max();
            let held_up =
                since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
            let nanos = u64::try_from(held_up.as_nanos()).unwrap_or(u64::MAX);
            self.other_work.fetch_add(nanos, Ordering::Relaxed);
            let polled = walk.as_mut().poll(cx);
            ended = Some(self.clock.instant());
            polled
        })
        .await
    }
}

/// How long this thread has waited for a processor since it began; zero where nobody counts that.
fn waited_for_a_processor() -> Duration {
    ACCOUNT.with_borrow(|account| {
        let mut bytes = [0; SCHEDSTAT_BYTES_MAX];
        let read = account
            .as_ref()
            .and_then(|account| account.read_at(&mut bytes, 0).ok());
        let text = bytes.get(..read.unwrap_or_default()).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        let waited = text.split_ascii_whitespace().nth(1);
        let nanos = waited.and_then(|waited| waited.parse().ok());
        Duration::from_nanos(nanos.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(clock: &Clock, time: Duration) {
        let began = clock.instant();
        while clock.instant() - began < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn other_work_of_the_thread_counts_and_the_walks_own_does_not() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .on_thread_park(parks)
            .on_thread_unpark(woke)
            .build()
            .unwrap();
        let clock = Clock::real();
        let time = Duration::from_millis(40);
        let walk = |beside: bool| {
            let clock = clock.clone();
            runtime.block_on(async move {
                tokio::spawn(async move {
                    let lag = Lag::new(&clock);
                    let waiting = lag.clone();
                    let other = clock.clone();
                    let walk = lag.measured(async move {
                        if beside {
                            // Ready at once, and in the queue before the timer ends.
                            tokio::spawn(async move {
                                tokio::time::sleep(Duration::from_millis(4)).await;
                                busy(&other, time);
                            });
                        } else {
                            busy(&other, time);
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    });
                    walk.await;
                    Duration::from_nanos(waiting.other_work.load(Ordering::Relaxed))
                })
                .await
                .unwrap()
            })
        };
        let held_up = walk(true);
        assert!(held_up >= time / 2, "{held_up:?}");
        assert!(walk(false) < time / 2);
    }

    #[test]
    fn this_machine_counts_the_wait_for_a_processor() {
        let (before, after) = (waited_for_a_processor(), waited_for_a_processor());
        assert!(after >= before);
        let account = File::open(SCHEDSTAT).unwrap();
        let mut text = [0; SCHEDSTAT_BYTES_MAX];
        let read = account.read_at(&mut text, 0).unwrap();
        let fields = text[..read].split(u8::is_ascii_whitespace).count();
        assert!(fields >= 3, "{fields} numbers");
    }
}
