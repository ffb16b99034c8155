//! How commands end: exit codes, and messages that say what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Agent, Config, Pace, as_nobody, eventually, http};

/// A program that should end by itself, and is made to when it does not.
struct Ending(Option<Child>);

impl Ending {
    fn of(mut command: Command) -> Output {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ending = Self(Some(child));
        eventually("the program to end by itself", || {
            ending.0.as_mut().unwrap().try_wait().unwrap()
        });
        ending.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

fn config() -> Config {
    Config::new(&Pace::default())
}

/// `outrider run`, which is to refuse: its exit code and the one line it says in the end.
fn refused(command: Command) -> (i32, String) {
    let output = Ending::of(command);
    assert_eq!(output.stdout, b"", "it said that it was ready");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains("panicked"), "{told}");
    let last: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("outrider: "))
        .collect();
    assert_eq!(last.len(), 1, "{told}");
    (output.status.code().unwrap(), last[0].replace("./", ""))
}

#[test]
fn checks_are_listed_shown_by_name_and_a_slip_gets_the_nearest_name() {
    let config = config();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let all = config.output(&["checks"]);
    assert_eq!(all.status.code(), Some(0), "it needs no configuration");
    let listed = text(all.stdout);
    assert!(listed.contains("\n  B-10  nobody-else ") && !listed.contains('\u{1b}'));
    let json = config.output(&["checks", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    for check in json["checks"].as_array().unwrap() {
        for field in ["name", "sentence", "severity", "cause", "source", "layer"] {
            let value = check[field].as_str().unwrap();
            assert!(!value.is_empty(), "{field} of {check}");
        }
        assert!(
            check["id"].is_string() && check["reference"].is_string(),
            "{check}"
        );
    }
    let one = config.output(&["checks", "b-10"]);
    assert!(text(one.stdout).starts_with("B-10 nobody-else\n"));
    let slip = config.output(&["checks", "nobody-esle"]);
    assert_eq!(slip.status.code(), Some(2));
    assert!(text(slip.stderr).ends_with("Did you mean \"nobody-else\"?\n"));
}

/// Stops an agent whose schedule goes.
fn stop_when_ready(agent: Agent) {
    eventually("readiness", || {
        (http("GET", &agent.url("/readyz"), "").0 == 200).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_wrong_command_line_is_2_and_an_answer_is_0() {
    let config = config();
    for (arguments, code, stdout, stderr) in [
        (&[][..], 2, "", "Usage: outrider <COMMAND>"),
        (
            &["teleport"],
            2,
            "",
            "error: unrecognized subcommand 'teleport'",
        ),
        (
            &["check", "--teleport"],
            2,
            "",
            "error: unexpected argument '--teleport' found",
        ),
        (
            &["once"],
            2,
            "",
            "error: the following required arguments were not provided",
        ),
        (
            &["check", "--config"],
            2,
            "",
            "error: a value is required for '--config <FILE>'",
        ),
        (
            &["--help"],
            0,
            "Exit codes: 0 fine, 2 usage, 3 configuration wrong, 4 the partner is at",
            "",
        ),
        (&["run", "--help"], 0, "Usage: outrider run [OPTIONS]", ""),
        (
            &["--version"],
            0,
            concat!("outrider ", env!("CARGO_PKG_VERSION"), "\n"),
            "",
        ),
    ] {
        let output = config.output(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        for (said, wanted) in [(output.stdout, stdout), (output.stderr, stderr)] {
            let said = String::from_utf8(said).unwrap();
            assert_eq!(said.is_empty(), wanted.is_empty(), "{arguments:?}: {said}");
            assert!(
                said.contains(wanted),
                "{arguments:?}: no {wanted:?} in\n{said}"
            );
        }
    }
}

#[test]
fn help_tells_every_exit_code() {
    let help = String::from_utf8(config().output(&["--help"]).stdout).unwrap();
    let codes = "Exit codes: 0 fine, 2 usage, 3 configuration wrong, 4 the partner is at fault, \
                 5 generated files stale, 6 ledger unavailable, 7 could not look (our fault), 8 not valid, \
                 70 internal.";
    assert!(help.contains(codes), "{help}");
}

#[test]
fn bad_files_are_3_for_every_command() {
    let config = config();
    config.replace("outrider.toml", "ledger =", "ledgr =");
    for arguments in [
        &["run"][..],
        &["check"],
        &["once", "bulk-exchange", "--partner", "keystone"],
        &[
            "resume",
            "bulk-exchange",
            "--partner",
            "keystone",
            "--by",
            "Dana",
            "--note",
            "looked at",
        ],
    ] {
        let output = Ending::of(config.outrider(arguments));
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {output:?}");
        assert_eq!(output.stdout, b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("error: unknown key `ledgr` in the file\n"),
            "{told}"
        );
        assert!(told.contains("= help: did you mean `ledger`?\n"), "{told}");
    }
}

#[test]
fn a_port_in_use_is_3_with_the_address_and_a_cure() {
    let config = config();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    config.replace("outrider.toml", "127.0.0.1:0", &address);
    let (code, told) = refused(config.outrider(&["run"]));
    assert_eq!(code, 3, "{told}");
    assert!(
        told.starts_with(&format!("outrider: cannot listen on {address}: ")),
        "{told}"
    );
    assert!(
        told.ends_with(". Stop what listens there, or set another `listen`"),
        "{told}"
    );
    assert!(
        !config.folder.path().join("ledger.db").exists(),
        "the ledger was touched before"
    );
}

#[test]
fn a_ledger_of_a_newer_version_is_6_and_left_alone() {
    let config = config();
    config
        .ledger()
        .execute_batch("CREATE TABLE later (x); PRAGMA user_version = 99;")
        .unwrap();
    let before = fs::read(config.folder.path().join("ledger.db")).unwrap();
    let (code, told) = refused(config.outrider(&["run"]));
    assert_eq!(code, 6, "{told}");
    assert_eq!(
        told,
        "outrider: the ledger ledger.db has schema version 99, and this version knows 5. \
         Run the newer Outrider, or name another file with --ledger"
    );
    assert!(
        fs::read(config.folder.path().join("ledger.db")).unwrap() == before,
        "it was changed"
    );
    // The cure works.
    let agent = config.agent_with(&["--ledger", "other.db"]);
    stop_when_ready(agent);
    assert!(config.folder.path().join("other.db").exists());
}

#[test]
fn a_ledger_that_is_no_database_is_6_and_left_alone() {
    let config = config();
    let notes = "What somebody wrote down, and would like to keep.\n".repeat(100);
    config.write("ledger.db", &notes);
    let (code, told) = refused(config.outrider(&["run"]));
    assert_eq!(code, 6, "{told}");
    assert!(
        told.starts_with("outrider: the ledger ledger.db is unavailable: "),
        "{told}"
    );
    assert!(told.contains("file is not a database"), "{told}");
    assert!(
        told.ends_with(", or name another file with --ledger"),
        "{told}"
    );
    assert!(
        !told.contains("rights"),
        "nothing is wrong with the rights: {told}"
    );
    let after = fs::read_to_string(config.folder.path().join("ledger.db")).unwrap();
    assert!(after == notes, "it was changed");
}

#[test]
fn a_folder_in_which_we_may_not_write_is_6() {
    let config = config();
    let folder = config.folder.path().join("closed");
    fs::create_dir(&folder).unwrap();
    config.replace("outrider.toml", "ledger.db", "closed/ledger.db");
    let command = as_nobody(&config, &["run"]);
    // Closed to whoever runs it: root's own folder to nobody, or one without the right to write.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let (code, told) = refused(command);
    assert_eq!(code, 6, "{told}");
    assert!(
        told.starts_with("outrider: the ledger closed/ledger.db is unavailable: Permission denied"),
        "{told}"
    );
    let cure = ". Check the folder's rights and free space, or name another file with --ledger";
    assert!(told.ends_with(cure), "{told}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_second_agent_on_one_ledger_is_6_and_the_first_goes_on() {
    let config = config();
    let first = config.agent_with(&[]);
    let (code, told) = refused(config.outrider(&["run"]));
    assert_eq!(code, 6, "{told}");
    assert_eq!(
        told,
        "outrider: the ledger ledger.db is unavailable: another agent has it open. \
         Stop that agent, or name another file with --ledger"
    );
    assert_eq!(http("GET", &first.url("/healthz"), "").0, 200);
    stop_when_ready(first);
    // When the first has gone, its ledger is free again.
    stop_when_ready(config.agent_with(&[]));
}

#[test]
fn a_stop_right_after_the_ready_line_is_in_order() {
    let config = config();
    for _ in 0..5 {
        assert_eq!(
            config.agent_with(&[]).stop(),
            0,
            "whoever read the ready line may stop it"
        );
    }
}

#[test]
fn once_names_what_there_is_when_asked_for_what_is_not() {
    let config = config();
    let members: Vec<String> = (1..=12).map(|number| format!("or-m{number:04}")).collect();
    let no_member = format!("no member \"nobody\". Members: {}\n", members.join(", "));
    for (journey, partner, member, wanted) in [
        (
            "liveness",
            "keystone",
            None,
            "keystone/liveness is no probe. Probes: keystone/bulk-exchange\n",
        ),
        (
            "bulk-exchange",
            "acme",
            None,
            "acme/bulk-exchange is no probe. Probes: keystone/bulk-exchange\n",
        ),
        (
            "bulk-exchange",
            "keystone",
            Some("nobody"),
            no_member.as_str(),
        ),
    ] {
        let mut arguments = vec!["once", journey, "--partner", partner];
        arguments.extend(member.into_iter().flat_map(|member| ["--member", member]));
        let output = Ending::of(config.outrider(&arguments));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(output.stdout, b"");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), wanted);
    }
}

#[test]
fn a_closed_port_is_the_partners_fault_and_4() {
    let config = config();
    config.write("overlay.toml", "");
    let (code, run) = config.once("bulk-exchange", &[]);
    assert_eq!(code, 4, "{run}");
    assert_eq!(run["outcome"], "failed");
    assert_eq!(run["blame"]["layer"], "transport");
    assert_eq!(run["blame"]["cause"], "connect");
    assert_eq!(run["blame"]["owner"], "partner");
    assert!(
        !config.folder.path().join("ledger.db").exists(),
        "one walk leaves no record"
    );
}

#[test]
fn nobody_reading_is_a_normal_end() {
    let config = config();
    let (bad, walk) = (
        self::config(),
        ["once", "bulk-exchange", "--partner", "keystone"],
    );
    bad.replace("outrider.toml", "ledger =", "ledgr =");
    for (config, arguments, code) in [
        (&config, &["--help"][..], 0),
        (&config, &["--version"], 0),
        (&config, &["check"], 0),
        (&config, &["check", "--json"], 0),
        (&config, &["check", "--strict"], 3),
        (&bad, &["check"], 3),
        (&bad, &["check", "--json"], 3),
        (&config, &walk, 4),
        (&config, &[&walk[..], &["--json"]].concat(), 4),
    ] {
        // Closed before the first byte, which is sterner than `| head -1`.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = config
            .outrider(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn();
        let output = output.unwrap().wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    }
    // The same for the other pipe.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = bad.outrider(&["check"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn one_line_is_enough_for_head() {
    let config = config();
    let line = "\"$0\" once bulk-exchange --partner keystone 2>err | head -1";
    let mut shell = Command::new("sh");
    shell
        .current_dir(config.folder.path())
        .args(["-c", line, env!("CARGO_BIN_EXE_outrider")]);
    let output = Ending::of(shell);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.starts_with("bulk-exchange at keystone, member or-m"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1);
    assert_eq!(
        fs::read_to_string(config.folder.path().join("err")).unwrap(),
        ""
    );
}
