//! `exchange check`: every mistake of an `exchange.toml`, without starting anything.

use std::path::PathBuf;

use clap::Args;
use exchange_core::config;
use exchange_core::grants::{Grant, Scope};
use exchange_kit::count::counted;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file to check.
    #[arg(long, default_value = "exchange.toml")]
    config: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config =
        config::load(&arguments.config).map_err(|complaints| Failure::wrong(&complaints))?;
    if arguments.json {
        let clients: Vec<Value> = config.clients.iter().map(client).collect();
        return say(&json!({
            "listen": config.listen,
            "scale": config.scale,
            "store_mib": config.store_mib,
            "retention": {
                "audit_years": config.retention.audit_years,
                "managed_care_years": config.retention.managed_care_years,
                "payload_days": config.retention.payload_days,
                "synthetic_days": config.retention.synthetic_days,
            },
            "clients": clients,
        })
        .to_string());
    }
    let mut lines = vec![format!(
        "{} is sound: listens on {}, {} MiB for the database and as much for payloads",
        arguments.config.display(),
        config.listen,
        config.store_mib
    )];
    let kept = config.retention;
    lines.push(format!(
        "keeps records {}, of managed care {}; payloads {} after their receipt; invented members {}",
        counted(kept.audit_years, "year"),
        counted(kept.managed_care_years, "year"),
        counted(kept.payload_days, "day"),
        counted(kept.synthetic_days, "day")
    ));
    for grant in &config.clients {
        lines.push(format!(
            "client {:16} tenant {:16} {}",
            grant.id,
            grant.tenant,
            words(grant).join(" ")
        ));
    }
    say(&lines.join("\n"))
}

fn words(grant: &Grant) -> Vec<&'static str> {
    grant.scopes.iter().copied().map(Scope::name).collect()
}

fn client(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "tenant": grant.tenant,
        "scopes": words(grant),
        "source_payers": grant.source_payers,
        "traffic": grant.traffic.name(),
        "jwks": grant.jwks,
    })
}
