//! Reads the files again when they changed or when a person asks (SIGHUP).
//!
//! Files are looked at once a second, by their stamps, rather than watched by the kernel: it costs a
//! few dozen `stat` calls, works alike for editors that replace a file, for mounts and for network
//! file systems, and needs no dependency.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outrider_domain::config::{self, Diagnostics, Severity};
use outrider_domain::model::{Plan, Scale};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

/// How often the files' stamps are looked at. What changed is read once it has been still so long, so
/// that a half-written file, or the first of several, is not.
const STAMPS_EVERY: Duration = Duration::from_secs(1);

/// The folders next to the agent's file, and the endings of what is read there.
const FOLDERS: [(&str, &str); 4] = [
    ("partners", "toml"),
    ("probes", "toml"),
    ("members", "json"),
    ("baselines", "json"),
];

/// Where a plan comes from.
#[derive(Clone, Debug)]
pub struct PlanSource {
    config: PathBuf,
    overlay: Option<PathBuf>,
    ledger: Option<PathBuf>,
    scale: Scale,
    /// The files as they were before they were read last.
    stamps: Stamps,
}

/// A file's device, node, length and times, by its path; none for one that cannot be looked at.
type Stamps = BTreeMap<PathBuf, Option<[i64; 7]>>;

/// Why the files were read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// They changed.
    FilesChanged,
    /// A person asked.
    Hangup,
}

impl Trigger {
    /// For the action log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FilesChanged => "changed files",
            Self::Hangup => "SIGHUP",
        }
    }
}

/// A plan that was read again, or the mistakes in it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) plan: Result<Box<Plan>, Vec<String>>,
    pub(super) trigger: Trigger,
}

impl PlanSource {
    /// The agent's file, what is laid over it, the ledger named on the command line, and the scale.
    /// Made before the files are read for the first time.
    pub fn new(
        config: PathBuf,
        overlay: Option<PathBuf>,
        ledger: Option<PathBuf>,
        scale: Scale,
    ) -> Self {
        let mut source = Self {
            config,
            overlay,
            ledger,
            scale,
            stamps: Stamps::new(),
        };
        source.stamps = source.read_stamps();
        source
    }

    fn read_stamps(&self) -> Stamps {
        let mut paths = vec![self.config.clone()];
        paths.extend(self.overlay.clone());
        let folder = self.config.parent().unwrap_or(Path::new(""));
        for (name, ending) in FOLDERS {
            let entries = std::fs::read_dir(folder.join(name)).into_iter().flatten();
            let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
            paths.extend(files.filter(|path| path.extension().is_some_and(|own| own == ending)));
        }
        let stamp = |path: PathBuf| {
            let found = std::fs::metadata(&path).ok();
            let stamp = found.map(|found| {
                let numbers = [found.dev(), found.ino(), found.size()];
                let [device, node, size] = numbers.map(u64::cast_signed);
                let (changed, written) = (found.ctime(), found.mtime());
                let parts = (found.ctime_nsec(), found.mtime_nsec());
                [device, node, size, changed, parts.0, written, parts.1]
            });
            (path, stamp)
        };
        paths.into_iter().map(stamp).collect()
    }

    fn load(&self, trigger: Trigger) -> Loaded {
        let read =
            config::load(&self.config, self.overlay.as_deref()).map_err(|Diagnostics(all)| {
                let mistakes = all.iter().filter(|one| one.severity == Severity::Error);
                mistakes.map(ToString::to_string).collect()
            });
        let plan =
            read.and_then(|plan| plan.scaled(self.scale).map_err(|why| vec![why.to_string()]));
        let plan = plan.map(|mut plan| {
            if let Some(ledger) = &self.ledger {
                plan.settings.ledger.clone_from(ledger);
            }
            Box::new(plan)
        });
        Loaded { plan, trigger }
    }
}

/// Reads the files whenever they changed or a person asks (SIGHUP), until the receiver is gone.
pub(super) async fn watch(
    mut source: PlanSource,
    mut hangup: Signal,
    loaded: mpsc::Sender<Loaded>,
) {
    let mut look = tokio::time::interval(STAMPS_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut changing: Option<Stamps> = None;
    loop {
        let is_asked = tokio::select! {
            heard = hangup.recv() => heard.is_some(),
            _ = look.tick() => false,
        };
        let work = move || {
            let stamps = source.read_stamps();
            let is_still = changing.as_ref() == Some(&stamps);
            let is_due = is_asked || (stamps != source.stamps && is_still);
            // Stamps of before the reading: what changes meanwhile is seen next time.
            let trigger = if is_asked {
                Trigger::Hangup
            } else {
                Trigger::FilesChanged
            };
            let read = is_due.then(|| {
                source.stamps.clone_from(&stamps);
                source.load(trigger)
            });
            (source, Some(stamps), read)
        };
        let Ok((back, stamps, read)) = tokio::task::spawn_blocking(work).await else {
            return tracing::error!("reading the files panicked; they are not read any more");
        };
        (source, changing) = (back, stamps);
        if let Some(read) = read
            && loaded.send(read).await.is_err()
        {
            return;
        }
    }
}
