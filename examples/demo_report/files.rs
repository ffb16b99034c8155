//! The demo's files with contracts: a copy in which the counted probes are rarer, so that a year of them is written in
//! a minute, and in which each partner owes promises.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The core is ours and promises nothing to itself.
const WITHOUT_CONTRACT: &str = "core.toml";
/// The cadence of what objectives count.
const EVERY: &str = "every = \"15m\"";
const COUNTED: &str = "journey = \"bulk-exchange\"\n";
/// The partner whose file in the repository has terms; the others get the same.
const MODEL: &str = "partners/keystone.toml";
const SLA: &str = "[[sla]]\n";
/// So few runs alert in time up to this promise of transport alone, and the contract is that.
const TRANSPORT: &str = "[slo.transport]\n";
const TRANSPORT_OBJECTIVE: &str = "objective = 99.8\n";
const TRANSPORT_TARGETS: (&str, &str) = ("99.9", "99.8");

/// Writes the files to a folder; the path of the agent's own.
///
/// # Errors
/// A file of the demo cannot be read, is of another form, or cannot be written.
pub(crate) fn write_files(to: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let model = fs::read_to_string(MODEL)?;
    let (_, terms) = model.split_once(SLA).ok_or("the model has no [[sla]]")?;
    for folder in ["partners", "probes", "members"] {
        fs::create_dir_all(to.join(folder))?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if !path.is_file() || name == WITHOUT_CONTRACT {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let text = match folder {
                "partners" => with_contract(&text, terms)?,
                _ => text,
            };
            fs::write(to.join(folder).join(name), text)?;
        }
    }
    let own = fs::read_to_string("outrider.toml")?;
    let path = to.join("outrider.toml");
    fs::write(&path, own.replace("var/outrider.db", "ledger.db"))?;
    Ok(path)
}

fn with_contract(text: &str, terms: &str) -> Result<String, Box<dyn Error>> {
    let (before, after) = text.split_once(COUNTED).ok_or("no counted probe")?;
    let (cadence, rest) = after.split_once('\n').ok_or("no cadence")?;
    if !cadence.starts_with("every = ") {
        return Err(format!("{cadence:?} is no cadence").into());
    }
    let rest = rest.split_once(SLA).map_or(rest, |(before, _)| before);
    let rest = rest.replace(TRANSPORT, &format!("{TRANSPORT}{TRANSPORT_OBJECTIVE}"));
    let (from, to) = TRANSPORT_TARGETS;
    let terms = terms.replace(from, to);
    Ok(format!("{before}{COUNTED}{EVERY}\n{rest}\n{SLA}{terms}"))
}
