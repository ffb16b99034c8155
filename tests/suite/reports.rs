//! SLA reports: verdicts, credits and files from ledgers that the real writer filled, verified by openssl and by a JSON
//! Schema validator.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, TimeDelta, Utc};
use outrider::ledger::{Ledger, LedgerEntry};
use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::{PartnerId, Plan, Scale, Tick, Zone};
use serde_json::Value;

use crate::seeded::{SeededOutcome, write_history};
use crate::support::{Config, Pace, repository};

const ZONE: &str = "America/New_York";
pub(crate) const FILE: &str = "partners/keystone.toml";
/// A leap month that is over on any day this runs.
pub(crate) const MONTH: &str = "2024-02";

/// One run an hour.
const PACE: Pace<'static> = Pace {
    every: "1h",
    timeout: "10s",
    deadline: "1m",
    concurrency: 1,
};

pub(crate) const TERMS: &str = r#"
[[sla]]
owes = "partner"
to = "Bluestone Health"
measured_by = "Bluestone Health"
traffic = "synthetic"
unit = "runs"
timezone = "America/New_York"
window = "month"
net_or_raw = "net"
unmeasured = "worst-case"
publish_by = "5d"
dispute_within = "30d"
credits = { currency = "USD", fee = "12400.00", cumulative = true, cap = 50 }
[[sla.promise]]
of = "transport"
target = 99
credit = [{ from = 0, below = 99, percent = 5 }]
[[sla.promise]]
of = "application"
target = 98.5
credit = []
[[sla.promise]]
of = "business"
target = 97
credit = [{ from = 0, below = 95, percent = 30 }, { from = 95, below = 97, percent = 10 }]
"#;

pub(crate) const GOOD: SeededOutcome = [Some(true); 3];
pub(crate) const BAD: SeededOutcome = [Some(true), Some(true), Some(false)];
/// The agent was away.
pub(crate) const AWAY: SeededOutcome = [None; 3];

pub(crate) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

pub(crate) fn at(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    let midnight = self::day(year, month, day).and_hms_opt(0, 0, 0).unwrap();
    Zone::named(ZONE).unwrap().first_at(midnight)
}

fn plan(config: &Config) -> Plan {
    config::load(&config.folder.path().join("outrider.toml"), None)
        .unwrap_or_else(|why| panic!("{:?}", why.0))
}

pub(crate) fn config(terms: &str) -> Config {
    let config = Config::new(&PACE);
    let path = config.folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        path,
        format!("{text}{terms}").replace(
            "environment = \"sandbox\"",
            "environment = \"sandbox\"\nname = \"Keystone <Health> Plan\"",
        ),
    )
    .unwrap();
    config
}

/// Writes what an agent would have written of every start in `[from, until)`; `fate` gets the number of the start.
pub(crate) fn seed(
    config: &Config,
    partner: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    fate: impl Fn(usize) -> SeededOutcome,
) {
    let plan = plan(config);
    let path = config.folder.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, Scale::REAL, from).unwrap();
    let partner = &plan.partners[&PartnerId::new(partner)];
    let fate = |number, _| (fate(number), Duration::from_millis(1_234));
    write_history(&mut ledger, &plan, partner, &(from..until), fate).unwrap();
}

/// The month seeded with 25 bad business runs and two hours in which the agent was away.
pub(crate) fn a_bad_month() -> Config {
    let config = config(TERMS);
    seed(
        &config,
        "keystone",
        (at(2024, 2, 1), at(2024, 3, 1)),
        |number| match number {
            125..150 => BAD,
            250..252 => AWAY,
            _ => GOOD,
        },
    );
    config
}

pub(crate) fn report(config: &Config, more: &[&str]) -> Output {
    let arguments = ["report", "--partner", "keystone", "--period", MONTH];
    config.output(&[&arguments, more].concat())
}

/// The JSON of a report that is written to a folder.
pub(crate) fn written(config: &Config, more: &[&str]) -> Value {
    let output = report(config, &[&["--out", "reports"], more].concat());
    assert!(output.status.success(), "{output:?}");
    let path = config
        .folder
        .path()
        .join(format!("reports/keystone-{MONTH}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A key pair made by openssl: the private and the public half in PEM.
pub(crate) fn key(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (private, public) = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.pub.pem")),
    );
    openssl(&[
        "genpkey",
        "-algorithm",
        "ed25519",
        "-out",
        &private.to_string_lossy(),
    ]);
    openssl(&[
        "pkey",
        "-in",
        &private.to_string_lossy(),
        "-pubout",
        "-out",
        &public.to_string_lossy(),
    ]);
    (private, public)
}

fn openssl(arguments: &[&str]) -> Output {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// A signed report: the folder that holds it, the files of its JSON and of its envelope, and the public key.
pub(crate) struct SignedReport {
    pub(crate) config: Config,
    pub(crate) json: PathBuf,
    pub(crate) envelope: PathBuf,
    pub(crate) public: PathBuf,
}

pub(crate) fn signed_report() -> SignedReport {
    let config = a_bad_month();
    let (private, public) = key(config.folder.path(), "report");
    written(&config, &["--key", &private.to_string_lossy()]);
    let file = |ending: &str| {
        let name = format!("reports/keystone-{MONTH}.{ending}");
        config.folder.path().join(name)
    };
    SignedReport {
        json: file("json"),
        envelope: file("dsse.json"),
        public,
        config,
    }
}

#[test]
fn verdicts_and_credits_follow_from_whole_runs() {
    let config = a_bad_month();
    let report = written(&config, &[]);
    let agreement = &report["agreements"][0];
    let verdicts: Vec<_> = agreement["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["promise"].clone(), row["judgement"]["verdict"].clone()))
        .collect();
    // 29 days of 24 runs; 2 are unmeasured. 1 % allows 6 bad ones, 1.5 % 10, 3 % 20.
    assert_eq!(
        verdicts,
        [
            ("transport".into(), "met".into()),
            ("application".into(), "met".into()),
            ("business".into(), "missed".into()),
        ]
    );
    let business = &agreement["rows"][2];
    assert_eq!(business["net"]["due"], 696);
    assert_eq!(business["net"]["judged"], 694);
    assert_eq!(business["net"]["bad"], 25);
    assert_eq!(business["judgement"]["allowed_bad"], 20);
    assert_eq!(business["days"].as_array().unwrap().len(), 29);
    // (696 − 25) ÷ 696 is 96.4 %: 10 % of 12,400.00.
    assert_eq!(agreement["credit"]["amount_minor"], 124_000);
    assert_eq!(
        agreement["deadlines"]["publish_by"],
        day(2024, 3, 5).to_string()
    );
    assert_eq!(
        agreement["deadlines"]["object_by"],
        day(2024, 4, 4).to_string()
    );
    assert_eq!(report["coverage"][0]["missed"], 2);
    let page = config
        .folder
        .path()
        .join(format!("reports/keystone-{MONTH}.html"));
    let page = std::fs::read_to_string(page).unwrap();
    let answer = "Of 3 promises, 1 was missed and 2 were met. Keystone &#60;Health&#62; Plan owes Bluestone Health \
                  1,240.00 USD in credit. 99.7 % of the due runs were measured.";
    assert!(page.contains(answer), "{page}");
    for forbidden in ["<Health>", "<script", "http://", "https://", " on"] {
        let is_there = page.split('<').skip(1).any(|tag| {
            let tag = tag.split('>').next().unwrap_or_default();
            tag.contains(forbidden) && forbidden != " on" || tag.contains(" onclick")
        });
        assert!(!is_there, "a tag has {forbidden}");
    }
    let table = config
        .folder
        .path()
        .join(format!("reports/keystone-{MONTH}.promises.csv"));
    let table = std::fs::read_to_string(table).unwrap();
    assert_eq!(table.matches("\r\n").count(), 4, "{table}");
    assert!(
        table.contains("business,net,970000,696,694,669,25,2,"),
        "{table}"
    );
}

#[test]
fn the_json_meets_its_published_schema() {
    let report = written(&a_bad_month(), &[]);
    assert_eq!(schema_faults(&report), [""; 0]);
    let mut other = report;
    other["agreements"][0]["rows"][0]["verdict"] = "met".into();
    assert!(!schema_faults(&other).is_empty(), "an unknown field passes");
}

/// Where a report does not meet the published schema.
pub(crate) fn schema_faults(report: &Value) -> Vec<String> {
    let schema = repository().join("docs/report-1.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults = validator.iter_errors(report);
    faults
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

#[test]
fn the_same_month_gives_the_same_bytes_on_another_machine() {
    let here = a_bad_month();
    let there = config(TERMS);
    let copied = here.output(&["ledger", "backup", "copy.db"]);
    assert!(copied.status.success(), "{copied:?}");
    std::fs::copy(
        here.folder.path().join("copy.db"),
        there.folder.path().join("ledger.db"),
    )
    .unwrap();
    let (private, _) = key(here.folder.path(), "report");
    let private = private.to_string_lossy().into_owned();
    let mut all = Vec::new();
    for config in [&here, &there] {
        written(config, &["--key", &private, "--format", "html,csv,pdf"]);
        let mut files: Vec<_> = std::fs::read_dir(config.folder.path().join("reports"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let files = files.iter().map(|path| {
            let name = path.file_name().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        });
        all.push(files.collect::<Vec<_>>());
    }
    assert_eq!(all[0].len(), 7, "{:?}", all[0]);
    assert!(all[0] == all[1], "the files differ");
}

#[test]
fn a_signed_report_is_verified_by_openssl_and_by_us_and_a_changed_one_by_neither() {
    let SignedReport {
        config,
        json: path,
        public,
        ..
    } = signed_report();
    let (_, other) = key(config.folder.path(), "other");
    let (public, other) = (public.to_string_lossy(), other.to_string_lossy());
    let json = format!("reports/keystone-{MONTH}.json");
    let path = path.to_string_lossy().into_owned();
    let signature = format!("{path}.sig");
    let by_openssl = |json: &str| {
        Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin"])
            .args(["-in", json, "-sigfile", &signature])
            .output()
            .unwrap()
            .status
            .success()
    };
    let verify = |more: &[&str]| {
        let output = config.output(&[&["report", "verify"], more].concat());
        (output.status.code().unwrap(), error(&output))
    };
    assert!(by_openssl(&path));
    let envelope = format!("reports/keystone-{MONTH}.dsse.json");
    for file in [&json, &envelope] {
        assert_eq!(verify(&[file, "--key", &public]), (0, String::new()));
        let (code, why) = verify(&[file, "--key", &other]);
        assert_eq!(code, 8, "{why}");
        let (code, why) = verify(&[file]);
        assert_eq!(code, 7, "{why}");
        assert!(why.contains("--key"), "{why}");
    }
    let ledger = ["--ledger", "ledger.db"];
    assert_eq!(
        verify(&[&[json.as_str(), "--key", &public][..], &ledger].concat()).0,
        0
    );
    assert_eq!(verify(&[&json, "--key", "none.pem"]).0, 7);

    // One bad run less: the figures no longer follow, nor is the signature of these bytes.
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replacen("\"bad\": 25", "\"bad\": 24", 1);
    assert_ne!(changed, text);
    std::fs::write(&path, &changed).unwrap();
    assert!(!by_openssl(&path));
    assert_eq!(verify(&[&json, "--key", &public]).0, 8);
    let (code, why) = verify(&[&json]);
    assert_eq!(code, 8);
    let named =
        "/agreements/0/rows/2/net/achieved_ppm is 963976; 965417 follows from its counts and terms";
    assert!(why.contains(named), "{why}");

    // All figures moved alike: only the ledger knows.
    std::fs::write(&path, text.replace("Bluestone Health", "Redstone Health")).unwrap();
    assert_eq!(verify(&[&json]).0, 7);
    let (code, why) = verify(&[&[json.as_str()][..], &ledger].concat());
    assert_eq!(code, 8);
    assert!(
        why.contains("/agreements/0/measured_by is \"Redstone Health\""),
        "{why}"
    );
}

/// The evidence of a report, and what verifying the report with it says.
struct Evidence<'a> {
    config: &'a Config,
    folder: PathBuf,
}

impl Evidence<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn verify(&self) -> (i32, String) {
        let json = format!("reports/keystone-{MONTH}.json");
        let folder = self.folder.to_string_lossy();
        let arguments = ["report", "verify", &json, "--bundle", &folder];
        let output = self
            .config
            .output(&[&arguments[..], &["--key", "report.pub.pem"]].concat());
        (output.status.code().unwrap(), error(&output))
    }

    /// What verifying says once a file has another text, which is taken back.
    fn with(&self, name: &str, change: impl Fn(&str) -> String) -> String {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert!(changed != text, "{name} is as it was");
        std::fs::write(&path, changed).unwrap();
        let (code, why) = self.verify();
        std::fs::write(&path, text).unwrap();
        assert_eq!(code, 8, "{why}");
        why
    }
}

fn evidence(config: &Config) -> Evidence<'_> {
    let (private, _) = key(config.folder.path(), "report");
    written(config, &["--evidence", "--key", &private.to_string_lossy()]);
    let folder = format!("reports/keystone-{MONTH}.evidence");
    Evidence {
        folder: config.folder.path().join(folder),
        config,
    }
}

#[test]
fn whoever_has_the_evidence_counts_each_figure_again() {
    let config = a_bad_month();
    let evidence = evidence(&config);
    assert_eq!(evidence.verify(), (0, String::new()));
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&evidence.folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let table = std::fs::read_to_string(evidence.path("counts.csv")).unwrap();
    // The head, and a row for each run of each of three objectives.
    assert_eq!(table.matches("\r\n").count(), 1 + 3 * 696);

    // A run that was bad is good; a row is gone; one is another objective's, another day's, or none at all.
    let find = |ending: &str| {
        let of_business = |row: &&str| row.starts_with("business,") && row.ends_with(ending);
        table.split("\r\n").find(of_business).unwrap()
    };
    let (bad, good) = (find(",1,0,1,1,0,0,0,0"), find(",1,0,1,0,0,0,0,0"));
    let swap = |row: &str, other: &str| {
        let (row, other) = (row.to_owned(), other.to_owned());
        evidence.with("counts.csv", |text| text.replacen(&row, &other, 1))
    };
    let why = swap(bad, &bad.replace(",1,0,1,1,", ",1,0,1,0,"));
    assert!(
        why.contains("/bad is 19; 18 follows from counts.csv"),
        "{why}"
    );
    let why = swap(&format!("{good}\r\n"), "");
    assert!(
        why.contains("/due is 24; 23 follows from counts.csv"),
        "{why}"
    );
    let why = swap(good, &good.replace("business", "latency"));
    assert!(why.contains("a row that is of no promise"), "{why}");
    let why = swap(good, &good.replace("2024-", "2023-"));
    assert!(why.contains("outside its period"), "{why}");
    let why = swap(good, &good.replace(",1,0,1,0,", ",1,0,x,0,"));
    assert!(
        why.contains("counts.csv: line ") && why.contains(",x,"),
        "{why}"
    );
    // The same sums in other rows: the digest knows.
    let (hour, rest) = good.split_at(good.find(":00Z").unwrap() - 2);
    let why = swap(good, &format!("{hour}07{}", &rest[2..]));
    assert!(why.contains("/source/counts_sha256 is "), "{why}");
    let why = evidence.with("SHA256SUMS", |text| text.replacen("  counts", "  count", 1));
    assert!(
        why.contains("SHA256SUMS does not state the digest of counts.csv"),
        "{why}"
    );

    std::fs::write(evidence.path("notes.txt"), "").unwrap();
    let (code, why) = evidence.verify();
    assert_eq!(code, 8);
    assert!(why.contains("no part of it, \"notes.txt\""), "{why}");
    // Written again, it replaces what stands there.
    self::evidence(&config);
    assert_eq!(evidence.verify(), (0, String::new()));
    std::fs::remove_file(evidence.path("SHA256SUMS")).unwrap();
    let (code, why) = evidence.verify();
    assert_eq!(code, 8);
    assert!(why.contains("has no SHA256SUMS"), "{why}");
    std::fs::remove_dir_all(&evidence.folder).unwrap();
    assert_eq!(evidence.verify().0, 7);
}

#[test]
fn evidence_tells_epochs_windows_and_time_without_a_record_apart() {
    let window = format!(
        "[[calendar]]\nreason = \"upgrade\"\neffects = [\"exclude\"]\nfrom = \"{}\"\nto = \"{}\"\n",
        at(2024, 2, 10).to_rfc3339(),
        at(2024, 2, 12).to_rfc3339()
    );
    let config = config(&format!("{window}{TERMS}"));
    let (begin, change, end) = (at(2024, 2, 11), at(2024, 2, 20), at(2024, 3, 1));
    seed(&config, "keystone", (begin, change), |_| GOOD);
    config.replace(FILE, "\"1h\"", "\"30m\"");
    seed(&config, "keystone", (change, end), |number| {
        if number < 7 { BAD } else { GOOD }
    });
    let evidence = evidence(&config);
    assert_eq!(evidence.verify(), (0, String::new()));
    // What the schedule alone knows becomes a record of an epoch.
    let why = evidence.with("counts.csv", |text| text.replacen("Z,,", "Z,1,", 1));
    assert!(why.contains("follows from counts.csv"), "{why}");
    // An epoch that the report does not tell of.
    let why = evidence.with("counts.csv", |text| text.replacen("Z,2,", "Z,3,", 1));
    assert!(why.contains("follows from counts.csv"), "{why}");
}

#[test]
fn what_was_not_measured_is_not_demonstrable() {
    // An agent that began on the 15th: the first half of the month was planned and has no record.
    let config = config(TERMS);
    let (begin, end) = (at(2024, 2, 15), at(2024, 3, 1));
    seed(&config, "keystone", (begin, end), |_| GOOD);
    let report = written(&config, &[]);
    let row = &report["agreements"][0]["rows"][2];
    assert_eq!(row["net"]["due"], 696);
    assert_eq!(row["net"]["judged"], 15 * 24);
    assert_eq!(row["unrecorded_runs"], 14 * 24);
    assert_eq!(row["judgement"]["verdict"], "not-demonstrable");
    // 336 are unmeasured and 20 may be bad.
    assert_eq!(row["judgement"]["good_runs_needed"], 336 - 20);
    assert_eq!(report["agreements"][0]["credit"]["amount_minor"], 0);
    // Where the contract leaves them out, its floor decides.
    for (floor, verdict) in [("50", "met"), ("60", "not-demonstrable")] {
        let leave = format!("\"leave-out\"\ncoverage_floor = {floor}");
        let terms = TERMS.replace("\"worst-case\"", &leave);
        let other = self::config(&terms);
        std::fs::copy(
            config.folder.path().join("ledger.db"),
            other.folder.path().join("ledger.db"),
        )
        .unwrap();
        let report = written(&other, &[]);
        let row = &report["agreements"][0]["rows"][2];
        assert_eq!(row["judgement"]["verdict"], verdict, "{floor}");
    }
}

#[test]
fn what_a_full_ledger_gave_up_is_not_demonstrable() {
    // The counts of half the month were added up to their first quarter hour, as the last stage of `ledger_max` does.
    let config = config(TERMS);
    let (begin, end) = (at(2024, 2, 1), at(2024, 3, 1));
    seed(&config, "keystone", (begin, end), |_| GOOD);
    let row = &written(&config, &[])["agreements"][0]["rows"][2];
    assert_eq!(row["judgement"]["verdict"], "met");
    let ledger = rusqlite::Connection::open(config.folder.path().join("ledger.db")).unwrap();
    let folded = at(2024, 2, 15).timestamp_micros().to_string();
    let mark = "INSERT INTO meta (key, value) VALUES ('folded_before_us', ?1)";
    ledger.execute(mark, [folded]).unwrap();
    drop(ledger);
    let report = written(&config, &[]);
    let row = &report["agreements"][0]["rows"][2];
    assert_eq!(row["net"]["due"], 696);
    assert_eq!(row["net"]["judged"], 15 * 24);
    assert_eq!(row["unrecorded_runs"], 14 * 24);
    assert_eq!(row["judgement"]["verdict"], "not-demonstrable");
    // A month that was given up whole shows no verdict in the trend either.
    let trend = row["trend"].as_array().unwrap();
    assert_eq!(trend[trend.len() - 2]["verdict"], Value::Null);
}

#[test]
fn reports_that_are_written_at_once_are_whole_and_leave_nothing_else() {
    let config = a_bad_month();
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(|| written(&config, &[]));
        (written(&config, &[]), other.join().unwrap())
    });
    assert_eq!(both.0, both.1);
    let folder = config.folder.path().join("reports");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    let is_left = |names: &[String]| names.iter().any(|name| name.ends_with(".part"));
    assert!(!is_left(&names()), "{:?}", names());
    // A place that cannot be written to: the reason is named, and nothing is left of it.
    let path = folder.join(format!("keystone-{MONTH}.json"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let output = report(&config, &["--out", "reports"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let named = format!("keystone-{MONTH}.json");
    assert!(error(&output).contains(&named), "{output:?}");
    assert!(!is_left(&names()), "{:?}", names());
}

#[test]
fn a_schedule_that_changed_within_the_month_is_shown_in_parts_of_one_figure() {
    let config = config(TERMS);
    let (begin, change, end) = (at(2024, 2, 1), at(2024, 2, 11), at(2024, 3, 1));
    seed(&config, "keystone", (begin, change), |_| GOOD);
    config.replace(FILE, "\"1h\"", "\"30m\"");
    seed(&config, "keystone", (change, end), |number| {
        if number < 7 { BAD } else { GOOD }
    });
    let row = &written(&config, &[])["agreements"][0]["rows"][2];
    let part = |place: usize| &row["parts"][place];
    assert_eq!(row["parts"].as_array().unwrap().len(), 2, "{row}");
    assert_eq!((&part(0)["due"], &part(0)["bad"]), (&240.into(), &0.into()));
    assert_eq!((&part(1)["due"], &part(1)["bad"]), (&912.into(), &7.into()));
    let change = "bulk-exchange every 30m (was every 1h)";
    assert_eq!(part(1)["changes"][0], change);
    assert_eq!(
        (&row["net"]["due"], &row["net"]["bad"]),
        (&1_152.into(), &7.into())
    );
    let page = config
        .folder
        .path()
        .join(format!("reports/keystone-{MONTH}.html"));
    assert!(std::fs::read_to_string(page).unwrap().contains(change));
}

#[test]
fn what_the_sla_leaves_out_leaves_both_counts() {
    // The bad runs lie in a window that the SLA leaves out, in which all runs were bad.
    let window = "[[calendar]]\nreason = \"upgrade\"\neffects = [\"exclude\"]\n";
    let window = format!(
        "{window}from = \"{}\"\nto = \"{}\"\n",
        at(2024, 2, 10).to_rfc3339(),
        at(2024, 2, 11).to_rfc3339()
    );
    let config = config(&format!("{window}{TERMS}"));
    let day = 9 * 24..10 * 24;
    seed(
        &config,
        "keystone",
        (at(2024, 2, 1), at(2024, 3, 1)),
        |number| {
            if day.contains(&number) { BAD } else { GOOD }
        },
    );
    let row = &written(&config, &[])["agreements"][0]["rows"][2];
    assert_eq!(
        (&row["raw"]["due"], &row["raw"]["bad"]),
        (&696.into(), &24.into())
    );
    assert_eq!(
        (&row["net"]["due"], &row["net"]["bad"]),
        (&672.into(), &0.into())
    );
    assert_eq!(row["left_out_runs"], 24);
    assert_eq!(row["judgement"]["verdict"], "met");
    // On the raw basis the same month is missed.
    config.replace(FILE, "net_or_raw = \"net\"", "net_or_raw = \"raw\"");
    let row = &written(&config, &[])["agreements"][0]["rows"][2];
    assert_eq!(row["judgement"]["verdict"], "missed");
}

#[test]
fn a_partner_alone_is_reported_as_among_all_and_by_quarter_and_week() {
    let config = a_bad_month();
    let text = std::fs::read_to_string(config.folder.path().join(FILE)).unwrap();
    config.write(
        "partners/lakeside.toml",
        &text.replace("\"keystone", "\"lakeside"),
    );
    seed(
        &config,
        "lakeside",
        (at(2024, 2, 1), at(2024, 3, 1)),
        |_| AWAY,
    );
    let alone = written(&config, &[]);
    let all = config.output(&["report", "--all", "--period", MONTH, "--out", "all"]);
    assert!(all.status.success(), "{all:?}");
    let read = |name: &str| -> Value {
        let path = config.folder.path().join(format!("all/{name}.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(read(&format!("keystone-{MONTH}")), alone);
    let other = read(&format!("lakeside-{MONTH}"));
    for row in other["agreements"][0]["rows"].as_array().unwrap() {
        assert_eq!(row["judgement"]["verdict"], "not-demonstrable");
    }
    // Who missed a promise comes first on the page over all.
    let overview = config
        .folder
        .path()
        .join(format!("all/overview-{MONTH}.html"));
    let overview = std::fs::read_to_string(overview).unwrap();
    let answer = "1 of 2 partners missed a promise. For 1 partner too little was measured to say. Credits that \
                  partners owe: 1,240.00 USD.";
    assert!(overview.contains(answer), "{overview}");
    let place = |name: &str| overview.find(&format!("{name}-{MONTH}.html")).unwrap();
    assert!(place("keystone") < place("lakeside"));
    // A quarter holds its months; no credit is worked out for what is no reporting window.
    let arguments = [
        "report",
        "--partner",
        "keystone",
        "--out",
        "all",
        "--period",
    ];
    for (period, due) in [("2024-Q1", 91 * 24 - 1), ("2024-W06", 7 * 24)] {
        let output = config.output(&[&arguments[..], &[period]].concat());
        assert!(output.status.success(), "{output:?}");
        let report = read(&format!("keystone-{period}"));
        assert_eq!(
            report["agreements"][0]["rows"][2]["net"]["due"], due,
            "{period}"
        );
        assert_eq!(report["agreements"][0]["credit"], Value::Null);
    }
}

#[test]
fn what_cannot_be_reported_says_why_and_what_to_do() {
    let config = a_bad_month();
    let now = Clock::real().now();
    let this_month = now.format("%Y-%m").to_string();
    let in_two_years = now.checked_add_months(Months::new(24)).unwrap();
    let ahead = format!("{}-Q1", in_two_years.year());
    let said = |partner: &str, period: &str| {
        let output = config.output(&["report", "--partner", partner, "--period", period]);
        (output.status.code().unwrap(), error(&output))
    };
    let cases = [
        ("keyston", MONTH, 2, "Did you mean \"keystone\"?"),
        ("keystone", "2024-13", 2, "the calendar has no 2024-13"),
        (
            "keystone",
            "last-month",
            2,
            "\"last-month\" is no period. Write a month (2026-10)",
        ),
        ("keystone", &ahead, 2, "is over: it begins 2"),
        (
            "keystone",
            &this_month,
            2,
            "A report is of a period that is over",
        ),
    ];
    for (partner, period, code, why) in cases {
        let (found, text) = said(partner, period);
        assert_eq!(found, code, "{text}");
        // On the first day of a month there are no days so far.
        let also = "For the days so far write --period";
        let is_said = text.contains(why) || (period == this_month && text.contains(also));
        assert!(is_said, "{period}: {text}");
    }
    let nobodys = config.output(&["report", "--period", MONTH]);
    assert_eq!(nobodys.status.code(), Some(2));
    let why = error(&nobodys);
    assert!(why.contains("--partner") && why.contains("--all"), "{why}");
    config.replace(FILE, TERMS, "");
    let (code, why) = said("keystone", MONTH);
    assert_eq!(code, 3);
    assert!(
        why.contains("keystone has no [[sla]]. Add one to partners/keystone.toml"),
        "{why}"
    );
    let none = config.output(&["report", "--all", "--period", MONTH]);
    assert_eq!(none.status.code(), Some(2));
    // A run that goes on could still change the figures.
    let config = a_bad_month();
    let plan = plan(&config);
    let path = config.folder.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, Scale::REAL, now).unwrap();
    let tick = Tick {
        probe: plan.probes.keys().next().unwrap().clone(),
        due_at: at(2024, 2, 29) + TimeDelta::minutes(5),
    };
    ledger.commit(&[LedgerEntry::TickOpened(&tick)]).unwrap();
    let output = report(&config, &[]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(error(&output).contains("has no end yet"), "{output:?}");
}
