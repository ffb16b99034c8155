//! blackbox_exporter of Debian, asked as Prometheus asks it. What is scored is what it does here.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::monitor::{
    Blames, Cannot, DISTURBED, Look, Monitor, STOPPED, Said, Seen, SignIn, Slips, Tally, UNTOLD,
    slips,
};
use super::truth::Truth;
use crate::support::{Metrics, after, eventually, http, tool};

/// What it takes off the scrape's timeout, so that its answer is in time.
const OFFSET: Duration = Duration::from_millis(500);

pub(super) struct Blackbox;

/// A running exporter.
struct Exporter {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Exporter {
    /// With a module of these settings.
    fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blackbox.yml");
        std::fs::write(&file, module(settings)).unwrap();
        // It does not say which port it took, so one that was free a moment ago is named.
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        drop(port);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(tool("prometheus-blackbox-exporter"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=debug")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let exporter = Self {
            child,
            address,
            folder,
        };
        eventually("blackbox_exporter to listen", || {
            std::net::TcpStream::connect(&exporter.address).ok()
        });
        exporter
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn probe(&self, url: &str, timeout: Duration) -> Seen {
        seen(&self.page(url, timeout, ""))
    }

    fn page(&self, url: &str, timeout: Duration, more: &str) -> String {
        let target = percent_encoding::utf8_percent_encode(url, percent_encoding::NON_ALPHANUMERIC);
        // The module's own timeout rules; Prometheus's header would say the same.
        let path = format!("/probe?module=m&target={target}{more}");
        let (status, page) = http("GET", &self.url(&path), "");
        assert_eq!(status, 200, "within {timeout:?}: {page}");
        page
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-s", name, &id]).status();
        assert!(told.unwrap().success());
    }
}

fn module(settings: &str) -> String {
    format!("modules:\n  m:\n    prober: http\n{settings}")
}

fn settings(timeout: Duration, trust: Option<&Path>, more: &str) -> String {
    let trust = trust.map_or(String::new(), |file| {
        format!("      tls_config:\n        ca_file: {}\n", file.display())
    });
    format!(
        "    timeout: {}ms\n    http:\n      preferred_ip_protocol: ip4\n{trust}{more}",
        timeout.as_millis()
    )
}

fn start(look: &Look) -> Exporter {
    Exporter::start(&settings(look.timeout, look.trust.as_deref(), ""))
}

fn seen(page: &str) -> Seen {
    let page = Metrics(page.to_owned());
    let transfer = page.sum("probe_http_duration_seconds", &[("phase", "transfer")]);
    Seen {
        blames: if page.sum("probe_success", &[]) > 0.5 {
            Blames::Nobody
        } else {
            Blames::Target
        },
        latency: Duration::from_secs_f64(page.sum("probe_duration_seconds", &[])),
        transfer: Some(Duration::from_secs_f64(transfer)),
        // No series of its page is about its own delay.
        is_marked: ["delay", "agent_delayed", "saturat"]
            .iter()
            .any(|word| page.0.contains(word)),
    }
}

impl Monitor for Blackbox {
    fn name(&self) -> &'static str {
        "blackbox_exporter"
    }

    fn look(&self, _truth: &Truth, look: &Look) -> Result<Seen, Cannot> {
        Ok(start(look).probe(&look.url, look.timeout))
    }

    fn look_frozen(
        &self,
        truth: &Truth,
        look: &Look,
        name: &str,
        time: Duration,
    ) -> Result<Seen, Cannot> {
        let exporter = start(look);
        Ok(std::thread::scope(|scope| {
            let asked = scope.spawn(|| exporter.probe(&look.url, look.timeout));
            truth.wait_for(name);
            exporter.signal("STOP");
            after(time);
            exporter.signal("CONT");
            asked.join().unwrap()
        }))
    }

    fn keep_looking(
        &self,
        _truth: &Truth,
        look: &Look,
        every: Duration,
        times: u64,
    ) -> Result<Tally, Cannot> {
        // Prometheus allows no scrape to take longer than its interval.
        let timeout = look.timeout.min(every.saturating_sub(OFFSET));
        let exporter = Exporter::start(&settings(timeout, look.trust.as_deref(), ""));
        let seen: Vec<Seen> = (0..times)
            .map(|_| exporter.probe(&look.url, timeout))
            .collect();
        let in_time = seen.iter().filter(|seen| seen.latency <= every);
        Ok(Tally {
            intended: times,
            reported: in_time.count() as u64,
            good: seen
                .iter()
                .filter(|seen| seen.blames == Blames::Nobody)
                .count() as u64,
        })
    }

    fn say_all(&self, truth: &Truth) -> Result<Said, Cannot> {
        let secret = "blackbox-header-5b1c7e90";
        let more = format!("      headers:\n        X-Api-Key: {secret}\n");
        let look = Look::at(truth.plain("/told/do/status=401,body=echo/look"));
        let exporter = Exporter::start(&settings(look.timeout, None, &more));
        let debug = exporter.page(&look.url, look.timeout, "&debug=true");
        let mut said = Said {
            texts: vec![("/probe?debug=true".to_owned(), debug)],
            secrets: vec![secret.to_owned()],
        };
        for page in ["/config", "/metrics", "/"] {
            let (_, text) = http("GET", &exporter.url(page), "");
            said.texts.push((page.to_owned(), text));
        }
        said.texts.push(("log".to_owned(), exporter.log()));
        Ok(said)
    }

    fn reread(&self, truth: &Truth) -> Result<Slips, Cannot> {
        let look = Look::at(truth.plain("/reread/look"));
        let exporter = start(&look);
        let slow = truth.plain("/reread/do/head_ms=1500/look");
        let (others_left_alone, goes_on) = std::thread::scope(|scope| {
            let other = scope.spawn(|| exporter.probe(&slow, look.timeout));
            truth.wait_for("reread");
            let file = exporter.folder.path().join("blackbox.yml");
            std::fs::write(file, "modules:\n  m:\n    probber: http\n").unwrap();
            let (status, _) = http("POST", &exporter.url("/-/reload"), "");
            assert_eq!(status, 500);
            let goes_on = exporter.probe(&look.url, look.timeout).blames == Blames::Nobody;
            (other.join().unwrap().blames == Blames::Nobody, goes_on)
        });
        let (_, metrics) = http("GET", &exporter.url("/metrics"), "");
        let name = "blackbox_exporter_config_last_reload_successful";
        Ok(slips([
            (STOPPED, !goes_on),
            (UNTOLD, Metrics(metrics).count(name, &[]) != 0),
            (DISTURBED, !others_left_alone),
        ]))
    }

    fn sign_in_down(&self, truth: &Truth) -> Result<SignIn, Cannot> {
        truth.order("/signin/token", &serde_json::json!({"status": 503}));
        let more = format!(
            "      oauth2:\n        client_id: blackbox\n        client_secret: any\n        token_url: {}\n",
            truth.plain("/signin/token")
        );
        let look = Look::at(truth.plain("/signin/look"));
        let exporter = Exporter::start(&settings(look.timeout, None, &more));
        let page = exporter.page(&look.url, look.timeout, "");
        truth.heal();
        assert!(
            !truth.asked("/signin/token").is_empty(),
            "it asks for a token"
        );
        Ok(SignIn {
            fails: seen(&page).blames == Blames::Target,
            is_named: ["token", "oauth", "auth"]
                .iter()
                .any(|word| page.contains(word)),
        })
    }
}
