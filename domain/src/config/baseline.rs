//! `baselines/<partner>.json`: the shape of a partner's records, as `outrider baseline record` wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Diagnostics, SourceFile};
use crate::model::{Baseline, JsonKind, PartnerId, PathShape, TypeShape};

const SCHEMA: &str = "outrider.baseline/1";
const HELP: &str = "write it again with `outrider baseline record`";

#[derive(Deserialize, Serialize)]
struct File {
    schema: String,
    partner: String,
    types: BTreeMap<String, TypeEntry>,
}

#[derive(Deserialize, Serialize)]
struct TypeEntry {
    records: u64,
    paths: BTreeMap<String, PathEntry>,
}

#[derive(Deserialize, Serialize)]
struct PathEntry {
    is: Vec<String>,
    records: u64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<String>,
}

/// Where a partner's baseline lies, next to the agent's file.
pub fn baseline_path(config: &Path, partner: &PartnerId) -> PathBuf {
    let folder = config.parent().unwrap_or(Path::new(""));
    folder.join("baselines").join(format!("{partner}.json"))
}

/// The file's text.
pub fn baseline_text(partner: &PartnerId, baseline: &Baseline) -> String {
    let types = baseline.0.iter().map(|(kind, shape)| {
        let paths = shape.paths.iter().map(|(path, place)| {
            let entry = PathEntry {
                is: place.is.iter().map(ToString::to_string).collect(),
                records: place.records,
                names: place.names.clone(),
            };
            (path.clone(), entry)
        });
        let entry = TypeEntry {
            records: shape.records,
            paths: paths.collect(),
        };
        (kind.clone(), entry)
    });
    let file = File {
        schema: SCHEMA.to_owned(),
        partner: partner.to_string(),
        types: types.collect(),
    };
    // Nothing in it can fail to be written: keys are texts.
    let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
    text.push('\n');
    text
}

/// The baseline in a file; none when it has a mistake.
pub(super) fn read(
    source: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<(PartnerId, Baseline)> {
    let mut report = |what: String| diagnostics.add(source, None, what, HELP);
    let file: File = match serde_json::from_str(&source.text) {
        Ok(file) => file,
        Err(why) => {
            report(format!("not a baseline: {why}"));
            return None;
        }
    };
    if file.schema != SCHEMA {
        report(format!(
            "schema \"{}\" is not one this version reads",
            file.schema
        ));
        return None;
    }
    let mut types = BTreeMap::new();
    for (kind, entry) in file.types {
        let mut paths = BTreeMap::new();
        for (path, place) in entry.paths {
            let is: Option<BTreeSet<JsonKind>> =
                place.is.iter().map(|name| JsonKind::named(name)).collect();
            let Some(is) = is else {
                report(format!("`is` of {kind}.{path} names no kind of JSON"));
                return None;
            };
            let place = PathShape {
                is,
                records: place.records,
                names: place.names,
            };
            paths.insert(path, place);
        }
        let shape = TypeShape {
            records: entry.records,
            paths,
        };
        types.insert(kind, shape);
    }
    Some((PartnerId::new(file.partner), Baseline(types)))
}
