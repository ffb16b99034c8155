//! `outrider report verify`: the figures again from their counts, the signature, and the counts
//! again from published quarter hours or from a ledger.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use outrider_domain::clock::Clock;
use outrider_domain::model::PartnerId;
use outrider_domain::sla::{Report, read_quarters};
use serde_json::Value;

use super::super::exit::Exit;
use super::super::files::Files;
use super::super::out;
use super::order::{failed, period};
use crate::agent::{self, BundleFault, COUNTS, read_bundle};
use crate::ledger::Ledger;
use crate::proof::{PublicProofKey, REPORT_TYPE, open_envelope};

/// What `report verify` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The report: its JSON, with the signature in FILE.sig, or its DSSE envelope
    file: PathBuf,
    /// The public key of who published it, in PEM
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Counts every figure again from what was published with the report: the folder PARTNER-PERIOD.evidence
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Makes the report again from this ledger and compares every byte; needs the files of the agent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
}

impl Verify {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let key = self.public_key()?;
        let bytes = std::fs::read(&self.file).map_err(|why| {
            out::print_error(&format!("outrider: {}: {why}", self.file.display()));
            Exit::CouldNotLook
        })?;
        let json = self.signed(bytes, key.as_ref())?;
        let report = self.figures(&json)?;
        if let Some(folder) = &self.bundle {
            self.evidence(&json, &report, folder)?;
        }
        if let Some(ledger) = &self.ledger {
            self.counts(&json, &report, ledger)?;
        }
        let partner = &report.partner.name;
        let what = format!(
            "{partner}, {}: figures and credits follow from the counts",
            report.period
        );
        match key {
            Some(key) => {
                let signed = format!("signed by {}", key.fingerprint());
                out::say(&format!("valid: {what}; {signed}"));
                Ok(Exit::Fine)
            }
            None => {
                out::print_error(&format!(
                    "outrider: {what}; the signature was not checked. Name the public key with --key"
                ));
                Err(Exit::CouldNotLook)
            }
        }
    }

    fn public_key(&self) -> Result<Option<PublicProofKey>, Exit> {
        let key = self.key.as_ref().map(|path| {
            PublicProofKey::read(path).map_err(|why| {
                out::print_error(&format!("outrider: --key {}: {why}", path.display()));
                Exit::CouldNotLook
            })
        });
        key.transpose()
    }

    /// The bytes of the report, once they are signed by the key where there is one.
    fn signed(&self, bytes: Vec<u8>, key: Option<&PublicProofKey>) -> Result<Vec<u8>, Exit> {
        let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
        if parsed.is_some_and(|value| value.get("payloadType").is_some()) {
            let opened = open_envelope(&bytes, REPORT_TYPE, key);
            return opened.map_err(|why| self.not_valid(&why.to_string()));
        }
        if let Some(key) = key {
            let path = with_ending(&self.file, ".sig");
            let signature = std::fs::read(&path).map_err(|why| {
                self.not_valid(&format!(
                    "its signature {} cannot be read: {why}",
                    path.display()
                ))
            })?;
            if !key.verifies(&bytes, &signature) {
                let why = "its signature is not of this key, or its bytes were changed";
                return Err(self.not_valid(why));
            }
        }
        Ok(bytes)
    }

    /// The report, once everything in it follows from its own counts and terms.
    fn figures(&self, json: &[u8]) -> Result<Report, Exit> {
        let report: Report = serde_json::from_slice(json)
            .map_err(|why| self.not_valid(&format!("it is no report: {why}")))?;
        let again = report.recomputed();
        let again = again.and_then(|report| report.json().ok());
        let again = again
            .ok_or_else(|| self.not_valid("its period or its terms cannot be those of a report"))?;
        self.same(json, again.as_bytes(), "follows from its counts and terms")?;
        Ok(report)
    }

    /// The same figures from the quarter hours that were published with the report.
    fn evidence(&self, json: &[u8], report: &Report, folder: &Path) -> Result<(), Exit> {
        let bundle = read_bundle(folder).map_err(|why| match why {
            BundleFault::Unreadable(why) => {
                out::print_error(&format!("outrider: --bundle {why}"));
                Exit::CouldNotLook
            }
            BundleFault::NotWhole(why) => self.not_valid(&why),
        })?;
        let quarters = read_quarters(&bundle.counts)
            .map_err(|why| self.not_valid(&format!("{COUNTS}: {why}")))?;
        let again = report.recounted(&quarters);
        let again = again.and_then(|report| report.json().ok());
        let again = again.ok_or_else(|| {
            self.not_valid(&format!(
                "{COUNTS} has a row that is of no promise of the report, or outside its period"
            ))
        })?;
        self.same(json, again.as_bytes(), &format!("follows from {COUNTS}"))?;
        let fault = bundle.fault(&report.source.counts_sha256);
        fault.map_or(Ok(()), |why| Err(self.not_valid(&why)))
    }

    /// The same report from a ledger, byte by byte.
    fn counts(&self, json: &[u8], report: &Report, ledger: &Path) -> Result<(), Exit> {
        let mut plan = self.files.plan()?;
        plan.settings.ledger = ledger.to_owned();
        let id = PartnerId::new(report.partner.id.as_str());
        let partner = plan.partners.get(&id).ok_or_else(|| {
            out::print_error(&format!("outrider: the files have no partner \"{id}\""));
            Exit::Config
        })?;
        let reader = Ledger::reader(ledger).map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Ledger
        })?;
        let period = period(&report.period)?;
        // As the docket was then: what was recorded later makes a later revision.
        let (now, through) = (Clock::real().now(), report.docketed.docket_through);
        let again = agent::report_through(&plan, &reader, partner, &period, (now, through))
            .map_err(failed)?;
        let again = again.report.json().map_err(|_| Exit::Internal)?;
        self.same(
            json,
            again.as_bytes(),
            "is what the ledger and the files say",
        )
    }

    fn same(&self, json: &[u8], wanted: &[u8], says: &str) -> Result<(), Exit> {
        if json == wanted {
            return Ok(());
        }
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let place = difference(&read(json), &read(wanted), String::new());
        let why = match place {
            Some((place, found, wanted)) => {
                format!("{place} is {found}; {wanted} {says}")
            }
            None => {
                "its bytes are not as this version writes them, though its values are".to_owned()
            }
        };
        Err(self.not_valid(&why))
    }

    fn not_valid(&self, why: &str) -> Exit {
        out::print_error(&format!(
            "outrider: {} is not valid: {why}",
            self.file.display()
        ));
        Exit::NotValid
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The place of the first difference (RFC 6901), with both values.
fn difference(found: &Value, wanted: &Value, place: String) -> Option<(String, String, String)> {
    match (found, wanted) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = other
                .keys()
                .chain(one.keys().filter(|key| !other.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or(Value::Null)
                };
                difference(&of(one), &of(other), format!("{place}/{key}"))
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let length = one.len().max(other.len());
            (0..length).find_map(|at| {
                let of = |list: &[Value]| list.get(at).cloned().unwrap_or(Value::Null);
                difference(&of(one), &of(other), format!("{place}/{at}"))
            })
        }
        (one, other) if one == other => None,
        (one, other) => Some((place, one.to_string(), other.to_string())),
    }
}
