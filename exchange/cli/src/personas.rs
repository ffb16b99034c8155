//! `exchange personas`.

use clap::Args;
use exchange_sandbox::control;
use exchange_sandbox::member::Payer;
use exchange_sandbox::persona::{self, PersonaEntry};

use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        return say(&control::matrix().to_string());
    }
    let text: Vec<String> = Payer::ALL
        .iter()
        .map(|payer| described(payer, &persona::entry(payer.persona)))
        .collect();
    say(&text.join("\n\n"))
}

fn described(payer: &Payer, entry: &PersonaEntry) -> String {
    let mut lines = vec![
        format!("{} ({}, {})", entry.persona.name(), payer.id, payer.name),
        format!("  like        {}", entry.grounding),
        format!("  speaks      PDex {}", entry.supported_versions.join(", ")),
    ];
    for (title, list) in [
        ("deprecated", entry.deprecated_fields),
        ("translate", entry.transforms),
        ("limits", entry.known_limits),
    ] {
        lines.extend(list.iter().map(|one| format!("  {title:<12}{one}")));
    }
    lines.join("\n")
}
