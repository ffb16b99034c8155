//! Incidents, exclusions, disputes and revisions of reports, over the real command line.

use std::process::Output;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::Zone;
use serde_json::Value;

use crate::access::token;
use crate::report_pdf;
use crate::reports::{
    BAD, GOOD, MONTH, TERMS, a_bad_month, at, config, day, error, key, schema_faults, seed, written,
};
use crate::support::Config;

const WHY: [&str; 4] = ["--reason", "maintenance", "--note", "agreed by telephone"];

/// A command about keystone.
fn about(config: &Config, arguments: &[&str]) -> Output {
    config.output(&[arguments, &["--partner", "keystone"]].concat())
}

/// What a command says that must succeed.
fn done(config: &Config, arguments: &[&str]) -> String {
    let output = about(config, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command says that must be refused.
fn refused(config: &Config, arguments: &[&str]) -> String {
    let output = about(config, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    error(&output)
}

fn words(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The 25 hours in which the runs of the bad month were bad.
fn bad_hours() -> (String, String) {
    let begin = at(2024, 2, 1) + TimeDelta::hours(125);
    (words(begin), words(begin + TimeDelta::hours(25)))
}

fn add(config: &Config, from: &str, to: &str) -> String {
    let window = ["exclusion", "add", "--from", from, "--to", to];
    done(config, &[&window[..], &WHY].concat())
}

/// Names an operator in the agent's file; the name of the file with the token.
fn operator(config: &Config, name: &str) -> String {
    let (token, lines) = token(config, &["--role", "operator", "--name", name]);
    let path = config.folder.path().join("outrider.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    config.write("outrider.toml", &format!("{file}\n{lines}"));
    let name = format!("{name}.token");
    config.write(&name, token.trim_start_matches("Bearer "));
    name
}

fn file(config: &Config, name: &str) -> String {
    let path = config.folder.path().join("reports").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn an_exclusion_leaves_both_counts_once_somebody_else_approved_it() {
    let config = a_bad_month();
    let (from, to) = bad_hours();
    assert_eq!(add(&config, &from, &to), "exclusion-add: recorded as 1\n");
    // Proposed, it changes nothing, and whoever reads the report sees it.
    let report = written(&config, &[]);
    let business = |report: &Value| report["agreements"][0]["rows"][2].clone();
    assert_eq!(business(&report)["net"]["bad"], 25);
    let exclusion = &report["exclusions"][0];
    assert_eq!(exclusion["state"], "proposed");
    let runs = serde_json::json!({"promise": "business", "due": 25, "judged": 25, "bad": 25});
    assert_eq!(exclusion["removes"][2], runs);
    let page = file(&config, &format!("keystone-{MONTH}.html"));
    assert!(page.contains("is proposed. Its runs count until it is approved."));
    assert!(file(&config, &format!("keystone-{MONTH}.exclusions.csv")).contains("proposed"));
    // Who added it cannot approve it, whatever name they type.
    let approve = [&["exclusion", "approve", "1"][..], &WHY].concat();
    let named = [&approve[..], &["--by", "Somebody Else"]].concat();
    for attempt in [&approve, &named] {
        assert!(refused(&config, attempt).contains("cannot approve it too"));
    }
    // The same user is the same person to a running agent, by its local token; a token of its own is another.
    let token = operator(&config, "dana");
    let agent = config.agent_with(&[]);
    let address = agent.url("").trim_start_matches("http://").to_owned();
    let there = ["--agent", &address];
    let local = refused(&config, &[&approve[..], &there].concat());
    assert!(local.contains("cannot approve it too"), "{local}");
    let with_token = [&there[..], &["--token-file", &token]].concat();
    done(&config, &[&approve[..], &with_token].concat());
    let again = refused(&config, &[&approve[..], &with_token].concat());
    assert!(again.contains("exclusion 1 is approved already"), "{again}");
    // A second one over a part of the same hours leaves nothing out twice.
    let until = words(at(2024, 2, 1) + TimeDelta::hours(151));
    let window = ["exclusion", "add", "--from", &from, "--to", &until];
    let second = done(&config, &[&window[..], &WHY, &there].concat());
    let number = second.trim().rsplit(' ').next().unwrap().to_owned();
    let second = [&["exclusion", "approve", &number][..], &WHY, &with_token].concat();
    done(&config, &second);
    assert_eq!(agent.stop(), 0);

    let (private, public) = key(config.folder.path(), "report");
    let signed = ["--evidence", "--key", &private.to_string_lossy()];
    let report = written(&config, &signed);
    let row = business(&report);
    let counts =
        |figure: &str| ["due", "judged", "bad"].map(|of| row[figure][of].as_u64().unwrap());
    assert_eq!(counts("raw"), [696, 694, 25]);
    assert_eq!(counts("net"), [670, 668, 0]);
    assert_eq!(row["left_out_runs"], 26);
    assert_eq!(row["judgement"]["verdict"], "met");
    assert_eq!(report["agreements"][0]["credit"]["amount_minor"], 0);
    let listed = done(&config, &["exclusion", "list"]);
    assert!(
        listed.contains("approved") && listed.contains("token dana"),
        "{listed}"
    );
    stands_until_it_is_changed(&config, &public.to_string_lossy());
}

fn stands_until_it_is_changed(config: &Config, public: &str) {
    // The report follows from itself, its evidence and the ledger; a changed exclusion does not.
    let json = format!("reports/keystone-{MONTH}.json");
    let bundle = format!("reports/keystone-{MONTH}.evidence");
    let verify = [
        "report",
        "verify",
        &json,
        "--key",
        public,
        "--bundle",
        &bundle,
        "--ledger",
        "ledger.db",
    ];
    let valid = config.output(&verify);
    assert_eq!(valid.status.code(), Some(0), "{valid:?}");
    let text = file(config, &format!("keystone-{MONTH}.json"));
    assert!(
        !text.contains("telephone") && !text.contains("dana"),
        "free text left the ledger"
    );
    config.write(&json, &text.replacen("\"approved\"", "\"proposed\"", 1));
    let changed = config.output(&["report", "verify", &json, "--ledger", "ledger.db"]);
    assert_eq!(changed.status.code(), Some(8), "{changed:?}");
    assert!(
        error(&changed).contains("/exclusions/0/state"),
        "{changed:?}"
    );
}

#[test]
fn what_cannot_be_recorded_says_why_and_leaves_no_trace() {
    let config = a_bad_month();
    let (from, to) = bad_hours();
    let odd = from.replace(":00:00Z", ":07:00Z");
    let window = |from: &str, to: &str, note: &str| {
        let arguments = [
            "exclusion",
            "add",
            "--from",
            from,
            "--to",
            to,
            "--reason",
            "maintenance",
        ];
        refused(&config, &[&arguments[..], &["--note", note]].concat())
    };
    assert!(window(&from, &to, "it was (OR-m0001).").contains("`note` names a member"));
    assert!(window(&from, &to, &"x".repeat(501)).contains("longer than 500"));
    assert!(window(&odd, &to, "seen").contains("whole quarter hours"));
    assert!(window(&to, &from, "seen").contains("ends after it begins"));
    let approve = [&["exclusion", "approve", "7"][..], &WHY].concat();
    assert!(refused(&config, &approve).contains("keystone has no exclusion 7"));
    let weather = [
        "exclusion",
        "revoke",
        "1",
        "--reason",
        "weather",
        "--note",
        "seen",
    ];
    assert!(
        refused(&config, &weather).contains("force-majeure"),
        "the words are listed"
    );
    let dispute = [
        "dispute",
        "open",
        "--period",
        MONTH,
        "--raised-by",
        "partner",
    ];
    let late = refused(&config, &[&dispute[..], &WHY].concat());
    assert!(
        late.contains(&format!("could be disputed until {}", day(2024, 4, 4))),
        "{late}"
    );
    let revise = [&["report", "revise", "--period", MONTH][..], &WHY].concat();
    assert!(refused(&config, &revise).contains("no report of 2024-02 was published"));
    let nobody = config.output(&[&["exclusion", "list"][..], &["--partner", "keyston"]].concat());
    assert!(error(&nobody).contains("keystone"), "{nobody:?}");
    assert_eq!(
        config.in_ledger::<i64>("SELECT count(*) FROM incident_events"),
        0
    );
}

#[test]
fn what_changes_a_published_report_makes_a_revision_that_names_it() {
    let config = a_bad_month();
    let (private, public) = key(config.folder.path(), "report");
    let (private, public) = (private.to_string_lossy(), public.to_string_lossy());
    let publish = [
        "report",
        "--period",
        MONTH,
        "--out",
        "reports",
        "--key",
        &private,
        "--publish",
    ];
    assert!(done(&config, &publish).contains("revision 1 is published"));
    assert!(done(&config, &publish).contains("revision 1 was published before"));
    let first = file(&config, &format!("keystone-{MONTH}.json"));
    let (from, to) = bad_hours();
    let window = ["exclusion", "add", "--from", &from, "--to", &to];
    let window = [&window[..], &WHY].concat();
    let closed = refused(&config, &window);
    assert!(
        closed.contains("outrider report revise --partner keystone --period 2024-02"),
        "{closed}"
    );
    // Terms that changed since make other bytes of the same revision: they are not published without a reason.
    config.replace("partners/keystone.toml", "target = 98.5", "target = 98.4");
    let unsaid = refused(&config, &publish);
    assert!(
        unsaid.contains("revision 1 of 2024-02 is published"),
        "{unsaid}"
    );
    config.replace("partners/keystone.toml", "target = 98.4", "target = 98.5");
    done(&config, &publish);
    assert_eq!(file(&config, &format!("keystone-{MONTH}.json")), first);

    let revise = [
        "report",
        "revise",
        "--period",
        MONTH,
        "--reason",
        "measurement",
        "--note",
        "looked again",
    ];
    done(&config, &revise);
    done(&config, &window);
    assert!(done(&config, &publish).contains("revision 2 is published"));
    names_what_changed(&config, &first);
    // Each is what the ledger said when it was made, whatever was recorded since.
    for name in [MONTH.to_owned(), format!("{MONTH}.r2")] {
        let json = format!("reports/keystone-{name}.json");
        let verify = [
            "report",
            "verify",
            &json,
            "--key",
            &public,
            "--ledger",
            "ledger.db",
        ];
        let valid = config.output(&verify);
        assert_eq!(valid.status.code(), Some(0), "{name}: {valid:?}");
    }
    assert!(
        refused(&config, &window).contains("report revise"),
        "it is closed again"
    );
}

fn names_what_changed(config: &Config, first: &str) {
    let second: Value =
        serde_json::from_str(&file(config, &format!("keystone-{MONTH}.r2.json"))).unwrap();
    assert_eq!(schema_faults(&second), [""; 0]);
    let corrects = &second["corrects"];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first.as_bytes());
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(corrects["sha256"], digest);
    assert_eq!(corrects["revision"], 1);
    let changes: Vec<_> = corrects["changes"].as_array().unwrap().iter().collect();
    let said: Vec<_> = changes
        .iter()
        .map(|one| (&one["what"], &one["reason"]))
        .collect();
    assert_eq!(said[0], (&"report-revise".into(), &"measurement".into()));
    assert_eq!(said[1], (&"exclusion-add".into(), &"maintenance".into()));
    assert_eq!(corrects["stood"][2]["verdict"], "missed");
    let page = file(config, &format!("keystone-{MONTH}.r2.html"));
    assert!(page.contains(&digest) && page.contains("What this revision corrects"));
}

/// Days that are over, and whose report can still be disputed on any day this runs; the day after the last.
fn a_report_to_object_to() -> (Config, String, NaiveDate) {
    let config = config(TERMS);
    let zone = Zone::named("America/New_York").unwrap();
    let end = zone.local(Clock::real().now()).date() - Days::new(1);
    let first = end - Days::new(3);
    let midnight = |day: NaiveDate| zone.first_at(day.and_time(NaiveTime::MIN));
    seed(
        &config,
        "keystone",
        (midnight(first), midnight(end)),
        |number| {
            if number < 5 { BAD } else { GOOD }
        },
    );
    let period = format!("{first}..{end}");
    (config, period, end)
}

/// The page has the open dispute before its figures.
fn assert_disputed_on_page(config: &Config, period: &str) {
    let page = file(config, &format!("keystone-{period}.r2.html"));
    let sentence = page.find("Dispute 2 about business is open").unwrap();
    let figures = page.find("<h2>The figures").unwrap();
    assert!(sentence < figures, "it is on the first page");
}

/// The PDF has the open dispute on its first page, and in the table of disputes.
fn assert_disputed_in_pdf(config: &Config, period: &str) {
    let as_pdf = [
        "report", "--period", period, "--out", "reports", "--format", "pdf",
    ];
    done(config, &as_pdf);
    let pdf = config
        .folder
        .path()
        .join(format!("reports/keystone-{period}.r2.pdf"));
    let words = report_pdf::words(&pdf);
    let place = |text: &str| {
        words
            .find(text)
            .unwrap_or_else(|| panic!("no {text}: {words}"))
    };
    assert!(
        place("Dispute 2 about business is open") < place(" 1 of "),
        "{words}"
    );
    assert!(place("Disputes") > place(" 1 of "), "{words}");
}

#[test]
fn an_open_dispute_stands_on_page_one_and_its_settlement_makes_a_revision() {
    let (config, period, end) = a_report_to_object_to();
    let publish = [
        "report",
        "--period",
        &period,
        "--out",
        "reports",
        "--publish",
    ];
    done(&config, &publish);
    let why = [
        "--reason",
        "measurement",
        "--note",
        "their log says otherwise",
    ];
    let open = [
        "dispute",
        "open",
        "--period",
        &period,
        "--raised-by",
        "partner",
    ];
    let wrong = [&open[..], &["--promise", "speed"], &why].concat();
    assert!(refused(&config, &wrong).contains("Promises: transport, application, business"));
    done(
        &config,
        &[&open[..], &["--promise", "business"], &why].concat(),
    );
    let shown = done(
        &config,
        &["report", "--period", &period, "--out", "reports"],
    );
    assert!(
        shown.contains("Dispute 2 about business is open"),
        "{shown}"
    );
    let deadline = end + Days::new(5 + 30 - 1);
    let by = format!("by {} (America/New_York)", deadline.format("%-d %B %Y"));
    assert!(shown.contains(&by), "{shown}");
    assert_disputed_on_page(&config, &period);
    assert_disputed_in_pdf(&config, &period);
    done(&config, &[&["dispute", "answer", "2"][..], &why].concat());
    let odd = refused(&config, &[&["dispute", "settle", "2"][..], &why].concat());
    assert!(odd.contains("agreed, rejected or withdrawn"), "{odd}");
    done(&config, &publish);
    let settle = [
        "dispute",
        "settle",
        "2",
        "--reason",
        "agreed",
        "--note",
        "their log is right",
    ];
    done(&config, &settle);
    assert!(refused(&config, &settle).contains("is settled already"));
    let settled = done(&config, &publish);
    assert!(settled.contains("revision 3 is published"), "{settled}");
    assert!(!settled.contains("is open"), "{settled}");
    let report: Value =
        serde_json::from_str(&file(&config, &format!("keystone-{period}.r3.json"))).unwrap();
    assert_eq!(schema_faults(&report), [""; 0]);
    assert_eq!(report["disputes"][0]["settlement"], "agreed");
    assert_eq!(report["corrects"]["changes"][0]["what"], "dispute-settle");
    let listed = done(&config, &["dispute", "list"]);
    assert!(listed.contains("settled: agreed") && listed.contains("their log says otherwise"));
}

#[test]
fn episodes_of_failed_runs_are_proposed_until_an_incident_covers_them() {
    let config = a_bad_month();
    let list = ["incident", "list", "--from", &words(at(2024, 2, 1))];
    let listed = done(&config, &list);
    let times = listed.split("bulk-exchange, 25 failed runs from ").nth(1);
    let (from, to) = times
        .and_then(|times| times.trim().split_once(" until "))
        .unwrap();
    let why = [
        "--reason",
        "wrong-data",
        "--note",
        "half of the records were missing",
    ];
    let open = [
        "incident",
        "open",
        "--severity",
        "2",
        "--journey",
        "bulk-exchange",
        "--from",
        from,
    ];
    done(&config, &[&open[..], &["--by", "Dana"], &why].concat());
    let listed = done(&config, &list);
    assert!(!listed.contains("proposed"), "{listed}");
    assert!(
        listed.contains("os-user") && listed.contains("(stated: Dana)"),
        "{listed}"
    );
    let early = words(at(2024, 2, 1));
    let ack = |at: &str| {
        about(
            &config,
            &[&["incident", "ack", "1", "--at", at][..], &why].concat(),
        )
    };
    assert!(error(&ack(&early)).contains("incident 1 began later"));
    assert!(ack(to).status.success());
    assert!(error(&ack(to)).contains("is acknowledged already"));
    done(
        &config,
        &[&["incident", "restore", "1", "--at", to][..], &why].concat(),
    );
    done(&config, &[&["incident", "close", "1"][..], &why].concat());
    let report = written(&config, &[]);
    assert_eq!(schema_faults(&report), [""; 0]);
    let incident = &report["incidents"][0];
    assert_eq!(incident["from"], from);
    assert_eq!(incident["acknowledged"], to);
    assert_eq!(incident["restored"], to);
    assert_eq!(incident["severity"], 2);
    assert!(incident["closed"].is_string());
    assert!(file(&config, &format!("keystone-{MONTH}.incidents.csv")).contains("wrong-data"));
    assert!(file(&config, &format!("keystone-{MONTH}.html")).contains("<h2>Incidents</h2>"));
}
