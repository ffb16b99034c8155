//! All files of one agent, read in order and brought together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::partner::PartnerFile;
use super::reading::Reading;
use super::sources::{UnreadFiles, source, sources};
use super::{access, baseline, journey, members, overlay, partner, retention, settings, tree};
use crate::model::{Journey, JourneyId, MemberSet, Partner, Plan, Renames, Scale};

/// Reads the agent's file and, next to it, `partners/`, `probes/` and `members/`.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load(config: &Path, overlay: Option<&Path>) -> Result<Plan, Diagnostics> {
    load_with_warnings(config, overlay).map(|(plan, _)| plan)
}

/// The same, with what can be used and should be changed.
///
/// # Errors
/// Every mistake in every file, when there is at least one that makes the plan unusable.
pub fn load_with_warnings(
    config: &Path,
    overlay: Option<&Path>,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    let (plan, diagnostics) = load_what_can_be_read(config, overlay);
    if diagnostics.has_errors() {
        Err(diagnostics)
    } else {
        Ok((plan, diagnostics))
    }
}

/// The same where mistakes do not matter: what can be read of the plan, and every mistake. The path of the ledger is
/// empty where the agent's file cannot be read. Nothing may run by such a plan.
pub fn load_what_can_be_read(config: &Path, overlay: Option<&Path>) -> (Plan, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let folder = config.parent().unwrap_or(Path::new(""));
    let settings_file = source(config, &mut diagnostics);
    let settings = settings_file.as_ref().and_then(|file| {
        tree::with_root(file, &mut diagnostics, |root| settings::read(root, folder))
    });
    let (settings, places) = settings.unzip();
    let (journeys, unread_journeys) = journeys(&folder.join("probes"), &mut diagnostics);
    let (members, unread_members) = member_sets(&folder.join("members"), &mut diagnostics);
    let (partners, unread_partners) = partner_files(folder, &mut diagnostics);
    let mut reading = Reading {
        plan: Plan {
            settings: settings.unwrap_or_else(placeholder_settings),
            partners: BTreeMap::new(),
            journeys,
            members,
            probes: BTreeMap::new(),
            renames: Renames::default(),
            scale: Scale::REAL,
        },
        diagnostics,
        unread_journeys,
        unread_members,
        unread_partners,
        claims: Vec::new(),
    };
    for file in partners {
        reading.partner(file);
    }
    reading.renames();
    reading.baselines(&folder.join("baselines"));
    let Reading {
        mut plan,
        mut diagnostics,
        unread_partners,
        ..
    } = reading;
    let mut listen = None;
    if let Some((file, places)) = settings_file.zip(places) {
        retention::windows_fit(&plan, &file, &places.retention, &mut diagnostics);
        let named = places.partners_named;
        access::partners_fit(&plan, &file, named, &unread_partners, &mut diagnostics);
        listen = Some((file, places.listen));
    }
    if let Some(path) = overlay
        && let Some(file) = source(path, &mut diagnostics)
        && let Some(overlay) = tree::with_root(&file, &mut diagnostics, |root| {
            overlay::read(root, path.parent().unwrap_or(Path::new("")))
        })
    {
        if let Some(place) = overlay.listen_place() {
            listen = Some((Arc::clone(&file), place));
        }
        overlay.apply(&mut plan, &file, &unread_partners, &mut diagnostics);
    }
    if let Some((file, place)) = listen {
        access::listener_fits(&plan.settings, &file, &place, &mut diagnostics);
    }
    diagnostics.sort();
    (plan, diagnostics)
}

/// Stands in for settings that could not be read, so that the other files are still looked at.
fn placeholder_settings() -> crate::model::Settings {
    crate::model::Settings {
        agent: String::new(),
        location: String::new(),
        contact: String::new(),
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        access: crate::model::Access::default(),
        ledger: PathBuf::new(),
        runs_in_flight_max: 1,
        long_runs_in_flight_max: 1,
        late_after: std::time::Duration::ZERO,
        stop_grace: std::time::Duration::ZERO,
        own_delay_max: std::time::Duration::ZERO,
        nameservers: Vec::new(),
        proxy: crate::model::ProxyChoice::Direct,
        portal: None,
        alerting: crate::model::Alerting::default(),
        exchange: crate::model::ExchangeCore::default(),
        calendars: Vec::new(),
        retention: crate::model::Retention::default(),
        metrics: crate::model::MetricsShown::default(),
        report: None,
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

fn journeys(
    folder: &Path,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<JourneyId, Journey>, UnreadFiles) {
    let mut journeys: BTreeMap<JourneyId, Journey> = BTreeMap::new();
    let (files, mut unread_files) = sources(folder, "toml", diagnostics);
    for file in files {
        let Some((journey, span)) = tree::with_root(&file, diagnostics, journey::read).flatten()
        else {
            unread_files.file(&file);
            unread_files.names.extend(id_of(&file.text));
            continue;
        };
        if journeys.contains_key(&journey.id) {
            let what = format!("two journeys have the id \"{}\"", journey.id);
            diagnostics.add(&file, Some(span), what, "give each its own id");
        }
        journeys.insert(journey.id.clone(), journey);
    }
    (journeys, unread_files)
}

fn member_sets(
    folder: &Path,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<String, MemberSet>, UnreadFiles) {
    let mut sets: BTreeMap<String, MemberSet> = BTreeMap::new();
    let (files, mut unread_files) = sources(folder, "json", diagnostics);
    for file in files {
        let Some(set) = members::read(&file, diagnostics) else {
            unread_files.file(&file);
            continue;
        };
        if sets.contains_key(&set.set) {
            let what = format!("two member sets are called \"{}\"", set.set);
            diagnostics.add(&file, None, what, "give each its own name");
        }
        sets.insert(set.set.clone(), set);
    }
    (sets, unread_files)
}

fn partner_files(folder: &Path, diagnostics: &mut Diagnostics) -> (Vec<PartnerFile>, UnreadFiles) {
    let (files, mut unread_files) = sources(&folder.join("partners"), "toml", diagnostics);
    let mut partners = Vec::new();
    for file in files {
        let read =
            tree::with_root(&file, diagnostics, |root| partner::read(root, folder)).flatten();
        match read {
            Some(partner) => partners.push(partner),
            None => {
                unread_files.file(&file);
                unread_files.names.extend(id_of(&file.text));
            }
        }
    }
    (partners, unread_files)
}

impl Reading {
    /// The recorded shapes, where there are any.
    fn baselines(&mut self, folder: &Path) {
        if !folder.is_dir() {
            return;
        }
        for file in sources(folder, "json", &mut self.diagnostics).0 {
            let Some((id, baseline)) = baseline::read(&file, &mut self.diagnostics) else {
                continue;
            };
            match self.plan.partners.get_mut(&id) {
                Some(partner) => partner.baseline = Some(baseline),
                None if self.unread_partners.holds(id.as_str()) => {}
                None => {
                    let what = format!("is of \"{id}\", which is no partner");
                    let help = "take the file away, or name a partner";
                    self.diagnostics.add(&file, None, what, help);
                }
            }
        }
    }

    fn partner(&mut self, file: PartnerFile) {
        let id = file.partner.id.clone();
        if self.plan.partners.contains_key(&id) {
            let what = format!("two partners have the id \"{id}\"");
            self.report(&file, &file.id_span, what, "give each its own id");
            return;
        }
        for entry in &file.probes {
            let Some(probe) = self.probe(&file, entry) else {
                continue;
            };
            if self.plan.probes.contains_key(&probe.id) {
                let what = format!("\"{}\" is scheduled twice here", probe.id.journey);
                self.report(
                    &file,
                    &entry.journey.span,
                    what,
                    "keep one [[probe]] for each journey",
                );
            }
            self.probe_was(&file.source, &entry.formerly, &probe.id);
            self.plan.probes.insert(probe.id.clone(), probe);
        }
        self.partner_was(&file.source, &file.formerly, &id);
        self.calendars_fit(&file);
        self.limits_fit(&file);
        let slos = file
            .slos
            .values()
            .filter_map(|entry| self.slo(&file, entry));
        let slos = slos.map(|slo| (slo.name, slo)).collect();
        let slas = self.slas(&file);
        self.plan.partners.insert(
            id,
            Partner {
                slos,
                slas,
                ..file.partner
            },
        );
    }
}
