//! How much of a request's time was ours: this machine's run queue, and other work of our own thread.
//!
//! Two things are measured next to a run, both as "at most": how long its thread had been at other
//! work each time when the run got its turn, and how long the thread itself waited for a processor,
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
    TURNS.set(TURNS.get().after_a_look(Instant::now()));
}

impl Turns {
    fn after_a_look(self, now: Instant) -> Self {
        let slept = self.looks_at.is_none_or(|at| now - at > LOOK_MAX);
        Self {
            looked_at: Some(now),
            since: if slept { Some(now) } else { self.looked_at },
            ..self
        }
    }

    /// How long a run that gets its turn now may have waited for it, since its last turn ended.
    fn held_up(self, ended: Option<Instant>, now: Instant) -> Duration {
        // What woke the run came after its last turn.
        let since = self.since.into_iter().chain(ended).max();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// What delayed one run so far.
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

    /// Measures a run while it goes on.
    pub async fn measured<T>(&self, run: impl Future<Output = T>) -> T {
        let mut run = pin!(run);
        let mut ended: Option<Instant> = None;
        std::future::poll_fn(move |cx| {
            let held_up = TURNS.get().held_up(ended, self.clock.instant());
            let nanos = u64::try_from(held_up.as_nanos()).unwrap_or(u64::MAX);
            self.other_work.fetch_add(nanos, Ordering::Relaxed);
            let polled = run.as_mut().poll(cx);
            ended = Some(self.clock.instant());
            polled
        })
        .await
    }
}

/// How long this thread has waited for a processor since it began; zero where the kernel does not count that.
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
    fn other_work_of_the_thread_counts_and_neither_sleep_nor_the_walks_own_turn_does() {
        let begin = Clock::real().instant();
        let at = |millis| begin + Duration::from_millis(millis);
        let none = Turns {
            looks_at: None,
            looked_at: None,
            since: None,
        };
        let looks = |turns: Turns, at| Turns {
            looks_at: Some(at),
            ..turns
        };
        // It slept from 0 to 100, and works on something else until 130.
        let slept = looks(none, at(0)).after_a_look(at(100));
        let waited = |turns: Turns, ended, now| turns.held_up(ended, at(now)).as_millis();
        assert_eq!(waited(slept, None, 130), 30);
        // The run's own turn ended at 125.
        assert_eq!(waited(slept, Some(at(125)), 130), 5);
        // The next look finds events at once: they may have waited since the look before.
        let busy = looks(slept, at(150)).after_a_look(at(150));
        assert_eq!(waited(busy, Some(at(90)), 160), 60);
        assert_eq!(waited(busy, Some(at(140)), 160), 20);
        assert_eq!(waited(none, None, 7), 0, "no turn yet");
    }

    #[test]
    fn the_runtime_tells_a_walk_of_other_work() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_park(parks)
            .on_thread_unpark(woke)
            .build()
            .unwrap();
        let clock = Clock::real();
        let time = Duration::from_millis(40);
        let lag = Lag::new(&clock);
        let own = lag.clone();
        let run = async move {
            let (ready, woken) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                ready.send(()).unwrap();
                busy(&clock, time);
            });
            woken.await.unwrap();
        };
        let run = runtime.spawn(async move { own.measured(run).await });
        runtime.block_on(run).unwrap();
        let held_up = Duration::from_nanos(lag.other_work.load(Ordering::Relaxed));
        assert!(held_up >= time, "{held_up:?}");
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
