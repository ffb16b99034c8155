//! The demo's folder: nothing outside it is written, moved or removed.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::sandbox::Ready;

/// The id of the partner file that watches the exchange core.
const CORE: &str = "core";
/// Marks the folder as the demo's, and tells who uses it.
const LOCK: &str = "demo.lock";
/// SQLite's files: the ledger, and what it keeps next to it.
const LEDGER_PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// The folder, held by this demo alone.
#[derive(Debug)]
pub(crate) struct State {
    /// As it was given, for people.
    shown: PathBuf,
    folder: PathBuf,
    lock: File,
}

impl State {
    /// Takes the folder, and makes it when it is not there.
    ///
    /// # Errors
    /// When it holds something that is not the demo's, another demo uses it, or it cannot be written.
    pub(crate) fn take(shown: &Path) -> Result<Self> {
        let folder = std::path::absolute(shown)?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not make the folder {}", shown.display()))?;
        let lock_path = folder.join(LOCK);
        let is_ours = lock_path.exists() || fs::read_dir(&folder)?.next().is_none();
        ensure!(
            is_ours,
            "{} is not empty and holds no {LOCK}; give --state an empty or a new folder",
            shown.display()
        );
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .with_context(|| format!("could not write to {}", shown.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let users = fs::read_to_string(&lock_path).unwrap_or_default();
                bail!(
                    "{} is in use by {}; stop them, or give --state another folder",
                    shown.display(),
                    users.trim()
                );
            }
            Err(TryLockError::Error(why)) => {
                return Err(why).with_context(|| format!("could not lock {}", lock_path.display()));
            }
        }
        Ok(Self {
            shown: shown.to_owned(),
            folder,
            lock,
        })
    }

    /// The open lock file, for programs that use the folder too.
    pub(crate) fn lock(&self) -> &File {
        &self.lock
    }

    /// Writes down who uses the folder, for [`State::take`] of another demo.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn note_users(&mut self, users: &str) -> Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(users.as_bytes())?;
        Ok(())
    }

    /// A file or folder in it, absolute.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same, as people see it.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.shown.join(name).display().to_string()
    }

    /// Moves the ledger of the last demo aside, over the one before.
    ///
    /// # Errors
    /// When a file cannot be moved.
    pub(crate) fn move_old_ledger(&self) -> Result<()> {
        for part in LEDGER_PARTS {
            let (old, aside) = (
                self.path(&format!("outrider.db{part}")),
                self.path(&format!("ledger.previous.db{part}")),
            );
            // A part of the ledger before last must not lie next to the last one.
            for moved in [fs::remove_file(&aside), fs::rename(&old, &aside)] {
                match moved {
                    Err(why) if why.kind() != ErrorKind::NotFound => {
                        return Err(why).with_context(|| {
                            format!(
                                "could not move {} aside",
                                self.shown(&format!("outrider.db{part}"))
                            )
                        });
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Writes a file in it, for a program to read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", self.shown(name)))?;
        Ok(path)
    }

    /// A folder in it, emptied of what the last demo left there.
    ///
    /// # Errors
    /// When it cannot be emptied or made.
    pub(crate) fn empty_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        match fs::remove_dir_all(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
            Ok(()) | Err(_) => fs::create_dir(&path),
        }
        .with_context(|| format!("could not empty {}", self.shown(name)))?;
        Ok(path)
    }

    /// Writes the core's `exchange.toml`: everything so many times as fast.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_exchange_config(&self, scale: u32) -> Result<PathBuf> {
        let text =
            format!("# Written by the demo, again at each start.\n[core]\nscale = {scale}\n");
        self.write("exchange.toml", &text)
    }

    /// Writes the overlay that points the committed files at a sandbox.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_overlay(&self, ready: &Ready) -> Result<PathBuf> {
        self.write("overlay.toml", &overlay(ready)?)
    }
}

fn overlay(ready: &Ready) -> Result<String> {
    let mut text =
        "# Written by the demo, again at each start.\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let trust = absolute(&ready.trust)?;
    let mut watched = |id: &str, base_url: &str, key: &Path| {
        write!(
            text,
            "\n[partner.{}]\nbase_url = {}\ntrust = {}\nkey = {}\n",
            quoted(id)?,
            quoted(base_url)?,
            quoted(trust)?,
            quoted(absolute(key)?)?,
        )?;
        anyhow::Ok(())
    };
    for partner in &ready.partners {
        watched(&partner.id, &partner.base_url, &partner.key)?;
    }
    let client = ready.core.clients.first();
    let client = client.context("the exchange names no client of its core")?;
    watched(CORE, &format!("{}/v1", ready.core.base_url), &client.key)?;
    Ok(text)
}

fn absolute(path: &Path) -> Result<&str> {
    ensure!(
        path.is_absolute(),
        "the exchange names {}, which is not absolute",
        path.display()
    );
    path.to_str().with_context(|| {
        format!(
            "{} is not UTF-8; give --state a folder whose name is",
            path.display()
        )
    })
}

/// A JSON string is a TOML string too, but for a character that TOML wants escaped.
fn quoted(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?.replace('\u{7f}', "\\u007f"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{ReadyClient, ReadyCore, ReadyPartner};

    #[test]
    fn the_overlay_reads_back_whatever_the_paths_hold() {
        let odd = "/tmp/a \"b\" \\c\u{7f}\u{1}é/ca.pem";
        let ready = Ready {
            control: String::new(),
            trust: PathBuf::from(odd),
            partners: vec![ReadyPartner {
                id: "keystone".to_owned(),
                base_url: "https://127.0.0.1:41231/keystone/fhir".to_owned(),
                key: PathBuf::from("/k.pem"),
            }],
            core: ReadyCore {
                base_url: "https://127.0.0.1:41232".to_owned(),
                clients: vec![ReadyClient {
                    key: PathBuf::from("/c.pem"),
                }],
            },
        };
        let read: toml::Table = toml::from_str(&overlay(&ready).unwrap()).unwrap();
        assert_eq!(read["listen"].as_str(), Some("127.0.0.1:0"));
        let partner = &read["partner"]["keystone"];
        assert_eq!(partner["trust"].as_str(), Some(odd));
        assert_eq!(partner["key"].as_str(), Some("/k.pem"));
        assert_eq!(
            partner["base_url"].as_str(),
            Some("https://127.0.0.1:41231/keystone/fhir")
        );
        let core = &read["partner"]["core"];
        assert_eq!(core["key"].as_str(), Some("/c.pem"));
        assert_eq!(
            core["base_url"].as_str(),
            Some("https://127.0.0.1:41232/v1")
        );
        let relative = Ready {
            trust: PathBuf::from("ca.pem"),
            ..ready
        };
        assert!(overlay(&relative).is_err());
    }

    #[test]
    fn a_folder_has_one_demo_and_no_strangers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/demo");
        let mut state = State::take(&path).unwrap();
        state.note_users("demo 4711").unwrap();
        let said = State::take(&path).unwrap_err().to_string();
        assert!(said.contains("is in use by demo 4711;"), "{said}");
        drop(state);
        State::take(&path).unwrap();
        fs::write(folder.path().join("letter"), "dear").unwrap();
        let said = State::take(folder.path()).unwrap_err().to_string();
        assert!(
            said.contains("is not empty and holds no demo.lock"),
            "{said}"
        );
    }

    #[test]
    fn a_folder_is_emptied_of_what_the_last_demo_left() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::take(folder.path()).unwrap();
        for _ in 0..2 {
            let path = state.empty_folder("prometheus").unwrap();
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
            fs::create_dir(path.join("wal")).unwrap();
        }
    }

    #[test]
    fn the_last_ledger_is_kept_with_its_own_parts_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::take(folder.path()).unwrap();
        state.move_old_ledger().unwrap();
        fs::write(state.path("outrider.db"), "one").unwrap();
        fs::write(state.path("outrider.db-wal"), "one's").unwrap();
        state.move_old_ledger().unwrap();
        fs::write(state.path("outrider.db"), "two").unwrap();
        state.move_old_ledger().unwrap();
        let read = |name: &str| fs::read_to_string(state.path(name)).ok();
        assert_eq!(read("ledger.previous.db").as_deref(), Some("two"));
        assert_eq!(read("ledger.previous.db-wal"), None);
        assert_eq!(read("outrider.db"), None);
    }
}
