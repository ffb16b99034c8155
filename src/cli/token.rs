//! `outrider token new`: a token, shown once, and the lines for the agent's file.

use outrider_domain::model::{PartnerId, Role, TokenHash};
use outrider_domain::secret::{new_token, token_hash};

use super::exit::Exit;
use super::files::Files;
use super::out;

/// What `token` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TokenCommand {
    /// Makes a token: prints it once, and the lines for the agent's file, which hold its SHA-256 alone
    New(New),
}

/// What `token new` takes.
#[derive(Debug, clap::Args)]
struct New {
    /// What it may see and do: viewer, operator, partner or machine
    #[arg(long)]
    role: String,
    /// The partner that a token with the role partner may see
    #[arg(long)]
    partner: Option<String>,
    /// What people call it; stands in the action log
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    files: Files,
}

/// The files that know the partner: mistakes in them do not matter, since a token may be what is missing.
fn need_partner(files: &Files, partner: &str) -> Result<(), Exit> {
    let (plan, _) = files.readable_plan();
    if plan.partners.contains_key(&PartnerId::new(partner)) {
        return Ok(());
    }
    let known: Vec<_> = plan.partners.keys().map(PartnerId::as_str).collect();
    let known = if known.is_empty() {
        let config = files.config.display();
        format!(
            "no partner can be read next to {config}; name the agent's file with --config, or see outrider check"
        )
    } else {
        format!("partners: {}", known.join(", "))
    };
    out::print_error(&format!(
        "outrider: there is no partner \"{partner}\"; {known}"
    ));
    Err(Exit::Usage)
}

impl Token {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let TokenCommand::New(new) = self.command;
        let partner = new.partner.as_deref();
        let Some(role) = Role::named(&new.role, partner) else {
            let help = match (new.role.as_str(), partner) {
                ("partner", _) => "--role partner takes --partner ID".to_owned(),
                (role, Some(_)) if Role::NAMES.contains(&role) => {
                    "--partner goes with --role partner alone".to_owned()
                }
                (role, _) => format!(
                    "there is no role \"{role}\"; roles: {}",
                    Role::NAMES.join(", ")
                ),
            };
            out::print_error(&format!("outrider: {help}"));
            return Err(Exit::Usage);
        };
        if let Some(partner) = partner {
            need_partner(&new.files, partner)?;
        }
        let token = new_token().ok_or_else(|| {
            out::print_error("outrider: the machine gives no random numbers");
            Exit::Internal
        })?;
        let name = new.name.unwrap_or_else(|| match partner {
            Some(partner) => format!("{partner}-1"),
            None => format!("{}-1", role.name()),
        });
        out::print_error("the token, which is shown this once:");
        out::say(token.reveal());
        out::print_error("\nadd to outrider.toml, and let the agent read it again (SIGHUP):");
        let hash = TokenHash(token_hash(token.reveal()));
        let mut lines = format!(
            "[access.token.{}]\nrole = \"{}\"\n",
            toml_key(&name),
            role.name()
        );
        if let Some(partner) = partner {
            lines.push_str(&format!("partner = {}\n", serde_json::json!(partner)));
        }
        lines.push_str(&format!("sha256 = \"{hash}\""));
        out::say(&lines);
        Ok(Exit::Fine)
    }
}

/// A key of a table, in quotes where it needs them.
fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        serde_json::json!(name).to_string()
    }
}
