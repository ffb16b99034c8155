//! A schedule under a clock that is moved by hand: set back, and ahead for a while.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::{AgentFault, Plan, names};
use outrider_domain::secret::HashKey;
use tokio::sync::mpsc;

use super::due::DueCounter;
use super::recorder::{self, Recorder};
use super::restore::restore;
use super::scheduler::{Context, Scheduler};
use super::state::SharedState;
use crate::expose::Health;
use crate::ledger::Ledger;

/// So little is a correction of the clock, not a step.
const CORRECTION_MS: i64 = 500;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// One life of an agent, whose schedule looks at the clock when it is told to.
struct Life {
    clock: Clock,
    shared: SharedState,
    health: Health,
    recorder: Recorder,
    scheduler: Scheduler,
}

impl Life {
    /// Begins with the clock ahead of the machine's by so much.
    fn begin(plan: &Arc<Plan>, ahead_ms: i64) -> Self {
        let (clock, health) = (Clock::real(), Health::default());
        clock.step(ahead_ms);
        let path = &plan.settings.ledger;
        let mut ledger = Ledger::open(path, plan.scale, clock.now()).unwrap();
        let shared = restore(plan, &mut ledger, &clock, &health).unwrap();
        let due = ledger.due_through().unwrap();
        let recorder =
            recorder::start(ledger, shared.clone(), clock.clone(), health.clone()).unwrap();
        let context = Context {
            clock: clock.clone(),
            shared: shared.clone(),
            recorder: recorder.sender.clone(),
            health: health.clone(),
            stopping: Arc::<AtomicBool>::default(),
            due: DueCounter::new(due.unwrap_or_else(|| clock.now())),
            hash_key: HashKey::of(b"test"),
        };
        // Nobody asks for follow-up runs: there is no member to look at again.
        let mut scheduler = Scheduler::new(&context, mpsc::channel(1).0);
        scheduler.begin();
        health.schedule(true);
        Self {
            clock,
            shared,
            health,
            recorder,
            scheduler,
        }
    }

    /// Sets the clock, lets the schedule look at it, and waits for the runs that it starts.
    async fn set(&mut self, milliseconds: i64) {
        self.clock.step(milliseconds);
        self.scheduler.run_due().await;
        while self.scheduler.runs.join_next().await.is_some() {}
    }

    /// Lets minutes go by, as small corrections of the clock.
    async fn minutes(&mut self, minutes: i64) {
        for _ in 0..minutes * MINUTE_MS / CORRECTION_MS {
            self.set(CORRECTION_MS).await;
        }
    }

    /// Ends it with every run written; returns what `/readyz` said and what was counted.
    async fn end(mut self) -> Ended {
        self.scheduler.end().await;
        let ready = self.health.told();
        self.recorder.stop().await.unwrap();
        let numbers = self.shared.numbers();
        let ticks = |disposition: &str| {
            let labels = ["p", "j", disposition];
            numbers.counter(&names::TICKS, &labels).unwrap_or_default()
        };
        let faults = [AgentFault::Clock.name()];
        Ended {
            ready: ready.unwrap(),
            ran: ticks("ran") + ticks("late"),
            missed: ticks("missed"),
            clock_faults: numbers.counter(&names::AGENT_FAULTS, &faults).unwrap(),
        }
    }
}

struct Ended {
    ready: String,
    ran: u64,
    missed: u64,
    clock_faults: u64,
}

/// A plan of one probe that is due each minute, at a port where nobody listens.
fn plan(folder: &std::path::Path) -> Arc<Plan> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "outrider.toml",
        "contact = \"ops@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"o.db\"\nlate_after = \"1h\"\n",
    );
    write(
        "partners/p.toml",
        "id = \"p\"\nbase_url = \"http://127.0.0.1:9\"\nenvironment = \"sandbox\"\n[auth]\nkind = \"none\"\n\
         client_id = \"c\"\n[[probe]]\njourney = \"j\"\nevery = \"1m\"\n",
    );
    write(
        "probes/j.toml",
        "id = \"j\"\ndeadline = \"10s\"\ntimeout = \"3s\"\n[[step]]\nid = \"a\"\nuse = \"request\"\n\
         url = \"{{ partner.base_url }}/a\"\n",
    );
    std::fs::create_dir(folder.join("members")).unwrap();
    let plan = config::load(&folder.join("outrider.toml"), None);
    Arc::new(plan.unwrap_or_else(|why| panic!("{why:?}")))
}

/// Rows of ticks; each intended start has one, and all that is counted is proven.
fn rows(plan: &Plan) -> u64 {
    let ledger = Ledger::reader(&plan.settings.ledger).unwrap();
    assert_eq!(ledger.differences().unwrap(), []);
    ledger.stats().unwrap().ticks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_stops_no_schedule_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let mut life = Life::begin(&plan, 0);
    life.minutes(2).await;
    life.set(-60 * MINUTE_MS).await;
    life.minutes(3).await;
    let ended = life.end().await;
    assert!(ended.ready.starts_with("ready\n"), "{}", ended.ready);
    assert!(
        ended.ready.contains("was set back by 3600 s"),
        "{}",
        ended.ready
    );
    assert_eq!((ended.ran, ended.missed, ended.clock_faults), (5, 0, 1));
    assert_eq!(rows(&plan), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_day_ahead_for_ten_seconds_stops_no_schedule_in_this_life_or_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let mut life = Life::begin(&plan, 0);
    life.minutes(2).await;
    life.set(DAY_MS).await;
    life.set(9_999).await;
    life.set(-DAY_MS).await;
    life.minutes(2).await;
    let first = life.end().await;
    assert!(
        first.ready.contains("was set back by 86400 s"),
        "{}",
        first.ready
    );
    assert_eq!(
        first.clock_faults, 3,
        "a day on, ten seconds on, a day back"
    );
    let before = rows(&plan);
    assert_eq!(first.ran + first.missed, before);
    assert!((1_439..=1_441).contains(&first.missed), "{}", first.missed);

    // The machine's clock is right again; what was recorded lies a day ahead.
    let mut life = Life::begin(&plan, 4 * MINUTE_MS + 9_999);
    life.minutes(3).await;
    let second = life.end().await;
    assert!(
        second.ready.contains("the clock was ahead"),
        "{}",
        second.ready
    );
    assert_eq!(second.clock_faults, first.clock_faults + 1);
    // Their rows were written as missed by the clock that was ahead: runs are added to them, and nothing is doubled.
    assert_eq!(rows(&plan), before);
    assert_eq!(second.missed, first.missed);
    let ledger = Ledger::reader(&plan.settings.ledger).unwrap();
    let stats = ledger.stats().unwrap();
    assert_eq!(stats.runs, first.ran + 3, "the schedule goes on at once");
}
