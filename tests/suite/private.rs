//! Secrets come from where a file says, and nobody else may read what the agent keeps.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::rogue::{Place, Rogue};
use crate::support::{Config, Pace, Sandbox, eventually};

/// A value that is shown nowhere.
const WORD: &str = "hunter2-of-the-suite";

/// A partner that takes a fixed token from this place.
fn config(rogue: &Rogue, source: &str) -> Config {
    let config = Config::new(&Pace::patient());
    config.replace(
        "partners/keystone.toml",
        "client_id = \"outrider\"\nkey = { file = \"missing.pem\" }",
        &format!("kind = \"bearer\"\ntoken = {source}"),
    );
    let overlay = format!("[partner.keystone]\nbase_url = \"{}/fhir\"\n", rogue.home());
    config.write("overlay.toml", &overlay);
    config
}

/// What a command with the test's environment prints, which the secret is no part of; and its exit code.
fn told(config: &Config, arguments: &[&str]) -> (i32, String) {
    let mut command = config.outrider(arguments);
    command.args(["--overlay", "overlay.toml"]);
    command.env("CREDENTIALS_DIRECTORY", config.folder.path());
    let output = command
        .env("SUITE_TOKEN", WORD)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains(WORD), "{arguments:?} show it");
    (output.status.code().unwrap(), text)
}

#[test]
fn a_secret_comes_from_a_file_the_environment_a_command_or_systemd() {
    let rogue = Rogue::start();
    for (source, shown) in [
        ("{ file = \"token.pem\" }", "token.pem"),
        (
            "{ env = \"SUITE_TOKEN\" }",
            "environment variable SUITE_TOKEN",
        ),
        ("{ command = [\"cat\", \"token.pem\"] }", "command cat"),
        ("{ command = [\"./say\", \"$(x)\"] }", "/say"),
        (
            "{ credential = \"token.pem\" }",
            "systemd credential token.pem",
        ),
    ] {
        let config = config(&rogue, source);
        config.write("token.pem", &format!("{WORD}\n"));
        config.write("say", "#!/bin/sh\ntest \"$1\" = '$(x)' && cat token.pem\n");
        let say = config.folder.path().join("say");
        std::fs::set_permissions(say, std::fs::Permissions::from_mode(0o700)).unwrap();
        rogue.pages(std::collections::BTreeMap::new());
        let walk = [
            "once",
            "bulk-exchange",
            "--partner",
            "keystone",
            "--member",
            "or-m0001",
        ];
        told(&config, &walk);
        let asked = rogue.asked_at(Place::Match);
        let sent = asked.first().and_then(|one| one.header("authorization"));
        assert_eq!(sent, Some(format!("Bearer {WORD}").as_str()), "{source}");
        let (code, text) = told(&config, &["check"]);
        assert_eq!(code, 0, "{source}: {text}");
        let line = text
            .lines()
            .find(|line| line.starts_with("secret of keystone: "));
        let line = line.unwrap_or_else(|| panic!("{source}: {text}"));
        assert!(line.contains(shown) && line.ends_with(": read"), "{line}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_with_its_place_and_fix() {
    let rogue = Rogue::start();
    for (source, why, fix) in [
        (
            "{ env = \"SUITE_NONE\" }",
            "the variable is not set",
            "set it in the environment",
        ),
        (
            "{ command = [\"./no-such\"] }",
            "cannot be started",
            "name a program",
        ),
        (
            "{ command = [\"sh\", \"-c\", \"echo $SUITE_TOKEN; exit 1\"] }",
            "ended with an error",
            "run it by hand",
        ),
        (
            "{ credential = \"none\" }",
            "there is no such file",
            "as one line of text",
        ),
    ] {
        let config = config(&rogue, source);
        let (code, text) = told(&config, &["check"]);
        assert_eq!(code, 0, "{source}: {text}");
        assert!(text.contains(why) && text.contains(fix), "{source}: {text}");
        assert_eq!(told(&config, &["check", "--strict"]).0, 3, "{source}");
        let (code, text) = told(
            &config,
            &["once", "bulk-exchange", "--partner", "keystone", "--json"],
        );
        assert_eq!(code, 7, "{source}: {text}");
    }
    for (source, mistake) in [
        ("{ file = \"a\", env = \"B\" }", "several places"),
        (
            "{ credential = \"../key\" }",
            "no name of a systemd credential",
        ),
        ("{ command = [] }", "names no program"),
        ("{ }", "does not say where the secret is"),
        ("{ }", "{ credential = "),
        ("{ env = \"A=B\" }", "no name of an environment variable"),
    ] {
        let (code, text) = told(&config(&rogue, source), &["check"]);
        assert_eq!(code, 3, "{source}: {text}");
        assert!(text.contains(mistake), "{source}: {text}");
    }
}

#[test]
fn check_does_not_call_a_file_read_that_is_no_key() {
    let config = Config::new(&Pace::default());
    let line = || {
        let output = config.output(&["check"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        lines.find(|line| line.starts_with("secret of keystone: "))
    };
    let before = line().expect("keystone signs with a key");
    let path = before.strip_prefix("secret of keystone: ").unwrap();
    let (path, _) = path.rsplit_once(": ").unwrap();
    config.write(path, "no key\n");
    let after = line().unwrap();
    assert!(after.ends_with("is not PEM with what is needed"), "{after}");
    assert_eq!(config.output(&["check", "--strict"]).status.code(), Some(3));
}

#[test]
fn a_running_agent_leaves_no_core_and_no_file_that_others_may_read() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    config.replace("outrider.toml", "ledger.db", "var/ledger.db");
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let limits = String::from_utf8(agent.proc("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core
        .unwrap()
        .split_ascii_whitespace()
        .skip(4)
        .take(2)
        .collect();
    assert_eq!(core, ["0", "0"], "{limits}");
    let var = config.folder.path().join("var");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&var), 0o700);
    let files: Vec<_> = std::fs::read_dir(&var)
        .unwrap()
        .map(|one| one.unwrap().path())
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn check_says_in_json_where_secrets_come_from() {
    let config = Config::new(&Pace::default());
    let output = config.output(&["check", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let secret = &told["secrets"][0];
    assert_eq!(secret["partner"], "keystone");
    assert!(secret["source"].as_str().unwrap().ends_with("missing.pem"));
    assert_eq!(secret["fault"], "there is no such file");
}
