//! How much of a run's time was ours: other work of our own thread, and the wait for a processor.
//!
//! What is measured is the time from the event that a run waited for to the turn of the run, as "at
//! most": an event that woke a thread came when the thread woke, less the time that it then waited for
//! a processor; an event that was found between two pieces of work came after the look for events
//! before that one. What a hypervisor takes away while the thread sleeps is not seen.
//!
//! The runtime's thread counts its turns at all times, by the monotonic clock alone. What Linux counts
//! of the thread is read only where a sleep or a turn was so long that it may hide a wait.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use super::Clock;

/// Where Linux tells of one thread: time on a processor, time in wait for one, turns; nanoseconds.
const SCHEDSTAT: &str = "/proc/thread-self/schedstat";
/// Three numbers of up to twenty digits.
const SCHEDSTAT_BYTES_MAX: usize = 64;

/// A look for events that ends so soon found them waiting; one that takes longer slept until they came.
const LOOK_MAX: Duration = Duration::from_micros(200);
/// After long work a look may take longer on a slow machine, and still find what came meanwhile: up to one part in so
/// many of that work. As events come at any time alike, few came in the look itself.
const LOOK_OF_WORK: u32 = 20;
/// While a run goes on something of its own ends each sleep of its thread at least so often. What a sleep took longer
/// this machine stood still: suspended or stopped, which the kernel counts as no wait.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// Timers ring this late without anybody having stood still.
const HEARTBEAT_SLACK: Duration = Duration::from_millis(10);
/// A sleep or a turn below this cannot hide a wait for a processor that matters.
const HIDING_MIN: Duration = Duration::from_millis(1);
/// A turn of a run's own that takes so long may have waited for a processor in its midst. The work itself is what the
/// partner sent: a flood of bytes is never our delay.
const OWN_TURN_MIN: Duration = Duration::from_millis(1);

thread_local! {
    static TURNS: Cell<Turns> = const { Cell::new(Turns::NONE) };
    /// The kernel's account of this thread; none where there is none.
    static ACCOUNT: RefCell<Option<File>> = RefCell::new(File::open(SCHEDSTAT).ok());
}

/// The turns of one thread of the runtime: it looks for events, sleeping until there are some, and then
/// does the work that they bring.
#[derive(Clone, Copy, Debug)]
struct Turns {
    /// When it began to look, last.
    looks_at: Option<Instant>,
    /// When it first woke a run in a look, last: events are found about then, before all are delivered.
    first_woken: Option<Instant>,
    /// When it had looked, last.
    looked_at: Option<Instant>,
    /// The same of the look before.
    looked_before: Option<Instant>,
    /// How long it waited for a processor after the event that ended its sleep.
    waited: Duration,
    /// What the kernel had counted of its waits when that was read last.
    account: Duration,
}

/// A thread of the runtime looks for events, or sleeps: to be called by the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock module asks for the time"
)]
pub fn parks() {
    let now = Instant::now();
    let mut turns = TURNS.get();
    // A wait within the turn is not part of the sleep to come.
    if turns.looked_at.is_none_or(|at| now - at >= HIDING_MIN) {
        turns.account = waited_for_a_processor();
    }
    turns.looks_at = Some(now);
    TURNS.set(turns);
}

/// A thread of the runtime has found events: to be called by the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock module asks for the time"
)]
pub fn woke() {
    TURNS.set(
        TURNS
            .get()
            .after_a_look(Instant::now(), waited_for_a_processor),
    );
}

impl Turns {
    const NONE: Self = Self {
        looks_at: None,
        first_woken: None,
        looked_at: None,
        looked_before: None,
        waited: Duration::ZERO,
        account: Duration::ZERO,
    };

    fn after_a_look(self, now: Instant, account: impl FnOnce() -> Duration) -> Self {
        let slept = self.looks_at.map_or(Duration::ZERO, |at| now - at);
        let worked = self.looks_at.zip(self.looked_at);
        let worked = worked.map_or(Duration::ZERO, |(at, since)| {
            at.saturating_duration_since(since)
        });
        let mut turns = Self {
            looked_at: Some(now),
            looked_before: self.looked_at,
            waited: Duration::ZERO,
            ..self
        };
        // After a long turn it matters whether a look slept or only waited for a processor to end.
        if slept >= HIDING_MIN || (slept > LOOK_MAX && worked >= HIDING_MIN) {
            turns.account = account();
            let stood_still = slept.saturating_sub(HEARTBEAT + HEARTBEAT_SLACK);
            let waited = turns.account.saturating_sub(self.account);
            turns.waited = waited.max(stood_still).min(slept);
            if self.first_woken < self.looks_at {
                // It came back for no event (the end of a stop does that); the next look finds what came meanwhile.
                turns.looked_at = now.checked_sub(stood_still);
            }
        }
        turns
    }

    /// The thread wakes a run.
    fn wakes(self, now: Instant) -> Self {
        let is_looking = self.looks_at > self.looked_at;
        if is_looking && self.first_woken < self.looks_at {
            return Self {
                first_woken: Some(now),
                ..self
            };
        }
        self
    }

    /// How long a run that gets its turn now may have waited for it. It was woken then, and its last
    /// turn ended then: what woke it came later.
    fn held_up(self, woken: Instant, ended: Instant, now: Instant) -> Duration {
        let since = match (self.looks_at, self.looked_at) {
            // The last look found it.
            (Some(looks_at), Some(looked_at)) if (looks_at..=looked_at).contains(&woken) => {
                let found = self.first_woken.filter(|at| *at >= looks_at);
                let found = found.map_or(woken, |found| found.min(woken));
                let slept = (found - looks_at).saturating_sub(self.waited);
                let worked = self.looked_before.map_or(Duration::ZERO, |before| {
                    looks_at.saturating_duration_since(before)
                });
                if slept > LOOK_MAX.max(worked / LOOK_OF_WORK) {
                    found.checked_sub(self.waited)
                } else {
                    self.looked_before
                }
            }
            // A look within the turn may have found it, which the runtime does not report.
            (_, Some(looked_at)) if woken > looked_at => Some(looked_at),
            // Another thread woke it.
            _ => None,
        };
        let since = since.unwrap_or(woken).max(ended);
        now.saturating_duration_since(since)
    }
}

/// What delayed one run so far.
#[derive(Clone, Debug)]
pub struct Lag {
    clock: Clock,
    run: Arc<MeasuredRun>,
}

#[derive(Debug)]
struct MeasuredRun {
    clock: Clock,
    /// Times are kept in nanoseconds since then; 0 is none.
    base: Instant,
    /// When the run was woken, since its last turn.
    woken_at: AtomicU64,
    /// When the run's turn began, while it goes on.
    turn_began: AtomicU64,
    /// Nanoseconds of own delay.
    own_delay: AtomicU64,
    /// What wakes the task of the run.
    task: Mutex<Option<Waker>>,
}

impl MeasuredRun {
    fn since_base(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.base)).max(1)
    }

    fn at(&self, nanos: u64) -> Option<Instant> {
        (nanos > 0).then(|| self.base + Duration::from_nanos(nanos))
    }

    fn task(&self) -> Option<Waker> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone()
    }

    fn set_task(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    fn add(&self, own_delay: Duration) {
        self.own_delay
            .fetch_add(nanos(own_delay), Ordering::Relaxed);
    }
}

impl Wake for MeasuredRun {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let now = self.clock.instant();
        TURNS.set(TURNS.get().wakes(now));
        let now = self.since_base(now);
        // The first event since the last turn counts.
        let _later = self
            .woken_at
            .compare_exchange(0, now, Ordering::AcqRel, Ordering::Relaxed);
        if let Some(task) = self.task() {
            task.wake();
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Lag {
    /// Nothing yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            run: Arc::new(MeasuredRun {
                clock: clock.clone(),
                base: clock.instant(),
                woken_at: AtomicU64::new(0),
                turn_began: AtomicU64::new(0),
                own_delay: AtomicU64::new(0),
                task: Mutex::new(None),
            }),
        }
    }

    /// The own delay of the run so far, at most.
    pub fn so_far(&self) -> Duration {
        let own_delay = Duration::from_nanos(self.run.own_delay.load(Ordering::Relaxed));
        let turn_began = self.run.at(self.run.turn_began.load(Ordering::Relaxed));
        let turn = turn_began.map(|began| self.clock.instant() - began);
        let long = turn.filter(|turn| *turn >= OWN_TURN_MIN);
        own_delay
            + long.map_or(Duration::ZERO, |turn| {
                let account = waited_for_a_processor();
                account.saturating_sub(TURNS.get().account).min(turn)
            })
    }

    /// Adds a time for which other work of ours held the run up.
    pub fn add(&self, own_delay: Duration) {
        self.run.add(own_delay);
    }

    /// Takes out what was added in a time that no limit covers.
    pub fn forget(&self, own_delay: Duration) {
        let less = |now: u64| Some(now.saturating_sub(nanos(own_delay)));
        let kept = &self.run.own_delay;
        // The update always has a new value.
        let _before = kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Wakes the run without a sign that something came that it waited for: for timers that watch a
    /// wait. None before the run has begun.
    pub fn unmarked_waker(&self) -> Option<Waker> {
        self.run.task()
    }

    /// Measures a run while it goes on.
    pub async fn measured<T>(&self, run: impl Future<Output = T>) -> T {
        let mut run = pin!(run);
        let waker = Waker::from(Arc::clone(&self.run));
        let mut ended: Option<Instant> = None;
        std::future::poll_fn(move |cx| {
            let measured = &self.run;
            measured.set_task(cx.waker());
            if ended.is_none() && TURNS.get().account.is_zero() {
                // What the thread waited before is none of this run's.
                TURNS.set(Turns {
                    account: waited_for_a_processor(),
                    ..TURNS.get()
                });
            }
            let now = self.clock.instant();
            let woken = measured.at(measured.woken_at.swap(0, Ordering::AcqRel));
            if let Some((woken, ended)) = woken.zip(ended) {
                let held_up = TURNS.get().held_up(woken, ended, now);
                // A run that gives way in the midst of its work waits for nothing, unless others took their time.
                if woken > ended || held_up >= HIDING_MIN {
                    measured.add(held_up);
                }
            }
            let turn_began = measured.since_base(now);
            measured.turn_began.store(turn_began, Ordering::Relaxed);
            let polled = run.as_mut().poll(&mut Context::from_waker(&waker));
            measured.turn_began.store(0, Ordering::Relaxed);
            let turn_ended = self.clock.instant();
            let turn = turn_ended - now;
            if turn >= OWN_TURN_MIN {
                let account = waited_for_a_processor();
                let turns = TURNS.get();
                measured.add(account.saturating_sub(turns.account).min(turn));
                TURNS.set(Turns { account, ..turns });
            }
            // A turn that nothing of the run's own asked for looked for none of its events.
            if woken.is_some() || ended.is_none() {
                ended = Some(turn_ended);
            }
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
    fn a_run_is_charged_from_its_event_to_its_turn() {
        let begin = Clock::real().instant();
        let ms = Duration::from_millis;
        let at = |millis| begin + ms(millis);
        let looks = |turns: Turns, at| Turns {
            looks_at: Some(at),
            ..turns
        };
        let waited = |turns: Turns, woken, ended, now| {
            turns.held_up(at(woken), at(ended), at(now)).as_millis()
        };
        // It slept from 0 to 100, waited 7 of them for a processor, and works on something else until 130.
        let account = || ms(7);
        let slept = looks(Turns::NONE, at(0)).after_a_look(at(100), account);
        assert_eq!(waited(slept, 100, 0, 130), 37);
        // The run's own turn ended at 125.
        assert_eq!(waited(slept, 100, 125, 130), 5);
        // The next look finds events at once: they may have waited since the look before.
        let busy = looks(slept, at(150)).after_a_look(at(150), || unreachable!());
        assert_eq!(waited(busy, 150, 90, 160), 60);
        assert_eq!(waited(busy, 150, 140, 160), 20);
        // So do those of which many are found, also where it takes long to hand them all out.
        let many = looks(slept, at(150))
            .wakes(at(150))
            .after_a_look(at(158), || ms(7));
        assert_eq!(waited(many, 156, 90, 160), 60);
        // Also where the thread waits for a processor before the look ends: it slept for none of that time.
        for (ends, wait) in [(Duration::from_micros(400), 300), (ms(3), 2_900)] {
            let ends = at(150) + ends;
            let preempted =
                looks(slept, at(150)).after_a_look(ends, || ms(7) + Duration::from_micros(wait));
            let charged = preempted.held_up(ends, at(90), at(160));
            assert_eq!(charged.as_millis(), 60);
        }
        // The runtime looks in the midst of a long turn as well.
        assert_eq!(waited(busy, 170, 90, 175), 25);
        assert_eq!(
            waited(Turns::NONE, 100, 0, 107),
            7,
            "a thread without turns"
        );
    }

    #[test]
    fn a_wait_is_never_longer_than_the_sleep_that_it_ended() {
        let begin = Clock::real().instant();
        let ms = Duration::from_millis;
        let slept = Turns {
            looks_at: Some(begin),
            ..Turns::NONE
        };
        let short = slept.after_a_look(begin + ms(2), || ms(500));
        assert_eq!(short.waited, ms(2));
        // Longer than a thread with a run sleeps: it stood still, which the kernel does not count.
        let stopped = slept.after_a_look(begin + ms(1_510), || Duration::ZERO);
        assert_eq!(stopped.waited, ms(1_000));
        // The stop ended the sleep, and the next look finds the answer at once: it may have been there since.
        let again = Turns {
            looks_at: Some(begin + ms(1_510)),
            ..stopped
        };
        let again = again.after_a_look(begin + ms(1_510), || unreachable!());
        let found = begin + ms(1_510);
        assert_eq!(again.held_up(found, begin, found), ms(1_000));
    }

    /// Runtimes that measure: that of the agent, and that of commands that run once.
    fn runtimes() -> [tokio::runtime::Runtime; 2] {
        let agent = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .on_thread_park(parks)
            .on_thread_unpark(woke)
            .build();
        let once = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .on_thread_park(parks)
            .on_thread_unpark(woke)
            .build();
        [agent.unwrap(), once.unwrap()]
    }

    #[test]
    fn a_run_that_waits_for_other_work_is_charged_with_it() {
        let time = Duration::from_millis(40);
        for runtime in runtimes() {
            let clock = Clock::real();
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
            let held_up = lag.so_far();
            assert!(held_up >= time, "{held_up:?}");
            lag.forget(held_up);
            assert_eq!(lag.so_far(), Duration::ZERO);
        }
    }

    /// Each of them waits a second for something else. Half of that is far more than the delays of a
    /// machine that runs other tests as well.
    #[test]
    fn a_wait_for_a_partner_is_not_ours_on_any_runtime() {
        let bare = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build();
        let [agent, once] = runtimes();
        for runtime in [bare.unwrap(), agent, once] {
            let (ready, woken) = tokio::sync::oneshot::channel();
            let partner = std::thread::spawn(move || {
                std::thread::park_timeout(Duration::from_secs(1));
                ready.send(()).unwrap();
            });
            let lag = Lag::new(&Clock::real());
            // As in a run of the agent, something of its own ends each sleep.
            let heartbeat = async {
                loop {
                    tokio::time::sleep(HEARTBEAT).await;
                }
            };
            let run = async {
                tokio::select! {
                    done = woken => done,
                    () = heartbeat => unreachable!(),
                }
            };
            runtime.block_on(lag.measured(run)).unwrap();
            partner.join().unwrap();
            let own_delay = lag.so_far();
            assert!(own_delay < Duration::from_millis(500), "{own_delay:?}");
        }
    }

    #[test]
    fn a_turn_of_our_own_is_work_and_counts_no_more_than_its_waits() {
        let clock = Clock::real();
        let lag = Lag::new(&clock);
        let [_, runtime] = runtimes();
        let before = waited_for_a_processor();
        runtime.block_on(lag.measured(async {
            busy(&clock, Duration::from_millis(20));
            assert!(lag.so_far() <= waited_for_a_processor() - before);
        }));
        assert!(lag.so_far() <= waited_for_a_processor() - before);
    }

    #[test]
    fn a_timer_that_watches_a_wait_charges_nothing() {
        let [runtime, _] = runtimes();
        let clock = Clock::real();
        let lag = Lag::new(&clock);
        let watched = async {
            let mut timer = pin!(tokio::time::sleep(Duration::from_millis(5)));
            std::future::poll_fn(|_| {
                let waker = lag.unmarked_waker().unwrap();
                timer.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
        };
        runtime.block_on(async {
            tokio::join!(lag.measured(watched), async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                busy(&clock, Duration::from_millis(30));
            })
        });
        assert_eq!(lag.so_far(), Duration::ZERO);
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
