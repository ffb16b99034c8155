//! Configuration: the corpus of bad files, the files we hand out, and keys that are of no use.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Config, Pace, as_nobody, repository};

/// What a case says about itself; all else in its folder is laid over the good base.
const EXPECTED: &str = "expected.txt";
/// Files and folders of the base that are taken away, one a line.
const REMOVED: &str = "removed.txt";

/// Every file below a folder, by its path inside.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(inside, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The good base with a case laid over it.
fn laid_over(case: &Path) -> Config {
    let config = Config::new(&Pace::default());
    let root = config.folder.path();
    for name in fs::read_to_string(case.join(REMOVED))
        .unwrap_or_default()
        .lines()
    {
        let path = root.join(name);
        let gone = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.unwrap_or_else(|why| panic!("{}: no {name} in the base: {why}", case.display()));
    }
    for (inside, bytes) in files(case) {
        if inside == Path::new(EXPECTED) || inside == Path::new(REMOVED) {
            continue;
        }
        let path = root.join(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    config
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The JSON document of `check --json`; nothing else may be said.
fn document(output: &Output) -> Value {
    assert_eq!(
        text(&output.stderr),
        "",
        "with --json, standard error is quiet"
    );
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(
        document["fine"],
        output.status.code() == Some(0),
        "{document}"
    );
    document
}

/// Each complaint as `file:line: what. cure`, paths relative to the folder of the agent's file.
fn complaints(document: &Value) -> Vec<String> {
    let list = document["complaints"].as_array().unwrap().iter();
    let line = |one: &Value| {
        let word = |key: &str| one[key].as_str().unwrap().to_owned();
        let place = word("file").trim_start_matches("./").to_owned();
        let line = one["line"]
            .as_u64()
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        format!("{place}{line}: {}. {}", word("what"), word("cure"))
    };
    list.map(line).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person asks for new expectations by UPDATE_CASES"
)]
fn is_update() -> bool {
    std::env::var("UPDATE_CASES").is_ok_and(|value| !value.is_empty())
}

/// The folders of the corpus, in order of name.
fn cases() -> Vec<PathBuf> {
    let folder = repository().join("tests/cases/config/bad");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.collect();
    cases.sort();
    let stray: Vec<_> = cases.iter().filter(|path| !path.is_dir()).collect();
    assert!(stray.is_empty(), "not folders of the corpus: {stray:?}");
    assert!(
        cases.len() >= 150,
        "the corpus has shrunk to {} cases",
        cases.len()
    );
    cases
}

/// What `check` says of a case, with its overlay when it has one.
fn checked(config: &Config, more: &[&str]) -> Output {
    let mut arguments = vec!["check"];
    if config.folder.path().join("overlay.toml").exists() {
        arguments.extend(["--overlay", "overlay.toml"]);
    }
    arguments.extend(more);
    config.output(&arguments)
}

#[test]
fn every_bad_file_gets_its_exact_complaints() {
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let output = checked(&laid_over(&case), &["--json"]);
        let document = document(&output);
        let mut lines = vec![format!("exit {}", output.status.code().unwrap())];
        lines.extend(complaints(&document));
        let seen = lines.join("\n") + "\n";
        if is_update() {
            fs::write(case.join(EXPECTED), &seen).unwrap();
        }
        let Ok(expected) = fs::read_to_string(case.join(EXPECTED)) else {
            wrong.push(format!("{name} has no {EXPECTED}; saw {seen}"));
            continue;
        };
        let is_of_a_mistake = expected.starts_with("exit 3\n") && expected.lines().count() >= 2;
        if expected != seen || !is_of_a_mistake {
            wrong.push(format!("{name}\nexpected {expected}saw {seen}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases differ:\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn people_are_told_the_same_as_machines() {
    for case in cases() {
        let config = laid_over(&case);
        let (json, people) = (checked(&config, &["--json"]), checked(&config, &[]));
        assert_eq!(
            people.status.code(),
            json.status.code(),
            "{}",
            case.display()
        );
        let told = text(&people.stderr);
        assert!(
            !told.contains('\u{1b}'),
            "{}: escape codes in a pipe",
            case.display()
        );
        let document = document(&json);
        let list = document["complaints"].as_array().unwrap();
        for word in list.iter().flat_map(|one| [&one["what"], &one["cure"]]) {
            let word = word.as_str().unwrap().trim_end();
            assert!(
                told.contains(word),
                "{}: no {word:?} in\n{told}",
                case.display()
            );
        }
        let errors = list.iter().filter(|one| one["severity"] == "error").count();
        assert_eq!(errors == 0, document["fine"] == true, "{}", case.display());
    }
}

#[test]
fn a_deprecated_form_is_read_with_a_warning_that_names_the_new_one() {
    let config = Config::new(&Pace::default());
    let journey = r#"id = "trial"
title = "A trial"
transaction_type = "trial"
deadline = "1s"
timeout = "1s"

[[step]]
id = "other"
use = "request"
url = "{{ partner.base_url }}/jobs/of-another-client"
check = ["strangers-refused"]
"#;
    fs::write(config.folder.path().join("probes/trial.toml"), journey).unwrap();
    let output = config.output(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document = document(&output);
    let found = complaints(&document);
    let warning = "probes/trial.toml:11: the check name \"strangers-refused\" is deprecated. \
                   write \"cross-client-denied\"; version 0.3.0 no longer reads the old form";
    assert!(found.iter().any(|one| one == warning), "{found:?}");
    assert_eq!(config.output(&["check", "--strict"]).status.code(), Some(3));
    let new = journey.replace("strangers-refused", "cross-client-denied");
    fs::write(config.folder.path().join("probes/trial.toml"), new).unwrap();
    let after = config.output(&["check"]);
    assert!(!text(&after.stderr).contains("deprecated"), "{after:?}");
}

#[test]
fn people_see_the_line_and_a_mark_under_the_place() {
    let config = Config::new(&Pace::default());
    config.replace("outrider.toml", "ledger =", "ledgr =");
    config.replace(
        "partners/keystone.toml",
        "every = \"1s\"",
        "every = \"1 week\"",
    );
    let output = config.output(&["check"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output.stdout), "");
    let told = text(&output.stderr).replace("./partners", "partners");
    for picture in [
        r#"error: unknown key `ledgr` in the file
 --> outrider.toml:3:1
  |
3 | ledgr = "ledger.db"
  | ^^^^^
  |
  = help: did you mean `ledger`?
"#,
        r#"error: `every` = "1 week": `week` is no unit
  --> partners/keystone.toml:11:9
   |
11 | every = "1 week"
   |         ^^^^^^^^
   |
   = help: write such as "500ms", "90s", "1h30m", "7d"
"#,
    ] {
        assert!(told.contains(picture), "no\n{picture}in\n{told}");
    }
    assert!(told.ends_with("\n2 mistakes, 0 warnings\n"), "{told}");
}

#[test]
fn a_number_is_what_it_says_in_every_notation_of_toml() {
    for sixteen in ["16", "1_6", "+16", "0x10", "0o20", "0b1_0000"] {
        let config = Config::new(&Pace {
            deadline: "16s",
            concurrency: 777,
            ..Pace::default()
        });
        config.replace("partners/keystone.toml", "777", sixteen);
        let output = config.output(&["check", "--json"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{sixteen}: {}",
            text(&output.stdout)
        );
        config.replace("partners/keystone.toml", "16s", "17s");
        let document = document(&config.output(&["check", "--json"]));
        let what = document["complaints"][0]["what"].as_str().unwrap();
        let wanted = "a run may take 17s, the next is due after 1s, and 16 may go at once";
        assert_eq!(what, wanted, "{sixteen}");
    }
}

/// The repository's own configuration in a folder where the demo never ran.
fn handed_out() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["outrider.toml", "partners", "probes", "members"] {
        let from = repository().join(name);
        let parts = if from.is_dir() {
            files(&from)
        } else {
            [(PathBuf::new(), fs::read(&from).unwrap())].into()
        };
        for (inside, bytes) in parts {
            let to = if inside.as_os_str().is_empty() {
                folder.path().join(name)
            } else {
                folder.path().join(name).join(inside)
            };
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
        }
    }
    folder
}

fn outrider_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_outrider"));
    command
        .current_dir(folder)
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

#[test]
fn the_files_we_hand_out_load() {
    let output = outrider_in(repository(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let count = |name: &str, ending: &str| {
        let all = files(&repository().join(name)).into_keys();
        all.filter(|path| path.extension().is_some_and(|it| it == ending))
            .count()
    };
    // Nine partners, and the exchange core.
    assert_eq!(count("partners", "toml"), 10);
    let summary = format!("fine: 10 partners, {} journeys, ", count("probes", "toml"));
    assert!(text(&output.stdout).starts_with(&summary), "{output:?}");
}

#[test]
fn strict_refuses_the_demo_before_it_has_its_keys() {
    let folder = handed_out();
    let output = outrider_in(folder.path(), &["check", "--strict", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let partners = [
        "brightwater",
        "cedarway",
        "core",
        "juniper",
        "keystone",
        "lakeside",
        "marigold",
        "northfield",
        "stonebridge",
        "tidewater",
    ];
    let folder_of = |id: &str| if id == "core" { "core/" } else { "" };
    let wanted: Vec<String> = partners
        .iter()
        .flat_map(|id| {
            [
                format!(
                    "var/demo/exchange/{}{id}.es384.pem: the key for \"{id}\" cannot be used: there \
                     is no such file. put the ES384 or RS384 private key (PEM, PKCS #8) there",
                    folder_of(id)
                ),
                format!(
                    "var/demo/exchange/ca.pem: the trust file for \"{id}\" cannot be used: there is \
                     no such file. put the CA's certificates (PEM) there"
                ),
            ]
        })
        .collect();
    assert_eq!(complaints(&document(&output)), wanted);
    // The same without --strict: fine, and the same words.
    let output = outrider_in(folder.path(), &["check", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(complaints(&document(&output)), wanted);
}

#[test]
fn no_file_that_we_hand_out_is_passed_over() {
    let folder = handed_out();
    let mut spoiled = 0;
    for (inside, bytes) in files(folder.path()) {
        if inside.extension().is_some_and(|ending| ending == "md") {
            continue;
        }
        fs::write(
            folder.path().join(&inside),
            [bytes.as_slice(), b"\n= spoiled"].concat(),
        )
        .unwrap();
        let output = outrider_in(folder.path(), &["check", "--json"]);
        fs::write(folder.path().join(&inside), bytes).unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", inside.display());
        let named = complaints(&document(&output));
        let start = format!("{}:", inside.display());
        assert!(
            named.iter().any(|line| line.starts_with(&start)),
            "{start} {named:?}"
        );
        spoiled += 1;
    }
    assert!(spoiled >= 7, "only {spoiled} files");
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn ec_key(curve: &'static EcdsaSigningAlgorithm) -> String {
    let pair = EcdsaKeyPair::generate(curve).unwrap();
    pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref())
}

fn rsa_key() -> String {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    pem("PRIVATE KEY", der.as_ref())
}

/// `check` warns, `--strict` refuses, both with this reason and without a word of the content.
fn assert_key_is_refused(
    config: &Config,
    why: &str,
    content: &str,
    run: impl Fn(&[&str]) -> Output,
) {
    let wanted = format!(
        "missing.pem: the key for \"keystone\" cannot be used: {why}. \
         put the ES384 or RS384 private key (PEM, PKCS #8) there"
    );
    for (strict, code, severity) in [(None, 0, "warning"), (Some("--strict"), 3, "error")] {
        let with = |more: Option<&'static str>| {
            run(&["check"]
                .into_iter()
                .chain(strict)
                .chain(more)
                .collect::<Vec<_>>())
        };
        let (json, people) = (with(Some("--json")), with(None));
        assert_eq!(json.status.code(), Some(code), "{why}: {json:?}");
        assert_eq!(people.status.code(), Some(code), "{why}: {people:?}");
        let document = document(&json);
        assert_eq!(complaints(&document), [wanted.as_str()]);
        assert_eq!(document["complaints"][0]["severity"], severity);
        for output in [&json, &people] {
            let said = text(&output.stdout) + &text(&output.stderr);
            for line in content.lines().filter(|line| !line.is_empty()) {
                assert!(
                    !said.contains(line),
                    "{why}: the content is shown in\n{said}"
                );
            }
        }
    }
    assert!(!config.folder.path().join("ledger.db").exists());
}

#[test]
fn a_partner_without_an_objective_and_probes_that_none_counts_are_named() {
    let config = Config::new(&Pace::default());
    config.replace(
        "partners/keystone.toml",
        "[slo.transport]",
        "[[probe]]\njourney = \"liveness\"\nevery = \"1h\"\n[slo.transport]",
    );
    let key = ec_key(&ECDSA_P384_SHA384_FIXED_SIGNING);
    config.write("missing.pem", &key);
    let fine = config.output(&["check", "--strict"]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    let told = text(&fine.stdout);
    let named = "\nno objective counts keystone/liveness: pages at 3 failures in a row";
    assert!(told.contains(named), "{told}");
    assert!(!told.contains("keystone/bulk-exchange"), "{told}");
    let lakeside = "id = \"lakeside\"\nbase_url = \"https://payer.invalid/fhir\"\nenvironment = \"sandbox\"\n\
                    auth = { client_id = \"outrider\", key = { file = \"missing.pem\" } }\n\
                    probe = [{ journey = \"liveness\", every = \"1m\" }]\n";
    config.write("partners/lakeside.toml", lakeside);
    let warned = config.output(&["check"]);
    assert_eq!(warned.status.code(), Some(0), "{warned:?}");
    let warning = "partners/lakeside.toml: \"lakeside\" has no objective";
    assert!(text(&warned.stderr).contains(warning), "{warned:?}");
    assert_eq!(config.output(&["check", "--strict"]).status.code(), Some(3));
}

#[test]
fn a_key_of_no_use_is_a_warning_and_never_shown() {
    let config = Config::new(&Pace::default());
    let key = config.folder.path().join("missing.pem");
    let run = |arguments: &[&str]| config.output(arguments);
    assert_key_is_refused(&config, "there is no such file", "", run);
    let wrong_kind = "it is neither a P-384 key nor an RSA key of 2048 bits or more";
    for (content, why) in [
        (
            "open sesame".to_owned(),
            "it is not PEM with what is needed",
        ),
        (String::new(), "it is not PEM with what is needed"),
        (
            pem("CERTIFICATE", b"open sesame"),
            "it is not PEM with what is needed",
        ),
        (pem("PRIVATE KEY", b"open sesame"), wrong_kind),
        (ec_key(&ECDSA_P256_SHA256_FIXED_SIGNING), wrong_kind),
    ] {
        config.write("missing.pem", &content);
        assert_key_is_refused(&config, why, &content, run);
    }
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    assert_key_is_refused(&config, "it is a folder", "", run);
    fs::remove_dir(&key).unwrap();
    // SMART asks clients for both algorithms; the key says which.
    config.write("missing.pem", &rsa_key());
    assert_eq!(run(&["check", "--strict"]).status.code(), Some(0));
}

#[test]
fn a_key_that_this_user_may_not_read_is_a_warning() {
    let config = Config::new(&Pace::default());
    let content = ec_key(&ECDSA_P384_SHA384_FIXED_SIGNING);
    config.write("missing.pem", &content);
    let key = config.folder.path().join("missing.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    assert_key_is_refused(
        &config,
        "this user may not read it",
        &content,
        |arguments| as_nobody(&config, arguments).output().unwrap(),
    );
}

#[test]
fn a_trust_file_of_no_use_is_a_warning() {
    let config = Config::new(&Pace::default());
    config.write("missing.pem", &ec_key(&ECDSA_P384_SHA384_FIXED_SIGNING));
    config.replace(
        "partners/keystone.toml",
        "region =",
        "trust = \"ca.pem\"\nregion =",
    );
    for (content, why) in [
        (None, "there is no such file"),
        (Some("open sesame"), "it is not PEM with what is needed"),
    ] {
        if let Some(content) = content {
            config.write("ca.pem", content);
        }
        let wanted = format!(
            "ca.pem: the trust file for \"keystone\" cannot be used: {why}. \
             put the CA's certificates (PEM) there"
        );
        let output = config.output(&["check", "--json"]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(complaints(&document(&output)), [wanted.as_str()]);
        let output = config.output(&["check", "--json", "--strict"]);
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(complaints(&document(&output)), [wanted.as_str()]);
    }
}

#[test]
fn check_touches_no_network_and_makes_no_files() {
    let (partner, resolver) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    partner.set_nonblocking(true).unwrap();
    resolver.set_nonblocking(true).unwrap();
    let (port, nameserver) = (
        partner.local_addr().unwrap(),
        resolver.local_addr().unwrap(),
    );
    let config = Config::new(&Pace::default());
    config.write("missing.pem", &ec_key(&ECDSA_P384_SHA384_FIXED_SIGNING));
    config.replace(
        "partners/keystone.toml",
        "https://127.0.0.1:1",
        &format!("https://{port}"),
    );
    let lakeside = "id = \"lakeside\"\nbase_url = \"https://payer.invalid/fhir\"\nenvironment = \"sandbox\"\n\
                    auth = { client_id = \"outrider\", key = { file = \"missing.pem\" } }\n\
                    probe = [{ journey = \"liveness\", every = \"1m\" }]\n\
                    slo = { transport = { journeys = [\"liveness\"] } }\n";
    config.write("partners/lakeside.toml", lakeside);
    // It does not even ask for its own port, which is taken here.
    config.replace("outrider.toml", "127.0.0.1:0", &port.to_string());
    config.replace("outrider.toml", "ledger.db", "var/deep/ledger.db");
    config.replace(
        "outrider.toml",
        "stop_grace",
        &format!("nameservers = [\"{nameserver}\"]\nstop_grace"),
    );
    let before = files(config.folder.path());
    for arguments in [&["check"][..], &["check", "--strict"], &["check", "--json"]] {
        let output = config.output(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
    let summary = text(&config.output(&["check"]).stdout);
    let journeys = fs::read_dir(repository().join("probes")).unwrap().count();
    let wanted = format!("fine: 2 partners, {journeys} journeys, 2 probes, 24 members\n");
    assert!(summary.starts_with(&wanted), "{summary}");
    assert!(summary.contains("\nledger: about "), "{summary}");
    assert_eq!(
        files(config.folder.path()),
        before,
        "files were made or changed"
    );
    let entries = fs::read_dir(config.folder.path()).unwrap().count();
    assert_eq!(entries, 5, "a folder was made");
    let would_block = |why: std::io::Error| why.kind() == std::io::ErrorKind::WouldBlock;
    assert!(
        partner.accept().is_err_and(would_block),
        "the partner was called"
    );
    assert!(
        resolver.recv_from(&mut [0; 512]).is_err_and(would_block),
        "a name was asked for"
    );
}
