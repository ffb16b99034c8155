//! Files as written → the plan as meant, or every mistake with its place and cure.
//!
//! The spanned TOML tree (`tree`) is the file as written; the readers beside it turn it into the
//! nouns of [`crate::model`]. Nothing here opens a socket, a key or a database.

mod alerting;
mod answer;
mod auth;
mod baseline;
mod calendar;
mod complaint;
mod declared;
mod duration;
mod journey;
mod limits;
mod members;
mod objective;
mod overlay;
mod partner;
mod secrets;
mod send;
mod settings;
mod slo;
mod template;
mod threshold;
mod timing;
mod tree;
mod verb;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use baseline::{baseline_path, baseline_text};
pub use complaint::{Complaint, Complaints, Source, Weight};
pub use secrets::secrets;

/// A duration in the notation of the files, such as `90s` or `7d`; none for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    duration::parse_duration(text).ok()
}

use crate::model::{
    Class, Journey, JourneyId, MemberSet, NamedBody, Partner, Plan, Probe, ProbeId, Scale,
};

/// A probe whose runs may take longer than this is long, unless its file says otherwise.
const SHORT_DEADLINE_MAX: Duration = Duration::from_secs(60);

/// Names of what is there but could not be read: what refers to it is not judged, since its cure is
/// theirs.
#[derive(Debug, Default)]
struct Unread {
    names: BTreeSet<String>,
    /// A whole folder.
    is_everything: bool,
}

impl Unread {
    fn holds(&self, name: &str) -> bool {
        self.is_everything || self.names.contains(name)
    }

    /// A file by its stem, which is what its id should be.
    fn file(&mut self, source: &Source) {
        let stem = Path::new(&source.path).file_stem();
        self.names
            .extend(stem.map(|stem| stem.to_string_lossy().into_owned()));
    }
}

/// Reads the agent's file and, beside it, `partners/`, `probes/` and `members/`.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load(config: &Path, overlay: Option<&Path>) -> Result<Plan, Complaints> {
    let mut complaints = Complaints::default();
    let folder = config.parent().unwrap_or(Path::new(""));
    let settings = source(config, &mut complaints).and_then(|file| {
        tree::with_root(&file, &mut complaints, |root| settings::read(root, folder))
    });
    let (journeys, unread_journeys) = journeys(&folder.join("probes"), &mut complaints);
    let (members, unread_members) = member_sets(&folder.join("members"), &mut complaints);
    let (partners, unread_partners) = partner_files(folder, &mut complaints);
    let mut reading = Reading {
        plan: Plan {
            settings: settings.unwrap_or_else(settings_in_want),
            partners: BTreeMap::new(),
            journeys,
            members,
            probes: BTreeMap::new(),
            scale: Scale::REAL,
        },
        complaints,
        unread_journeys,
        unread_members,
        unread_partners,
    };
    for file in partners {
        reading.partner(file);
    }
    reading.baselines(&folder.join("baselines"));
    let Reading {
        mut plan,
        mut complaints,
        unread_partners,
        ..
    } = reading;
    if let Some(path) = overlay
        && let Some(file) = source(path, &mut complaints)
        && let Some(overlay) = tree::with_root(&file, &mut complaints, |root| {
            overlay::read(root, path.parent().unwrap_or(Path::new("")))
        })
    {
        overlay.apply(&mut plan, &file, &unread_partners, &mut complaints);
    }
    complaints.sort();
    if complaints.has_errors() {
        Err(complaints)
    } else {
        Ok(plan)
    }
}

/// Stands in for settings that could not be read, so that the other files are still looked at.
fn settings_in_want() -> crate::model::Settings {
    crate::model::Settings {
        agent: String::new(),
        location: String::new(),
        contact: String::new(),
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        ledger: PathBuf::new(),
        runs_in_flight_max: 1,
        long_runs_in_flight_max: 1,
        late_after: std::time::Duration::ZERO,
        stop_grace: std::time::Duration::ZERO,
        own_delay_max: std::time::Duration::ZERO,
        nameservers: Vec::new(),
        portal: None,
        alerting: crate::model::Alerting::default(),
        calendars: Vec::new(),
    }
}

fn source(path: &Path, complaints: &mut Complaints) -> Option<Arc<Source>> {
    let name = path.display().to_string();
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let source = Arc::new(Source {
            path: name,
            text: String::new(),
        });
        complaints.add(
            &source,
            None,
            "is no regular file",
            "put a file there, or take it away",
        );
        return None;
    }
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Some(Arc::new(Source { path: name, text })),
        Ok(Err(_)) => {
            let source = Arc::new(Source {
                path: name,
                text: String::new(),
            });
            complaints.add(&source, None, "the file is not UTF-8", "save it as UTF-8");
            None
        }
        Err(why) => {
            let source = Arc::new(Source {
                path: name,
                text: String::new(),
            });
            let cure = "name another file, or give this user the right to read it";
            complaints.add(
                &source,
                None,
                format!("cannot be read: {}", reason(&why)),
                cure,
            );
            None
        }
    }
}

fn reason(why: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    if why.kind() == Kind::NotFound {
        "there is no such file or folder".to_owned()
    } else if why.kind() == Kind::PermissionDenied {
        "this user may not".to_owned()
    } else {
        why.to_string()
    }
}

/// Every file of a folder with this ending, in order of name, and what could not be read.
fn sources(folder: &Path, ending: &str, complaints: &mut Complaints) -> (Vec<Arc<Source>>, Unread) {
    let mut unread = Unread::default();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => {
            let path = folder.display().to_string();
            let source = Arc::new(Source {
                path,
                text: String::new(),
            });
            let cure = "make the folder beside the agent's file";
            complaints.add(
                &source,
                None,
                format!("cannot be read: {}", reason(&why)),
                cure,
            );
            unread.is_everything = true;
            return (Vec::new(), unread);
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
        })
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match source(&path, complaints) {
            Some(source) => found.push(source),
            None => {
                let path = path.display().to_string();
                unread.file(&Source {
                    path,
                    text: String::new(),
                });
            }
        }
    }
    (found, unread)
}

fn journeys(folder: &Path, complaints: &mut Complaints) -> (BTreeMap<JourneyId, Journey>, Unread) {
    let mut journeys: BTreeMap<JourneyId, Journey> = BTreeMap::new();
    let (files, mut unread) = sources(folder, "toml", complaints);
    for file in files {
        let Some((journey, span)) = tree::with_root(&file, complaints, journey::read).flatten()
        else {
            unread.file(&file);
            unread.names.extend(id_of(&file.text));
            continue;
        };
        if journeys.contains_key(&journey.id) {
            let what = format!("two journeys have the id \"{}\"", journey.id);
            complaints.add(&file, Some(span), what, "give each its own id");
        }
        journeys.insert(journey.id.clone(), journey);
    }
    (journeys, unread)
}

/// The id in a file that is otherwise of no use.
fn id_of(text: &str) -> Option<String> {
    let (root, _) = toml::de::DeTable::parse_recoverable(text);
    root.get_ref()
        .get("id")
        .and_then(|id| id.get_ref().as_str())
        .map(str::to_owned)
}

fn member_sets(
    folder: &Path,
    complaints: &mut Complaints,
) -> (BTreeMap<String, MemberSet>, Unread) {
    let mut sets: BTreeMap<String, MemberSet> = BTreeMap::new();
    let (files, mut unread) = sources(folder, "json", complaints);
    for file in files {
        let Some(set) = members::read(&file, complaints) else {
            unread.file(&file);
            continue;
        };
        if sets.contains_key(&set.set) {
            let what = format!("two member sets are called \"{}\"", set.set);
            complaints.add(&file, None, what, "give each its own name");
        }
        sets.insert(set.set.clone(), set);
    }
    (sets, unread)
}

fn partner_files(
    folder: &Path,
    complaints: &mut Complaints,
) -> (Vec<partner::PartnerFile>, Unread) {
    let (files, mut unread) = sources(&folder.join("partners"), "toml", complaints);
    let mut partners = Vec::new();
    for file in files {
        let read = tree::with_root(&file, complaints, |root| partner::read(root, folder)).flatten();
        match read {
            Some(partner) => partners.push(partner),
            None => {
                unread.file(&file);
                unread.names.extend(id_of(&file.text));
            }
        }
    }
    (partners, unread)
}

/// The plan while partners are added to it.
struct Reading {
    plan: Plan,
    complaints: Complaints,
    unread_journeys: Unread,
    unread_members: Unread,
    unread_partners: Unread,
}

impl Reading {
    /// The recorded shapes, where there are any.
    fn baselines(&mut self, folder: &Path) {
        if !folder.is_dir() {
            return;
        }
        for file in sources(folder, "json", &mut self.complaints).0 {
            let Some((id, baseline)) = baseline::read(&file, &mut self.complaints) else {
                continue;
            };
            match self.plan.partners.get_mut(&id) {
                Some(partner) => partner.baseline = Some(baseline),
                None if self.unread_partners.holds(id.as_str()) => {}
                None => {
                    let what = format!("is of \"{id}\", which is no partner");
                    let cure = "take the file away, or name a partner";
                    self.complaints.add(&file, None, what, cure);
                }
            }
        }
    }

    fn partner(&mut self, file: partner::PartnerFile) {
        let id = file.partner.id.clone();
        if self.plan.partners.contains_key(&id) {
            let what = format!("two partners have the id \"{id}\"");
            self.complain(&file, &file.id_span, what, "give each its own id");
            return;
        }
        for entry in &file.probes {
            let Some(probe) = self.probe(&file, entry) else {
                continue;
            };
            if self.plan.probes.contains_key(&probe.id) {
                let what = format!("\"{}\" is scheduled twice here", probe.id.journey);
                self.complain(
                    &file,
                    &entry.journey.span,
                    what,
                    "keep one [[probe]] for each journey",
                );
            }
            self.plan.probes.insert(probe.id.clone(), probe);
        }
        self.calendars_fit(&file);
        self.limits_fit(&file);
        let slos = file
            .slos
            .values()
            .filter_map(|entry| self.slo(&file, entry));
        let slos = slos.map(|slo| (slo.name, slo)).collect();
        self.plan.partners.insert(
            id,
            Partner {
                slos,
                ..file.partner
            },
        );
    }

    fn probe(&mut self, file: &partner::PartnerFile, entry: &partner::ProbeEntry) -> Option<Probe> {
        let wanted = entry.journey.value.as_str();
        let Some(journey) = self.plan.journeys.get(&entry.journey.value).cloned() else {
            if !self.unread_journeys.holds(wanted) {
                let known: Vec<_> = self.plan.journeys.keys().map(JourneyId::as_str).collect();
                let cure = near_or_all(wanted, &known, "journeys in probes/");
                self.complain(
                    file,
                    &entry.journey.span,
                    format!("no journey \"{wanted}\""),
                    cure,
                );
            }
            return None;
        };
        let deadline = entry.deadline.unwrap_or(journey.deadline);
        self.deadline_fits(file, entry, deadline);
        self.timeout_fits(file, entry, &journey, deadline);
        self.members_fit(file, entry, &journey);
        Some(Probe {
            id: ProbeId {
                partner: file.partner.id.clone(),
                journey: journey.id,
            },
            cadence: entry.timing.cadence.clone(),
            jitter: entry.timing.jitter,
            class: entry.class.unwrap_or(if deadline > SHORT_DEADLINE_MAX {
                Class::Long
            } else {
                Class::Short
            }),
            confirm: entry.confirm,
            when_failing: entry.when_failing,
            concurrency: entry.concurrency?,
            members: entry.members.as_ref().map(|placed| placed.value.clone()),
            deadline,
            timeout: entry.timeout.unwrap_or(journey.timeout),
            seed: entry.seed,
            family: entry.family,
        })
    }

    fn deadline_fits(
        &mut self,
        file: &partner::PartnerFile,
        entry: &partner::ProbeEntry,
        deadline: Duration,
    ) {
        let Some(slots) = entry
            .concurrency
            .and_then(|slots| u32::try_from(slots).ok())
        else {
            return;
        };
        // Jitter may bring two starts so much nearer.
        let gap = entry.timing.gap.saturating_sub(entry.timing.jitter);
        if deadline <= gap.saturating_mul(slots) {
            return;
        }
        let needed = deadline.as_nanos().div_ceil(gap.as_nanos().max(1));
        let what = format!(
            "a run may take {deadline:?}, the next is due after {gap:?}, and {slots} may go at once"
        );
        let cure = if needed < u128::from(partner::CONCURRENCY_LIMIT) {
            format!("set concurrency = {needed}, a longer cadence or a shorter deadline")
        } else {
            "set a longer cadence or a shorter deadline".to_owned()
        };
        self.complain(file, &entry.span, what, cure);
    }

    /// A request that may take longer than the run could never be told apart from a late one.
    fn timeout_fits(
        &mut self,
        file: &partner::PartnerFile,
        entry: &partner::ProbeEntry,
        journey: &Journey,
        deadline: Duration,
    ) {
        let own = journey.steps.iter().filter_map(|step| step.timeout);
        let longest = own.chain([entry.timeout.unwrap_or(journey.timeout)]).max();
        if let Some(timeout) = longest.filter(|timeout| *timeout > deadline) {
            let what = format!("a request may take {timeout:?} and the whole run {deadline:?}");
            let cure = "set a timeout below the deadline";
            self.complain(file, &entry.span, what, cure);
        }
    }

    fn members_fit(
        &mut self,
        file: &partner::PartnerFile,
        entry: &partner::ProbeEntry,
        journey: &Journey,
    ) {
        let Some(members) = &entry.members else {
            if journey.needs_member() {
                let what = format!(
                    "\"{}\" carries a member and this probe names none",
                    journey.id
                );
                self.complain(
                    file,
                    &entry.span,
                    what,
                    "add members = \"<a set of members/>\"",
                );
            }
            return;
        };
        match self.plan.members.get(&members.value) {
            None if self.unread_members.holds(&members.value) => {}
            None => {
                let known: Vec<_> = self.plan.members.keys().map(String::as_str).collect();
                let cure = near_or_all(&members.value, &known, "sets in members/");
                let what = format!("no member set \"{}\"", members.value);
                self.complain(file, &members.span, what, cure);
            }
            // A core asks whoever holds the members.
            Some(_) if journey.named_bodies().any(NamedBody::is_for_a_core) => {}
            Some(set) if set.partner != file.partner.id => {
                let what = format!("\"{}\" holds members of {}", members.value, set.partner);
                self.complain(
                    file,
                    &members.span,
                    what,
                    "name a set that was made for this partner",
                );
            }
            Some(_) => {}
        }
    }
}

/// The nearest known name as a question, else all of them.
fn near_or_all(name: &str, known: &[&str], what: &str) -> String {
    match complaint::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("{what}: {}", known.join(", ")),
    }
}
