//! blackbox_exporter of Debian, unpacked by the Makefile, asked for a probe as Prometheus does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::folders::workshop;
use super::get::Connection;
use super::process::Program;
use super::site::Site;
use super::wait;

/// The name that it goes by at the site.
pub(crate) const BLACKBOX: &str = "blackbox";

/// A running exporter and the thread that asks it.
#[derive(Debug)]
pub(crate) struct Blackbox {
    pub(crate) program: Program,
    is_over: Arc<AtomicBool>,
    asking: Option<JoinHandle<u32>>,
    _folder: tempfile::TempDir,
}

impl Blackbox {
    /// Starts it and asks for so many probes a second, on one connection that stays open and without
    /// compression: the cheapest for it.
    pub(crate) fn start(site: &Site, is_tls: bool, rate: u32) -> Self {
        let folder = workshop();
        let config = folder.path().join("blackbox.yml");
        let trust = site.trust();
        let text = format!(
            "modules:\n  http_2xx:\n    prober: http\n    http:\n      preferred_ip_protocol: ip4\n      \
             tls_config:\n        ca_file: {}\n",
            trust.display()
        );
        std::fs::write(&config, text).expect("a file");
        let port = free_port();
        let mut command = std::process::Command::new(binary());
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let program = Program::start(command, &folder.path().join("blackbox.log"));
        let host = format!("127.0.0.1:{port}");
        wait::until("blackbox_exporter to listen", || {
            Connection::open(&host).is_ok()
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let path = format!(
            "/probe?module=http_2xx&target={}/metadata",
            site.url(is_tls, BLACKBOX)
        );
        let told = Arc::clone(&is_over);
        let asking = std::thread::spawn(move || ask(&host, &path, rate, &told));
        Self {
            program,
            is_over,
            asking: Some(asking),
            _folder: folder,
        }
    }

    /// Stops to ask; probes that failed.
    pub(crate) fn failed(&mut self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        let asking = self.asking.take().expect("one end");
        asking.join().expect("probes")
    }
}

fn ask(host: &str, path: &str, rate: u32, is_over: &AtomicBool) -> u32 {
    let mut connection = Connection::open(host).expect("it listens");
    let mut failed = 0;
    let mut due = wait::now();
    while !is_over.load(Ordering::Relaxed) {
        due += Duration::from_secs(1) / rate;
        wait::rest(due.saturating_duration_since(wait::now()));
        let page = connection.get(path).expect("a page");
        let page = String::from_utf8_lossy(&page);
        failed += u32::from(!page.contains("\nprobe_success 1"));
    }
    failed
}

/// Where `make tools` unpacked it.
fn binary() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target directory");
    let binary = target.join("tools/debian/usr/bin/prometheus-blackbox-exporter");
    assert!(
        binary.exists(),
        "{} is not there: run `make bench-tools`",
        binary.display()
    );
    binary
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("a port").port()
}
