//! `outrider schedule show`: what will run, when, and what it costs each partner.

use std::io::IsTerminal;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::PartnerId;
use outrider_domain::schedule;

use super::exit::Exit;
use super::files::Files;
use super::out;
use crate::render;

/// The longest stretch that is shown.
const SHOWN_MAX: TimeDelta = TimeDelta::days(31);

/// What `schedule` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Schedule {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What will run, when, what it costs each partner, and what calendars hold back
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// How far ahead, such as 24h or 7d
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    stretch: String,
    /// From when (RFC 3339), instead of now
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,
    /// One partner only: the id of a file in partners/
    #[arg(long)]
    partner: Option<String>,
    #[command(flatten)]
    files: Files,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Schedule {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.what {
            What::Show(show) => show.carry_out(),
        }
    }
}

impl Show {
    fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.plan()?;
        let stretch = config::duration(&self.stretch)
            .and_then(|stretch| TimeDelta::from_std(stretch).ok())
            .filter(|stretch| *stretch <= SHOWN_MAX);
        let Some(stretch) = stretch else {
            out::print_error(&format!(
                "--for {} cannot be shown. Write such as 24h or 7d, up to {}d",
                self.stretch,
                SHOWN_MAX.num_days()
            ));
            return Err(Exit::Usage);
        };
        let partner = self.partner.as_deref().map(PartnerId::new);
        if let Some(unknown) = partner
            .as_ref()
            .filter(|id| !plan.partners.contains_key(*id))
        {
            let known: Vec<_> = plan.partners.keys().map(PartnerId::as_str).collect();
            out::print_error(&format!(
                "no partner \"{unknown}\". Partners: {}",
                known.join(", ")
            ));
            return Err(Exit::Usage);
        }
        let from = self.from.unwrap_or_else(|| Clock::real().now());
        let Some(to) = from.checked_add_signed(stretch) else {
            out::print_error("--from lies beyond any calendar. Name an earlier time");
            return Err(Exit::Usage);
        };
        let agenda = schedule::agenda(&plan, partner.as_ref(), from, to);
        if self.json {
            out::say(&render::agenda_json(&agenda).to_string());
        } else {
            // The picture is for people; a pipe gets the lines alone.
            let is_terminal = std::io::stdout().is_terminal();
            out::say(render::agenda_text(&agenda, is_terminal).trim_end());
        }
        Ok(Exit::Fine)
    }
}
