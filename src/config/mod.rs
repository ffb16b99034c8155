//! Files as written → the plan as meant, or every mistake with its place and cure.
//!
//! The spanned TOML tree ([`tree`]) is the file as written; the readers beside it turn it into the
//! nouns of [`crate::model`]. Nothing here opens a socket, a key or a database.

mod complaint;
mod duration;
mod journey;
mod members;
mod overlay;
mod partner;
mod secrets;
mod settings;
mod template;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use complaint::{Complaint, Complaints, Source, Weight};
pub use secrets::secrets;

use crate::model::{Journey, JourneyId, MemberSet, Plan, Probe, ProbeId};

/// Reads the agent's file and, beside it, `partners/`, `probes/` and `members/`.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load(config: &Path, overlay: Option<&Path>) -> Result<Plan, Complaints> {
    let mut complaints = Complaints::default();
    let folder = config
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let settings = source(config, &mut complaints)
        .map(|file| tree::with_root(&file, &mut complaints, |root| settings::read(root, folder)));
    let journeys = journeys(&folder.join("probes"), &mut complaints);
    let sets = member_sets(&folder.join("members"), &mut complaints);
    let partners = partner_files(folder, &mut complaints);
    let mut plan = Plan {
        settings: settings.unwrap_or_else(settings_in_want),
        partners: BTreeMap::new(),
        journeys,
        members: sets,
        probes: BTreeMap::new(),
    };
    for file in partners {
        add_partner(&mut plan, file, &mut complaints);
    }
    if let Some(file) = overlay.and_then(|path| source(path, &mut complaints)) {
        let overlay = tree::with_root(&file, &mut complaints, overlay::read);
        overlay.apply(&mut plan, &file, &mut complaints);
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
        late_after: std::time::Duration::ZERO,
        stop_grace: std::time::Duration::ZERO,
        nameservers: Vec::new(),
    }
}

fn source(path: &Path, complaints: &mut Complaints) -> Option<Arc<Source>> {
    let name = path.display().to_string();
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

/// Every file of a folder with this ending, in order of name.
fn sources(folder: &Path, ending: &str, complaints: &mut Complaints) -> Vec<Arc<Source>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => {
            let source = Arc::new(Source {
                path: folder.display().to_string(),
                text: String::new(),
            });
            let cure = "make the folder beside the agent's file";
            complaints.add(
                &source,
                None,
                format!("cannot be read: {}", reason(&why)),
                cure,
            );
            return Vec::new();
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
    paths
        .iter()
        .filter_map(|path| source(path, complaints))
        .collect()
}

fn journeys(folder: &Path, complaints: &mut Complaints) -> BTreeMap<JourneyId, Journey> {
    let mut journeys: BTreeMap<JourneyId, Journey> = BTreeMap::new();
    for file in sources(folder, "toml", complaints) {
        let read = tree::with_root(&file, complaints, journey::read);
        let Some((journey, span)) = read else {
            continue;
        };
        if journeys.contains_key(&journey.id) {
            let what = format!("two journeys have the id \"{}\"", journey.id);
            complaints.add(&file, Some(span), what, "give each its own id");
        }
        journeys.insert(journey.id.clone(), journey);
    }
    journeys
}

fn member_sets(folder: &Path, complaints: &mut Complaints) -> BTreeMap<String, MemberSet> {
    let mut sets = BTreeMap::new();
    for file in sources(folder, "json", complaints) {
        if let Some(set) = members::read(&file, complaints) {
            sets.insert(set.set.clone(), set);
        }
    }
    sets
}

fn partner_files(folder: &Path, complaints: &mut Complaints) -> Vec<partner::PartnerFile> {
    let files = sources(&folder.join("partners"), "toml", complaints);
    files
        .iter()
        .filter_map(|file| tree::with_root(file, complaints, |root| partner::read(root, folder)))
        .collect()
}

fn add_partner(plan: &mut Plan, file: partner::PartnerFile, complaints: &mut Complaints) {
    let id = file.partner.id.clone();
    if plan.partners.contains_key(&id) {
        let what = format!("two partners have the id \"{id}\"");
        complaints.add(
            &file.source,
            Some(file.id_span.clone()),
            what,
            "give each its own id",
        );
    }
    for entry in &file.probes {
        let Some(probe) = probe(plan, &file, entry, complaints) else {
            continue;
        };
        if plan.probes.contains_key(&probe.id) {
            let what = format!("\"{}\" is scheduled twice here", probe.id.journey);
            let cure = "keep one [[probe]] for each journey";
            complaints.add(&file.source, Some(entry.journey.span.clone()), what, cure);
        }
        plan.probes.insert(probe.id.clone(), probe);
    }
    plan.partners.insert(id, file.partner);
}

fn probe(
    plan: &Plan,
    file: &partner::PartnerFile,
    entry: &partner::ProbeEntry,
    complaints: &mut Complaints,
) -> Option<Probe> {
    let mut complain = |span: &std::ops::Range<usize>, what: String, cure: String| {
        complaints.add(&file.source, Some(span.clone()), what, cure);
    };
    let Some(journey) = plan.journeys.get(&entry.journey.value) else {
        let known: Vec<_> = plan.journeys.keys().map(JourneyId::as_str).collect();
        let cure = match complaint::nearest(entry.journey.value.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("journeys in probes/: {}", known.join(", ")),
        };
        complain(
            &entry.journey.span,
            format!("no journey \"{}\"", entry.journey.value),
            cure,
        );
        return None;
    };
    let deadline = entry.deadline.unwrap_or(journey.deadline);
    let slots = u32::try_from(entry.concurrency).unwrap_or(u32::MAX);
    if deadline > entry.gap.saturating_mul(slots) {
        let needed = deadline.as_secs_f64() / entry.gap.as_secs_f64().max(0.001);
        let what = format!(
            "a run may take {deadline:?}, the next is due after {:?}, and {slots} may go at once",
            entry.gap
        );
        let cure = format!(
            "set concurrency = {:.0}, a longer cadence or a shorter deadline",
            needed.ceil()
        );
        complain(&entry.span, what, cure);
    }
    members_fit(plan, file, entry, journey, &mut complain);
    Some(Probe {
        id: ProbeId {
            partner: file.partner.id.clone(),
            journey: journey.id.clone(),
        },
        cadence: entry.cadence.clone(),
        concurrency: entry.concurrency,
        members: entry.members.as_ref().map(|placed| placed.value.clone()),
        deadline,
        timeout: entry.timeout.unwrap_or(journey.timeout),
        seed: entry.seed,
    })
}

fn members_fit(
    plan: &Plan,
    file: &partner::PartnerFile,
    entry: &partner::ProbeEntry,
    journey: &Journey,
    complain: &mut impl FnMut(&std::ops::Range<usize>, String, String),
) {
    let Some(members) = &entry.members else {
        if journey.needs_member() {
            let what = format!(
                "\"{}\" carries a member and this probe names none",
                journey.id
            );
            complain(
                &entry.span,
                what,
                "add members = \"<a set of members/>\"".to_owned(),
            );
        }
        return;
    };
    match plan.members.get(&members.value) {
        None => {
            let known: Vec<_> = plan.members.keys().map(String::as_str).collect();
            let cure = match complaint::nearest(&members.value, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("sets in members/: {}", known.join(", ")),
            };
            complain(
                &members.span,
                format!("no member set \"{}\"", members.value),
                cure,
            );
        }
        Some(set) if set.partner != file.partner.id => {
            let what = format!("\"{}\" holds members of {}", members.value, set.partner);
            complain(
                &members.span,
                what,
                "name a set that was made for this partner".to_owned(),
            );
        }
        Some(_) => {}
    }
}
