//! What the targets share: answers out of bytes, and a folder of configuration in which one file is the input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use outrider_domain::model::{Answer, Finding, Plan};

/// The fixture: one partner, one journey, two members.
const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/site");

/// An answer with this status, these header fields and this body.
pub fn answer(status: u16, headers: BTreeMap<String, Vec<String>>, body: &[u8]) -> Answer {
    Answer {
        status,
        media: None,
        headers,
        json: serde_json::from_slice(body).ok(),
        has_body: !body.is_empty(),
        not_json: outrider_domain::judge::json_text::fault(body),
        text: String::from_utf8_lossy(body).into_owned(),
        ..Answer::default()
    }
}

/// The files of the fixture, as they are.
pub fn plan() -> Plan {
    outrider_domain::config::load(&Path::new(SITE).join("outrider.toml"), None)
        .unwrap_or_else(|diagnostics| panic!("the fixture is wrong: {diagnostics:?}"))
}

/// Findings never hold more than a few words of what a partner wrote.
pub fn assert_short(findings: &[Finding]) {
    for finding in findings {
        assert!(finding.seen.chars().count() <= 400, "{}", finding.seen);
    }
}

/// A copy of the fixture that goes away with its owner.
pub struct Site(PathBuf);

impl Site {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("outrider-fuzz-{}", std::process::id()));
        copy(Path::new(SITE), &folder);
        Self(folder)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads all files, one of which is the input: a plan, or mistakes that each say what, where and how
    /// to mend it.
    pub fn load_with(&self, name: &str, input: &[u8]) {
        std::fs::write(self.file(name), input).unwrap();
        let Err(diagnostics) = outrider_domain::config::load(&self.file("outrider.toml"), None)
        else {
            return;
        };
        assert!(diagnostics.has_errors());
        for diagnostic in &diagnostics.0 {
            assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty());
            let lines = diagnostic.source.text.lines().count().max(1);
            assert!(diagnostic.line().is_none_or(|line| line <= lines + 1));
            for colours in [false, true] {
                assert!(!diagnostic.render(colours).is_empty());
            }
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let into = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &into);
        } else {
            std::fs::copy(entry.path(), into).unwrap();
        }
    }
}

/// The target of one file of the configuration.
#[macro_export]
macro_rules! config_target {
    ($name:expr) => {
        thread_local!(static SITE: $crate::Site = $crate::Site::new());
        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            SITE.with(|site| site.load_with($name, input));
        });
    };
}
