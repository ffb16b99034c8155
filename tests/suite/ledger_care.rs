//! The ledger looked after: what was changed from outside is named, copies are taken under load and put back.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http};

fn lively(sandbox: &Sandbox) -> Config {
    Config::at(
        sandbox,
        &Pace {
            every: "200ms",
            concurrency: 25,
            ..Pace::default()
        },
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn faults(agent: &Agent) -> u64 {
    agent
        .metrics()
        .count("outrider_agent_faults_total", &[("fault", "ledger")])
}

/// Runs until there are so many in the ledger, then stops.
fn with_runs(config: &Config, runs: u64) {
    let agent = config.agent();
    eventually("runs", || {
        let there: u64 =
            config.in_ledger("SELECT count(*) FROM main.ticks WHERE outcome IS NOT NULL");
        (there >= runs).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

fn tamper(config: &Config, sql: &str) {
    config.ledger().execute_batch(sql).unwrap();
}

#[test]
fn what_was_changed_from_outside_is_named_and_counted_and_the_ledger_goes_on() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    with_runs(&config, 60);
    let sound = config.output(&["ledger", "verify"]);
    assert!(sound.status.success(), "{sound:?}");
    let ran = "SELECT value FROM counters WHERE metric = 'outrider_ticks_total' AND labels LIKE '%\"ran\"%'";
    let before: u64 = config.in_ledger(ran);
    tamper(
        &config,
        "DELETE FROM main.ticks WHERE seq IN (SELECT seq FROM main.ticks ORDER BY seq LIMIT 51);
         UPDATE counters SET value = value + 1000
         WHERE metric = 'outrider_ticks_total' AND labels LIKE '%\"ran\"%';
         UPDATE evidence SET body = CAST(substr(body, 1, 6) || x'00010203' AS BLOB)
         WHERE seq IN (SELECT seq FROM evidence ORDER BY seq DESC LIMIT 3);",
    );
    let found = config.output(&["ledger", "verify"]);
    assert_eq!(found.status.code(), Some(6));
    let said = text(&found.stdout);
    for wanted in ["51 are gone", "is proven", "is damaged", "keystone"] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    let agent = config.agent();
    eventually("faults of the ledger", || {
        (faults(&agent) >= 4).then_some(())
    });
    for wanted in ["51 are gone", "is proven", "evidence of run"] {
        eventually(&format!("{wanted} in the log"), || {
            agent.log().contains(wanted).then_some(())
        });
    }
    let exported = agent
        .metrics()
        .count("outrider_ticks_total", &[("disposition", "ran")]);
    assert!(
        exported >= before && exported < before + 1_000,
        "{exported}"
    );
    assert_eq!(agent.stop(), 0);
    // Rows that are gone are no longer expected; evidence without its run and damaged evidence stay named.
    let again = text(&config.output(&["ledger", "verify"]).stdout);
    assert!(
        !again.contains("are gone") && !again.contains("is proven"),
        "{again}"
    );
}

#[test]
fn a_copy_taken_under_load_is_put_back_and_goes_on() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    eventually("runs", || (agent.runs(0).len() >= 5).then_some(()));
    let copied = config.output(&["ledger", "backup", "copy.db", "--json"]);
    assert!(copied.status.success(), "{copied:?}");
    let said: Value = serde_json::from_slice(&copied.stdout).unwrap();
    assert!(said["bytes"].as_u64().unwrap() > 10_000, "{said}");
    let refused = config.output(&["ledger", "restore", "copy.db"]);
    assert_eq!(refused.status.code(), Some(6));
    let why = text(&refused.stderr);
    assert!(why.contains("another agent has it open"), "{why}");
    eventually("more runs", || (agent.runs(0).len() >= 10).then_some(()));
    assert_eq!(agent.stop(), 0);
    let put = config.output(&["ledger", "restore", "copy.db"]);
    assert!(put.status.success(), "{put:?}");
    let said = text(&put.stdout);
    assert!(
        said.contains("older copy") && said.contains("before-restore"),
        "{said}"
    );
    let verified = config.output(&["ledger", "verify", "--json"]);
    assert!(verified.status.success(), "{verified:?}");
    let stats: Value =
        serde_json::from_slice(&config.output(&["ledger", "stats", "--json"]).stdout).unwrap();
    assert!(stats["runs"].as_u64().unwrap() >= 5, "{stats}");
    let agent = config.agent();
    assert_eq!(faults(&agent), 1, "the rollback is told once");
    eventually("runs after it", || {
        (agent.metrics().sum("outrider_runs_total", &[]) > 0.5).then_some(())
    });
    let (status, ready) = http("GET", &agent.url("/readyz"), "");
    assert_eq!((status, ready.as_str()), (200, "ready\n"));
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_copy_is_not_written_over_what_is_no_copy() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let settings = std::fs::read(config.folder.path().join("outrider.toml")).unwrap();
    for (file, why) in [
        ("ledger.db", "is the ledger itself"),
        ("./ledger.db-wal", "belongs to it"),
        ("ledger.db.lock", "belongs to it"),
        ("outrider.toml", "is no copy of a ledger"),
        ("/dev/full", "is no regular file"),
    ] {
        for more in [&["--force"][..], &[]] {
            let refused = config.output(&[&["ledger", "backup", file], more].concat());
            let said = text(&refused.stderr);
            assert_eq!(refused.status.code(), Some(3), "{file}: {said}");
            let is_there = more.is_empty() && said.contains("is there already");
            assert!(said.contains(why) || is_there, "{file}: {said}");
            assert!(said.contains("Name another file"), "{file}: {said}");
        }
    }
    assert!(
        config
            .output(&["ledger", "backup", "copy.db"])
            .status
            .success()
    );
    let again = config.output(&["ledger", "backup", "copy.db"]);
    let said = text(&again.stderr);
    assert_eq!(again.status.code(), Some(3), "{said}");
    assert!(
        said.contains("is there already") && said.contains("--force"),
        "{said}"
    );
    let forced = config.output(&["ledger", "backup", "copy.db", "--force"]);
    assert!(forced.status.success(), "{forced:?}");
    let runs = agent.runs(0).len();
    eventually("more runs", || (agent.runs(0).len() > runs).then_some(()));
    assert_eq!(agent.stop(), 0);
    assert_eq!(
        std::fs::read(config.folder.path().join("outrider.toml")).unwrap(),
        settings
    );
    let verified = config.output(&["ledger", "verify", "--ledger", "copy.db"]);
    assert!(verified.status.success(), "{verified:?}");
    for asked in [
        &["runs", "--partner", "keystone"][..],
        &["latency", "--partner", "keystone"],
        &["slo", "status"],
    ] {
        let of_copy = config.output(&[asked, &["--ledger", "copy.db"]].concat());
        assert!(of_copy.status.success(), "{asked:?}: {of_copy:?}");
        let of_none = config.output(&[asked, &["--ledger", "absent.db"]].concat());
        let said = text(&of_none.stderr);
        assert_eq!(of_none.status.code(), Some(6), "{asked:?}: {said}");
        assert!(said.contains("there is none yet"), "{asked:?}: {said}");
        assert!(!said.contains("rights"), "{asked:?}: {said}");
    }
    for log in ["copy.db-wal", "copy.db-shm"] {
        assert!(!config.folder.path().join(log).exists(), "{log}");
    }
}

#[test]
fn what_reads_the_ledger_needs_no_files_without_mistakes() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    with_runs(&config, 5);
    let file = config.folder.path().join("outrider.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let reads = [
        &["ledger", "verify"][..],
        &["ledger", "stats"],
        &["ledger", "stats", "--json"],
        &["ledger", "backup", "copy.db", "--force"],
        &["latency", "--partner", "keystone"],
    ];
    let restores = &["ledger", "restore", "copy.db"][..];
    let code = |arguments: &[&str]| {
        let output = config.output(arguments);
        let said = text(&output.stderr);
        let is_fine = output.status.success();
        assert_eq!(is_fine, said.is_empty(), "{arguments:?}: {said}");
        output.status.code()
    };
    // A mistake in the agent's file, then one in another file too: the path of the ledger can be read.
    let partner = std::fs::read_to_string(config.folder.path().join("partners/keystone.toml"));
    for broken in [partner.unwrap(), "id = 1\n".to_owned()] {
        std::fs::write(&file, format!("{settings}\n[retention]\nruns = \"5d\"\n")).unwrap();
        config.write("partners/keystone.toml", &broken);
        for arguments in reads {
            assert_eq!(code(arguments), Some(0), "{arguments:?}");
        }
        assert_eq!(code(restores), Some(3), "it replaces a file");
        let named = [restores, &["--ledger", "ledger.db"]].concat();
        assert_eq!(code(&named), Some(0));
    }
    let stats = text(&config.output(&["ledger", "stats"]).stdout);
    assert!(
        stats.contains("unknown, as the files have mistakes"),
        "{stats}"
    );
    // Where the path cannot be read either, it must be named.
    for unreadable in ["ledger = ", "ledger = 7\n"] {
        config.write("outrider.toml", unreadable);
        for arguments in reads.iter().chain([&restores]) {
            assert_eq!(code(arguments), Some(3), "{arguments:?} by {unreadable}");
            let named = [arguments, &["--ledger", "ledger.db"][..]].concat();
            assert_eq!(code(&named), Some(0), "{named:?} by {unreadable}");
        }
    }
}

#[test]
fn a_copy_that_does_not_fit_leaves_nothing_half_done() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    with_runs(&config, 5);
    let folder = config.folder.path();
    // Files may have 100 blocks of 512 bytes, less than a ledger; the signal that tells of it is ignored, as on a full disk there is none.
    let bounded = |folder: &Path| -> Output {
        Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 100; exec \"$0\" ledger backup copy.db",
            ])
            .arg(env!("CARGO_BIN_EXE_outrider"))
            .current_dir(folder)
            .output()
            .unwrap()
    };
    let failed = bounded(folder);
    assert_eq!(failed.status.code(), Some(6), "{failed:?}");
    assert!(text(&failed.stderr).contains("copy.db"), "{failed:?}");
    let left = std::fs::read_dir(folder).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with("copy")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(config.output(&["ledger", "verify"]).status.success());
}

#[test]
fn a_retention_shorter_than_a_window_is_a_mistake_with_its_line() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let file = config.folder.path().join("outrider.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{before}\n[retention]\nruns = \"1d\"\n")).unwrap();
    let refused = config.output(&["check"]);
    assert_eq!(refused.status.code(), Some(3));
    let said = text(&refused.stderr);
    assert!(!said.contains("evidence_failed"), "nobody wrote it: {said}");
    for wanted in ["runs = \"1d\"", "shorter than the window", "or more"] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    std::fs::write(
        &file,
        format!("{before}\n[retention]\nledger_max = \"2GiB\"\n"),
    )
    .unwrap();
    let size = config.output(&["check", "--json"]);
    let size: Value = serde_json::from_slice(&size.stdout).unwrap();
    assert!(
        size["ledger_bytes"]["retained"].as_u64() > Some(1_000_000),
        "{size}"
    );
    let fine = config.output(&["check"]);
    assert!(fine.status.success(), "{fine:?}");
    let said = text(&fine.stdout);
    assert!(
        said.contains("after a year") && said.contains("at most 2GiB"),
        "{said}"
    );
}

#[test]
fn a_bounded_ledger_says_what_it_gives_up_stays_within_its_bound_and_counts_on() {
    const BOUND: u64 = 8 << 20;
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let file = config.folder.path().join("outrider.toml");
    let unbounded = std::fs::read_to_string(&file).unwrap();
    with_runs(&config, 5);
    // What is never deleted: nine tenths of what the bound leaves to the file.
    tamper(
        &config,
        "INSERT INTO meta (key, value) VALUES ('filler', hex(randomblob(2722000)))",
    );
    std::fs::write(
        &file,
        format!("{unbounded}\n[retention]\nledger_max = \"8MiB\"\n"),
    )
    .unwrap();
    let agent = config.agent();
    eventually("a stage", || {
        let (status, ready) = http("GET", &agent.url("/readyz"), "");
        let says = ready.contains("the ledger is full") && ready.contains("takes no evidence");
        (status == 200 && says).then_some(())
    });
    let runs = || agent.metrics().count("outrider_runs_total", &[]);
    let before = runs();
    eventually("more runs", || (runs() > before + 20).then_some(()));
    let stage = [("stage", "no-evidence")];
    assert_eq!(agent.metrics().count("outrider_ledger_stage", &stage), 1);
    assert!(
        agent
            .log()
            .contains("the ledger is full and takes no evidence")
    );
    let bytes = |name: &str| {
        let size = std::fs::metadata(config.folder.path().join(name));
        size.map_or(0, |size| size.len())
    };
    assert!(bytes("ledger.db") + bytes("ledger.db-wal") <= BOUND);
    let exported = agent.metrics().count("outrider_ledger_bytes", &[]);
    assert!(exported <= BOUND, "{exported}");
    // With space again it keeps everything, without a restart.
    std::fs::write(
        &file,
        format!("{unbounded}\n[retention]\nledger_max = \"64MiB\"\n"),
    )
    .unwrap();
    agent.signal("HUP");
    eventually("space", || {
        let (_, ready) = http("GET", &agent.url("/readyz"), "");
        (ready == "ready\n").then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let verified = config.output(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_bound_that_does_not_hold_the_plan_is_a_warning_with_the_size_that_does() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let file = config.folder.path().join("outrider.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        format!("{before}\n[retention]\nledger_max = \"8MiB\"\n"),
    )
    .unwrap();
    let warned = config.output(&["check"]);
    let said = text(&warned.stderr);
    assert!(warned.status.success(), "{said}");
    for wanted in [
        "`ledger_max` = 8MiB does not hold",
        "write ledger_max = ",
        "or more",
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    assert_eq!(config.output(&["check", "--strict"]).status.code(), Some(3));
    let enough = said.split_once("write ledger_max = \"").unwrap().1;
    let enough = enough.split_once('"').unwrap().0;
    std::fs::write(
        &file,
        format!("{before}\n[retention]\nledger_max = \"{enough}\"\n"),
    )
    .unwrap();
    let fine = text(&config.output(&["check"]).stderr);
    assert!(!fine.contains("ledger_max"), "{fine}");
}
