//! Debian's Prometheus and Alertmanager: where they are, at which ports, with which arguments.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::clock::SCALE;

/// How far back Prometheus remembers: longer than the longest window of the rules at the demo's pace.
const RETENTION: &str = "--storage.tsdb.retention.time=3d";

/// After how long Prometheus tells Alertmanager again what goes on, unscaled: its own default. What it told
/// before it knew where Alertmanager is was lost.
const RESEND_SECONDS: u32 = 60;

/// Both programs, unpacked below one folder.
#[derive(Debug)]
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Makes sure that both are there.
    ///
    /// # Errors
    /// When one is missing.
    pub(crate) fn find(folder: &Path) -> Result<Self> {
        let tools = Self {
            folder: std::path::absolute(folder)?,
        };
        for name in ["prometheus", "prometheus-alertmanager"] {
            let path = tools.program(name);
            ensure!(
                path.is_file(),
                "there is no {}; run make tools, or say with --tools where it was unpacked",
                path.display()
            );
        }
        Ok(tools)
    }

    /// Prometheus on a generated file.
    pub(crate) fn prometheus(&self, file: &Path, data: &Path, listen: SocketAddr) -> Command {
        let mut command = self.command("prometheus", file, listen);
        let shared = self.folder.join("usr/share/prometheus/web/");
        // Debian's console templates show machines, and there is none to show.
        let nowhere = self.folder.join("no-consoles");
        command
            .arg(flag("--storage.tsdb.path", data))
            .arg(RETENTION)
            .arg(format!(
                "--rules.alert.resend-delay={}s",
                RESEND_SECONDS / SCALE
            ))
            .arg(flag("--web.local-assets", &shared))
            .arg(flag("--web.console.templates", &nowhere))
            .arg(flag("--web.console.libraries", &nowhere));
        command
    }

    /// Alertmanager on a generated file, without gossip.
    pub(crate) fn alertmanager(&self, file: &Path, data: &Path, listen: SocketAddr) -> Command {
        let mut command = self.command("prometheus-alertmanager", file, listen);
        command
            .arg(flag("--storage.path", data))
            .arg(flag("--web.ui-path", &self.pages()))
            .arg("--cluster.listen-address=");
        command
    }

    /// What shows Alertmanager's alerts in a terminal, where it has no pages: Debian leaves them out, and
    /// people may add them.
    pub(crate) fn instead_of_pages(&self) -> Option<PathBuf> {
        let has_pages = self.pages().join("index.html").is_file();
        (!has_pages).then(|| self.program("amtool"))
    }

    fn pages(&self) -> PathBuf {
        self.folder.join("usr/share/prometheus/alertmanager/ui")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("usr/bin").join(name)
    }

    /// Both find what they were packaged with relative to the folder that they are started in.
    fn command(&self, name: &str, file: &Path, listen: SocketAddr) -> Command {
        let mut command = Command::new(self.program(name));
        command
            .current_dir(&self.folder)
            .arg(flag("--config.file", file))
            .arg(format!("--web.listen-address={listen}"))
            // Without it, links in alerts would name this machine, where nothing listens.
            .arg(format!("--web.external-url=http://{listen}"));
        command
    }
}

/// A path need not be UTF-8.
fn flag(name: &str, path: &Path) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(name);
    flag.push("=");
    flag.push(path);
    flag
}

/// The usual port on loopback when it is free, or another one.
///
/// # Errors
/// When there is none.
pub(crate) fn address(usual: u16) -> Result<SocketAddr> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bind(usual)
        .or_else(|_| bind(0))
        .and_then(|listener| listener.local_addr())
        .context("there is no free port on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("usr/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("prometheus"), "").unwrap();
        let said = Tools::find(folder.path()).unwrap_err().to_string();
        assert!(
            said.contains("usr/bin/prometheus-alertmanager; run make tools"),
            "{said}"
        );
        std::fs::write(bin.join("prometheus-alertmanager"), "").unwrap();
        let tools = Tools::find(folder.path()).unwrap();
        assert_eq!(tools.instead_of_pages(), Some(bin.join("amtool")));
        let pages = tools.pages();
        std::fs::create_dir_all(&pages).unwrap();
        std::fs::write(pages.join("index.html"), "").unwrap();
        assert_eq!(tools.instead_of_pages(), None);
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let other = address(port).unwrap();
        assert_ne!(other.port(), port);
        drop(taken);
        assert!(other.ip().is_loopback());
    }

    #[test]
    fn nothing_listens_beyond_this_machine() {
        let tools = Tools {
            folder: PathBuf::from("/t"),
        };
        let listen = "127.0.0.1:9093".parse().unwrap();
        let (file, data) = (Path::new("/s/a.yml"), Path::new("/s/data"));
        let told = |command: &Command| {
            let words = command.get_args().map(|word| word.to_str().unwrap());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let alertmanager = told(&tools.alertmanager(file, data, listen));
        assert!(alertmanager.contains(&"--cluster.listen-address=".to_owned()));
        for words in [alertmanager, told(&tools.prometheus(file, data, listen))] {
            assert!(words.contains(&"--web.listen-address=127.0.0.1:9093".to_owned()));
            assert!(words.contains(&"--web.external-url=http://127.0.0.1:9093".to_owned()));
            assert!(words.contains(&"--config.file=/s/a.yml".to_owned()));
        }
    }
}
