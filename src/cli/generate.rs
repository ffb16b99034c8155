//! `outrider generate`.

use std::fs;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use outrider_domain::model::Scale;
use outrider_domain::slo;

use super::exit::Exit;
use super::files::Files;
use super::out;
use crate::render::{self, FOLDERS, Generated, checks_page};

/// Where it is, the folder has Outrider's own book, whose page of checks is generated as well.
const BOOK: &str = "docs/SUMMARY.md";

/// What `generate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    #[command(flatten)]
    files: Files,
    /// Where alerts/ and dashboards/ are written, instead of next to the agent's file
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes nothing; says what is stale, missing or left over, and exits with 5
    #[arg(long)]
    check: bool,
    /// Divides every duration by this: the same rules for a drill in which a minute is a second
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    scale: NonZeroU32,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// What became, or would become, of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fresh,
    Stale,
    Missing,
    LeftOver,
}

impl Fate {
    fn found(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::LeftOver => "left over",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Fresh => "unchanged",
            Self::Stale | Self::Missing => "written",
            Self::LeftOver => "removed",
        }
    }
}

impl Generate {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let plan = self.files.scaled_plan(Scale::new(self.scale))?;
        let rendered = slo::objectives(&plan)
            .map_err(|why| why.to_string())
            .and_then(|all| render::all(&plan, &all).map_err(|why| why.to_string()));
        let mut generated = rendered.map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            Exit::Internal
        })?;
        let default = self.files.config.parent().unwrap_or(Path::new(""));
        let folder = self.out.clone().unwrap_or_else(|| default.to_owned());
        if folder.join(BOOK).is_file() {
            generated.push(checks_page());
        }
        if !self.json && plan.settings.alerting.page.is_none() {
            out::print_error(
                "warning: alertmanager.yml routes pages to no receiver. Set page = \"<webhook>\" under [alerting] in the \
                 agent's file",
            );
        }
        let ended = fates(&folder, &generated).and_then(|fates| {
            if !self.check {
                bring_about(&folder, &generated, &fates)?;
            }
            Ok(fates)
        });
        let fates = ended.map_err(|why| {
            out::print_error(&format!(
                "outrider: {why}. Give this user the right to it, or name another folder with --out"
            ));
            Exit::Config
        })?;
        Ok(self.tell(&fates))
    }

    fn tell(&self, fates: &[(String, Fate)]) -> Exit {
        let is_stale = self.check && fates.iter().any(|(_, fate)| *fate != Fate::Fresh);
        let word = |fate: &Fate| {
            if self.check {
                fate.found()
            } else {
                fate.done()
            }
        };
        if self.json {
            let files: Vec<_> = fates
                .iter()
                .map(|(path, fate)| serde_json::json!({"path": path, "fate": word(fate)}))
                .collect();
            out::say(&serde_json::json!({"fine": !is_stale, "files": files}).to_string());
        } else {
            for (path, fate) in fates.iter().filter(|(_, fate)| *fate != Fate::Fresh) {
                out::say(&format!("{:<10} {path}", word(fate)));
            }
            let fresh = fates
                .iter()
                .filter(|(_, fate)| *fate == Fate::Fresh)
                .count();
            out::say(&format!(
                "{} {}",
                out::counted(fresh, "file"),
                word(&Fate::Fresh)
            ));
            if is_stale {
                out::print_error("generated files are stale. Run: outrider generate");
            }
        }
        if is_stale { Exit::Stale } else { Exit::Fine }
    }
}

/// What is there against what should be, in order of path.
fn fates(folder: &Path, generated: &[Generated]) -> Result<Vec<(String, Fate)>, String> {
    let mut fates = Vec::new();
    for file in generated {
        let path = folder.join(&file.path);
        let fate = match fs::read(&path) {
            Ok(found) if found == file.text.as_bytes() => Fate::Fresh,
            Ok(_) => Fate::Stale,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Fate::Missing,
            Err(why) => return Err(format!("{} cannot be read: {why}", path.display())),
        };
        fates.push((file.path.clone(), fate));
    }
    for name in FOLDERS {
        for left in left_over(&folder.join(name))? {
            let path = format!("{name}/{left}");
            if generated.iter().all(|file| file.path != path) {
                fates.push((path, Fate::LeftOver));
            }
        }
    }
    fates.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(fates)
}

/// Files that an earlier `generate` wrote: they say so in their first line. Others are not ours.
fn left_over(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |why: std::io::Error| format!("{} cannot be read: {why}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(failed(why)),
    };
    let mut ours = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_ours = fs::read(&path).is_ok_and(|text| text.starts_with(render::HEADER.as_bytes()));
        let name = path.file_name().and_then(|name| name.to_str());
        ours.extend(name.filter(|_| is_ours).map(str::to_owned));
    }
    Ok(ours)
}

/// Writes each file whole or not at all, then takes away what is left over.
fn bring_about(
    folder: &Path,
    generated: &[Generated],
    fates: &[(String, Fate)],
) -> Result<(), String> {
    for (path, fate) in fates {
        let target = folder.join(path);
        let failed = |why: std::io::Error| format!("{} cannot be written: {why}", target.display());
        match (fate, generated.iter().find(|file| file.path == *path)) {
            (Fate::Stale | Fate::Missing, Some(file)) => {
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent).map_err(failed)?;
                }
                let aside = target.with_extension("part");
                fs::File::create(&aside)
                    .and_then(|mut part| {
                        part.write_all(file.text.as_bytes())?;
                        part.sync_all()
                    })
                    .and_then(|()| fs::rename(&aside, &target))
                    .map_err(failed)?;
            }
            (Fate::LeftOver, _) => fs::remove_file(&target).map_err(failed)?,
            (Fate::Fresh | Fate::Stale | Fate::Missing, _) => {}
        }
    }
    Ok(())
}
