//! What the machine no longer gives: space, file handles, sound files. None of it is a partner's fault.

use std::path::{Path, PathBuf};
use std::process::Command;

use outrider::ledger::{Ledger, RunFilter};
use outrider_domain::clock::Clock;
use outrider_domain::model::{Outcome, Scale};

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http};

/// Damaged copies of each file.
const DAMAGES: u64 = 12;

fn config(sandbox: &Sandbox) -> Config {
    Config::at(sandbox, &Pace::patient())
}

fn runs(agent: &Agent) -> f64 {
    agent
        .metrics()
        .sum("outrider_runs_total", &[("outcome", "passed")])
}

/// Waits for so many more passed runs.
fn more_runs(agent: &Agent, more: f64) {
    let before = runs(agent);
    eventually("passed runs", || {
        (runs(agent) >= before + more).then_some(())
    });
}

/// Nothing that the partner did is counted as bad.
fn assert_unblamed(agent: &Agent) {
    let metrics = agent.metrics();
    for bad in ["outrider_sli_bad_total", "outrider_slo_bad_total"] {
        assert!(metrics.sum(bad, &[]) < 0.5, "{}", metrics.0);
    }
}

/// A small file system of its own. It ends with its test; nobody but root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]);
        let is_mounted = mount.arg(&at).status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self(at))
    }

    /// Takes all that is left.
    fn fill(&self) {
        let rest = std::fs::File::create(self.0.join("rest")).unwrap();
        let full = std::io::copy(&mut std::io::repeat(1), &mut &rest);
        assert!(full.is_err(), "the disk has no end");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_ours_and_over_once_there_is_space() {
    let sandbox = Sandbox::start();
    let config = self::config(&sandbox);
    let Some(disk) = SmallDisk::mount(config.folder.path().join("disk")) else {
        // `exits` and `ledger_care` have folders and files that take nothing, for every user.
        return;
    };
    config.replace("outrider.toml", "ledger.db", "disk/ledger.db");
    let agent = config.agent();
    more_runs(&agent, 2.0);
    disk.fill();
    eventually("trouble with the ledger", || {
        let (status, told) = http("GET", &agent.url("/readyz"), "");
        (status == 503 && told.contains("ledger")).then_some(())
    });
    assert_eq!(http("GET", &agent.url("/healthz"), "").0, 200);
    std::fs::remove_file(disk.0.join("rest")).unwrap();
    more_runs(&agent, 2.0);
    assert_unblamed(&agent);
    assert_eq!(agent.stop(), 0);
    let ledger = Ledger::reader(&disk.0.join("ledger.db")).unwrap();
    assert!(!ledger.runs(&RunFilter::default()).unwrap().is_empty());
}

#[test]
fn without_file_handles_the_agent_blames_itself_and_goes_on() {
    let sandbox = Sandbox::start();
    let config = self::config(&sandbox);
    let agent = config.agent();
    more_runs(&agent, 1.0);
    let limit = |handles: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args([
            "--pid",
            &agent.pid().to_string(),
            &format!("--nofile={handles}:"),
        ]);
        assert!(prlimit.status().unwrap().success());
    };
    // Fewer than are open: those stay open, and there is no other one, not even for who asks the agent.
    limit("8");
    eventually("a run that blames the agent", || {
        let records = config.records();
        let is_ours = records.iter().any(|run| run.outcome == Outcome::AgentFault);
        is_ours.then_some(())
    });
    limit("1024");
    eventually("our fault to be counted", || {
        let metrics = agent.metrics();
        (metrics.sum("outrider_agent_faults_total", &[]) >= 1.0).then_some(())
    });
    more_runs(&agent, 2.0);
    assert_unblamed(&agent);
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_partner_that_stood_still_is_to_blame_until_it_goes_on() {
    let sandbox = Sandbox::start();
    let config = self::config(&sandbox);
    config.replace(
        "partners/keystone.toml",
        "timeout = \"5s\"",
        "timeout = \"2s\"",
    );
    let agent = config.agent();
    more_runs(&agent, 1.0);
    sandbox.signal("STOP");
    eventually("a run without an answer", || {
        let bad = agent.metrics();
        (bad.sum("outrider_sli_bad_total", &[("layer", "transport")]) >= 1.0).then_some(())
    });
    sandbox.signal("CONT");
    more_runs(&agent, 2.0);
    let metrics = agent.metrics();
    assert!(metrics.sum("outrider_failures_total", &[("owner", "partner")]) >= 1.0);
    assert_eq!(agent.stop(), 0);
}

/// The same numbers for the same seed (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// The bytes with a few of them turned over, or the end cut off.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Seeded(seed);
    let mut bytes = bytes.to_vec();
    if random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len()));
        return bytes;
    }
    for _ in 0..=random.below(16) {
        let place = random.below(bytes.len());
        let mask = u8::try_from(1 + random.below(255)).unwrap();
        bytes
            .get_mut(place)
            .into_iter()
            .for_each(|byte| *byte ^= mask);
    }
    bytes
}

/// Copies a folder's files to another one.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_damaged_ledger_is_refused_or_read_and_never_ends_the_agent() {
    let sandbox = Sandbox::start();
    let config = self::config(&sandbox);
    config.replace("outrider.toml", "ledger.db", "var/ledger.db");
    let agent = config.agent();
    more_runs(&agent, 3.0);
    // With its log, its lock file and its trace.
    agent.kill();
    let var = config.folder.path().join("var");
    let mut names: Vec<String> = std::fs::read_dir(&var)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    let (mut refused, mut opened) = (0, 0);
    for name in &names {
        let whole = std::fs::read(var.join(name)).unwrap();
        for seed in 0..DAMAGES {
            let other = tempfile::tempdir().unwrap();
            copy(&var, other.path());
            std::fs::write(other.path().join(name), damaged(&whole, seed)).unwrap();
            let ledger = other.path().join("ledger.db");
            let filter = RunFilter {
                limit: 100,
                ..RunFilter::default()
            };
            // Whatever comes of it: an answer or an error with its fix, and no panic.
            let read = Ledger::open(&ledger, Scale::REAL, Clock::real().now())
                .and_then(|ledger| ledger.runs(&filter).map(|runs| runs.len()));
            match read {
                Ok(_) => opened += 1,
                Err(why) => {
                    refused += 1;
                    let said = why.to_string();
                    assert!(said.contains("ledger.db"), "{name}, seed {seed}: {said}");
                }
            }
        }
    }
    assert!(
        refused > 0 && opened > 0,
        "{refused} refused, {opened} opened"
    );
}

#[test]
fn a_damaged_member_set_or_baseline_is_named_or_read() {
    let config = Config::new(&Pace::default());
    std::fs::create_dir(config.folder.path().join("baselines")).unwrap();
    let committed = crate::support::repository().join("baselines");
    let mut baselines: Vec<PathBuf> = std::fs::read_dir(committed)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("keystone")
        })
        .collect();
    baselines.sort();
    let baseline = baselines.first().expect("a baseline of keystone");
    let baseline = format!(
        "baselines/{}",
        baseline.file_name().unwrap().to_str().unwrap()
    );
    let settings = config.folder.path().join("outrider.toml");
    let load = || outrider_domain::config::load(&settings, None);
    for name in ["members/keystone-basic.json", &baseline] {
        let whole = std::fs::read(crate::support::repository().join(name)).unwrap();
        let path = config.folder.path().join(name);
        std::fs::write(&path, &whole).unwrap();
        assert!(load().is_ok(), "{name}");
        for seed in 0..DAMAGES {
            std::fs::write(&path, damaged(&whole, seed)).unwrap();
            if let Err(mistakes) = load() {
                let said = format!("{mistakes:?}");
                assert!(said.contains(name), "{name}, seed {seed}: {said}");
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
}
