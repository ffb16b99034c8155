//! All files of one agent, read in order and brought together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::complaint::Complaints;
use super::partner::PartnerFile;
use super::reading::Reading;
use super::sources::{Unread, source, sources};
use super::{baseline, journey, members, overlay, partner, settings, tree};
use crate::model::{Journey, JourneyId, MemberSet, Partner, Plan, Scale};

/// Reads the agent's file and, beside it, `partners/`, `probes/` and `members/`.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load(config: &Path, overlay: Option<&Path>) -> Result<Plan, Complaints> {
    load_with_warnings(config, overlay).map(|(plan, _)| plan)
}

/// The same, with what can be used and should be changed.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load_with_warnings(
    config: &Path,
    overlay: Option<&Path>,
) -> Result<(Plan, Complaints), Complaints> {
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
        Ok((plan, complaints))
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

/// The id in a file that is otherwise of no use.
fn id_of(text: &str) -> Option<String> {
    let (root, _) = toml::de::DeTable::parse_recoverable(text);
    root.get_ref()
        .get("id")
        .and_then(|id| id.get_ref().as_str())
        .map(str::to_owned)
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

fn partner_files(folder: &Path, complaints: &mut Complaints) -> (Vec<PartnerFile>, Unread) {
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

    fn partner(&mut self, file: PartnerFile) {
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
}
