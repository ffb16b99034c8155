//! `outrider checks`.

use outrider_domain::config::nearest;
use outrider_domain::model::catalogue;

use super::exit::Exit;
use super::out;
use crate::render::{check_names, check_text, checks_json, checks_named, checks_text};

/// What `checks` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Checks {
    /// One check whole: its name or its id
    name: Option<String>,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Checks {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let found = match &self.name {
            Some(name) => Some(checks_named(name).ok_or_else(|| unknown(name))?),
            None => None,
        };
        if self.json {
            let checks = found.as_deref().unwrap_or(catalogue::ALL);
            out::say(&checks_json(checks).to_string());
            return Ok(Exit::Fine);
        }
        match found {
            Some(found) => {
                let texts = found.iter().map(|check| check_text(check, out::paint()));
                out::say(&texts.collect::<Vec<_>>().join("\n\n"));
            }
            None => out::say(&checks_text(out::paint())),
        }
        Ok(Exit::Fine)
    }
}

fn unknown(name: &str) -> Exit {
    let help = match nearest(name, check_names()) {
        Some(near) => format!("Did you mean \"{near}\"?"),
        None => "`outrider checks` lists them all".to_owned(),
    };
    out::print_error(&format!("outrider: no check is called \"{name}\". {help}"));
    Exit::Usage
}
