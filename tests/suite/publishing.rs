//! The running agent publishes last month's report on the agreed day.

use chrono::{DateTime, Datelike as _, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{ReportingWindow, Zone};
use outrider_domain::sla::ReportPeriod;

use crate::reports::{BAD, GOOD, TERMS, config, error, key, seed};
use crate::support::{Agent, Config, eventually};

const OF: [(&str, &str); 2] = [("partner", "keystone"), ("window", "month")];

/// Last month in the contract's zone, its last instant, and whether its agreed day, the first of this month, is over.
struct LastMonth {
    name: String,
    until: DateTime<Utc>,
    is_late: bool,
}

/// A ledger with last month's runs, and files that have its report published in a folder.
fn last_month(more: &str) -> (Config, LastMonth) {
    let terms = TERMS.replace("publish_by = \"5d\"", "publish_by = \"1d\"");
    let config = config(&terms);
    let zone = Zone::named("America/New_York").unwrap();
    let today = zone.local(Clock::real().now()).date();
    let month = ReportPeriod::holding(ReportingWindow::Month, today);
    let month = month.and_then(|month| month.before()).unwrap();
    let (from, until) = month.instants(zone);
    seed(&config, "keystone", (from, until), |number| match number {
        100..110 => BAD,
        _ => GOOD,
    });
    let path = config.folder.path().join("outrider.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    config.write(
        "outrider.toml",
        &format!("{file}\n[report]\nfolder = \"published\"\n{more}"),
    );
    let month = LastMonth {
        name: month.name,
        until,
        is_late: today.day() > 1,
    };
    (config, month)
}

fn published_until(agent: &Agent) -> i64 {
    let sum = agent
        .metrics()
        .sum("outrider_report_published_timestamp_seconds", &OF);
    format!("{sum:.0}").parse().unwrap()
}

fn is_late(agent: &Agent) -> bool {
    agent.metrics().count("outrider_report_late", &OF) > 0
}

fn publications(config: &Config) -> u64 {
    config.in_ledger("SELECT count(*) FROM incident_events WHERE deed = 'report-publish'")
}

#[test]
fn the_report_and_the_index_are_written_whole_on_the_agreed_day_and_once() {
    let (config, month) = last_month("key = { file = \"report.pem\" }\n");
    let (_, public) = key(config.folder.path(), "report");
    let stem = format!("keystone-{}", month.name);
    // What a publisher left that ended before the ledger knew of it.
    std::fs::create_dir_all(config.folder.path().join("published").join(&stem)).unwrap();
    config.write(&format!("published/{stem}/half.html"), "<p>");
    let agent = config.agent_with(&[]);
    eventually("a published report", || {
        (published_until(&agent) == month.until.timestamp()).then_some(())
    });
    assert!(!is_late(&agent));
    let folder = config.folder.path().join("published");
    let index = eventually("an index", || {
        std::fs::read_to_string(folder.join("index.html")).ok()
    });
    assert!(index.contains(&format!("{stem}/{stem}.html")), "{index}");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["index.html", stem.as_str()]);
    assert!(!folder.join(&stem).join("half.html").exists());
    assert!(folder.join(&stem).join(format!("{stem}.pdf")).is_file());
    assert_eq!(agent.stop(), 0);

    let file = |ending: &str| format!("published/{stem}/{stem}.{ending}");
    let (json, evidence) = (file("json"), file("evidence"));
    let verify = [
        "report",
        "verify",
        &json,
        "--bundle",
        &evidence,
        "--ledger",
        "ledger.db",
    ];
    let verified = config.output(&[&verify[..], &["--key", &public.to_string_lossy()]].concat());
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    // Another start publishes nothing again.
    let written = |path: &str| {
        let of = std::fs::metadata(config.folder.path().join(path)).unwrap();
        of.modified().unwrap()
    };
    let before = written(&json);
    let agent = config.agent_with(&[]);
    eventually("the number after a restart", || {
        (published_until(&agent) == month.until.timestamp()).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    assert_eq!((written(&json), publications(&config)), (before, 1));
}

#[test]
fn a_name_that_the_pdf_cannot_draw_holds_no_report_back() {
    let (config, month) = last_month("");
    config.replace(
        "partners/keystone.toml",
        "Keystone <Health> Plan",
        "東京 Health",
    );
    let agent = config.agent_with(&[]);
    eventually("a published report", || {
        (published_until(&agent) == month.until.timestamp()).then_some(())
    });
    let stem = format!("keystone-{}", month.name);
    let file = |ending: &str| {
        let path = format!("published/{stem}/{stem}.{ending}");
        config.folder.path().join(path).is_file()
    };
    assert_eq!(["json", "html", "pdf"].map(file), [true, true, false]);
    let log = agent.log();
    assert!(log.contains("published without its PDF"), "{log}");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_report_that_cannot_be_written_is_late_until_it_can_or_somebody_publishes_it() {
    let (config, month) = last_month("");
    let folder = config.folder.path().join("published");
    config.write("published", "a file where the folder would be");
    let agent = config.agent_with(&[]);
    eventually("the reason", || {
        let log = agent.log();
        let is_said =
            log.contains("a report could not be published") && log.contains("published/keystone-");
        is_said.then_some(())
    });
    assert_eq!(is_late(&agent), month.is_late);
    assert_eq!((published_until(&agent), publications(&config)), (0, 0));
    std::fs::remove_file(&folder).unwrap();
    eventually("a published report", || {
        (published_until(&agent) == month.until.timestamp()).then_some(())
    });
    assert!(!is_late(&agent));
    // The command finds it published, and adds nothing.
    let by_hand = config.output(&[
        "report",
        "--partner",
        "keystone",
        "--period",
        &month.name,
        "--out",
        "again",
        "--publish",
    ]);
    assert!(by_hand.status.success(), "{}", error(&by_hand));
    let json = format!("keystone-{}.json", month.name);
    let here = folder.join(format!("keystone-{}", month.name)).join(&json);
    let read = |path| std::fs::read(path).unwrap();
    let again = config.folder.path().join("again").join(&json);
    assert_eq!(read(here), read(again));
    assert_eq!((agent.stop(), publications(&config)), (0, 1));
}

#[test]
fn a_folder_that_is_none_and_a_key_that_is_missing_are_named() {
    for (lines, code, says) in [
        ("[report]\n", 3, "`folder`"),
        ("[report]\nfolder = \"\"\n", 3, "`folder` is empty"),
        ("[report]\nfolder = \"r\"\npaper = \"a4\"\n", 3, "paper"),
        (
            "[report]\nfolder = \"r\"\nkey = { file = \"none.pem\" }\n",
            0,
            "the key for \"reports\" cannot be used",
        ),
    ] {
        let config = config(TERMS);
        let path = config.folder.path().join("outrider.toml");
        let file = std::fs::read_to_string(&path).unwrap();
        config.write("outrider.toml", &format!("{file}\n{lines}"));
        let output = config.output(&["check"]);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(output.status.code(), Some(code), "{lines}: {text}");
        assert!(text.contains(says), "{lines}: {text}");
    }
}
