//! `make demo-report`: SLA reports over a year of history of the demo's partners, made from a seed and written by the
//! ledger's own writer. Each report is signed, and verified from its evidence; those of the last month from the ledger
//! too. Nothing of it is measured: the files say what such reports look like.

mod files;
#[path = "../../tests/suite/seeded.rs"]
mod history;
mod record;
mod story;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrider::ledger::Ledger;
use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::{Plan, ReportingWindow, Scale, Zone};
use outrider_domain::sla::ReportPeriod;

use self::files::write_files;
use self::history::write_history;
use self::record::write_record;
use self::story::Story;

/// Where everything goes, from the root of the repository.
const FILES: &str = "var/demo/report";
const REPORTS: &str = "var/demo/reports";
/// The zone of the contracts.
const ZONE: &str = "America/New_York";
const MONTHS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock::real();
    let (began, now) = (clock.instant(), clock.now());
    let seed: u64 = std::env::args().nth(1).map_or(Ok(7), |word| word.parse())?;
    let zone = Zone::named(ZONE).ok_or("no such zone")?;
    let present = ReportPeriod::holding(ReportingWindow::Month, zone.local(now).date());
    let months: Vec<ReportPeriod> =
        std::iter::successors(present.and_then(|one| one.before()), ReportPeriod::before)
            .take(MONTHS)
            .collect();
    let (last, first) = months.first().zip(months.last()).ok_or("no months")?;
    let between = first.instants(zone).0..last.instants(zone).1;

    for folder in [FILES, REPORTS] {
        if Path::new(folder).exists() {
            std::fs::remove_dir_all(folder)?;
        }
    }
    let plan = plan(&write_files(Path::new(FILES))?)?;
    let mut ledger = Ledger::open(&plan.settings.ledger, Scale::REAL, between.start)?;
    let mut runs = 0;
    for partner in plan.partners.values() {
        let story = Story::new(seed, partner.id.as_str(), &between);
        runs += write_history(&mut ledger, &plan, partner, &between, |number, due_at| {
            story.run(number, due_at)
        })?;
    }
    write_record(&mut ledger, &plan, last, &between, now)?;
    ledger.close()?;
    say(&format!(
        "{runs} runs of {} partners, {} to {}, in {:.0} s",
        plan.partners.len(),
        first.name,
        last.name,
        clock
            .instant()
            .saturating_duration_since(began)
            .as_secs_f64()
    ));

    let outrider = Outrider::new()?;
    for month in &months {
        outrider.report(&month.name)?;
    }
    let quarter = ReportPeriod::holding(ReportingWindow::Quarter, zone.local(now).date());
    let quarter = quarter.and_then(|one| one.before()).ok_or("no quarter")?;
    outrider.report(&quarter.name)?;
    let mut verified = 0;
    for month in &months {
        for partner in plan.partners.keys() {
            let is_last = month.name == last.name;
            outrider.verify(&format!("{partner}-{}", month.name), is_last)?;
            verified += 1;
        }
    }
    say(&format!(
        "{verified} monthly reports verified with {}",
        outrider.public.display()
    ));
    let shown = plan
        .partners
        .keys()
        .map(|partner| format!("{partner}-{}.html", last.name));
    let overviews = [&last.name, &quarter.name].map(|name| format!("overview-{name}.html"));
    for name in overviews.into_iter().chain(shown) {
        say(&format!("{REPORTS}/{name}"));
    }
    let took = clock.instant().saturating_duration_since(began);
    say(&format!("done in {:.0} s", took.as_secs_f64()));
    Ok(())
}

/// The plan of the files, which must be right.
fn plan(path: &Path) -> Result<Plan, Box<dyn Error>> {
    config::load(path, None).map_err(|mistakes| {
        let mistakes = mistakes.0.iter().map(ToString::to_string);
        mistakes.collect::<Vec<_>>().join("\n").into()
    })
}

#[expect(
    clippy::print_stdout,
    reason = "the program of a demo talks to a person"
)]
fn say(text: &str) {
    println!("{text}");
}

/// The program as it is built next to this one, with a key of its own.
struct Outrider {
    program: PathBuf,
    private: PathBuf,
    public: PathBuf,
}

impl Outrider {
    fn new() -> Result<Self, Box<dyn Error>> {
        let here = std::env::current_exe()?;
        let built = here.parent().and_then(Path::parent).ok_or("no folder")?;
        let of = |name: &str| Path::new(FILES).join(name);
        let (private, public) = (of("report-key.pem"), of("report-key.pub.pem"));
        let openssl = |words: &[&str], out: &Path| {
            done(Command::new("openssl").args(words).arg("-out").arg(out))
        };
        openssl(&["genpkey", "-algorithm", "ed25519"], &private)?;
        openssl(
            &["pkey", "-pubout", "-in", &private.to_string_lossy()],
            &public,
        )?;
        Ok(Self {
            program: built.join("outrider"),
            private,
            public,
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let config = Path::new(FILES).join("outrider.toml");
        command.args(words).arg("--config").arg(config);
        command
    }

    fn report(&self, period: &str) -> Result<(), Box<dyn Error>> {
        let words = [
            "report",
            "--all",
            "--evidence",
            "--period",
            period,
            "--out",
            REPORTS,
        ];
        done(self.command(&words).arg("--key").arg(&self.private))
    }

    fn verify(&self, stem: &str, from_ledger: bool) -> Result<(), Box<dyn Error>> {
        let file = format!("{REPORTS}/{stem}.json");
        let evidence = format!("{REPORTS}/{stem}.evidence");
        let words = ["report", "verify", &file, "--bundle", &evidence];
        let mut command = self.command(&words);
        command.arg("--key").arg(&self.public);
        if from_ledger {
            command
                .arg("--ledger")
                .arg(Path::new(FILES).join("ledger.db"));
        }
        done(&mut command)
    }
}

/// Runs a command that must succeed; what it says where it does not.
fn done(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
