//! `exchange capabilities`.

use clap::Args;
use exchange_sandbox::capability::{CapabilityProof, Proof, entries};
use exchange_sandbox::member::Payer;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::members::payer::payer;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only those of this partner, e.g. keystone.
    #[arg(long)]
    partner: Option<String>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut entries = entries().map_err(Failure::internal)?;
    if let Some(id) = &arguments.partner {
        let payer = payer(id)?;
        entries.retain(|entry| entry.capability.is_at(&payer));
    }
    if arguments.json {
        let list: Vec<Value> = entries.iter().map(as_json).collect();
        return say(&json!({"capabilities": list}).to_string());
    }
    let lines: Vec<String> = entries.iter().map(line).collect();
    say(&lines.join("\n"))
}

fn partners(entry: &CapabilityProof) -> Vec<&'static str> {
    let payers = Payer::ALL.into_iter();
    let has = payers.filter(|payer| entry.capability.is_at(payer));
    has.map(|payer| payer.id).collect()
}

fn as_json(entry: &CapabilityProof) -> Value {
    json!({
        "capability": entry.capability.name(),
        "what": entry.capability.what(),
        "source": entry.capability.source(),
        "partners": partners(entry),
        "proof": entry.proof,
    })
}

fn line(entry: &CapabilityProof) -> String {
    let proof = match &entry.proof {
        Proof::Journeys { journeys, cases } if cases.is_empty() => {
            format!("proved by {}", journeys.join(", "))
        }
        Proof::Journeys { journeys, cases } => {
            format!(
                "proved by {} with {}",
                journeys.join(", "),
                cases.join(", ")
            )
        }
        Proof::NotYetProvable { why } => format!("not yet provable: {why}"),
    };
    let name = entry.capability.name();
    format!("{name:26} {}\n{:26} {proof}", entry.capability.what(), "")
}
