//! The running ground truth: orders for it, and its log.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Program, eventually, exchange, http, json};

/// A server that does what it is told; it ends with its test.
pub(crate) struct Truth {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Truth {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(exchange());
        command
            .args(["groundtruth", "--state"])
            .arg(folder.path().join("state"));
        let program = Program::start(command, &folder.path().join("groundtruth.log"));
        Self {
            program,
            _folder: folder,
        }
    }

    fn ready(&self, key: &str) -> &str {
        self.program.ready[key].as_str().unwrap()
    }

    /// An address over plain HTTP.
    pub(crate) fn plain(&self, path: &str) -> String {
        format!("{}{path}", self.ready("plain"))
    }

    /// An address over TLS.
    pub(super) fn secure(&self, path: &str) -> String {
        format!("{}{path}", self.ready("tls"))
    }

    /// The file of its CA.
    pub(super) fn trust(&self) -> PathBuf {
        self.ready("trust").into()
    }

    fn control(&self, path: &str) -> String {
        format!("{}{path}", self.ready("control"))
    }

    /// How requests for this path are answered from now on.
    pub(super) fn order(&self, path: &str, behaviour: &Value) {
        self.put(&json!({"path": path, "behaviour": behaviour}));
    }

    /// The same for so many requests only, after so many that go by.
    pub(super) fn order_times(&self, path: &str, behaviour: &Value, after: u32, times: u32) {
        let order = json!({"path": path, "behaviour": behaviour, "after": after, "times": times});
        self.put(&order);
    }

    fn put(&self, order: &Value) {
        json("PUT", &self.control("/orders"), &order.to_string());
    }

    /// No order holds any more.
    pub(super) fn heal(&self) {
        json("DELETE", &self.control("/orders"), "");
    }

    /// Connections lie so long before they are read from.
    pub(super) fn door(&self, accept: Duration) {
        let door = json!({"accept_ms": accept.as_millis()});
        json("PUT", &self.control("/door"), &door.to_string());
    }

    /// Requests whose path begins so, once none of that name goes on any more.
    pub(super) fn asked(&self, path: &str) -> Vec<LoggedRequest> {
        let name = path.split('/').nth(1).unwrap();
        eventually("requests to be over", || {
            let counts = json("GET", &self.control("/counts"), "");
            (counts["begun"][name] == counts["ended"][name]).then_some(())
        });
        let (status, lines) = http("GET", &self.control("/log"), "");
        assert_eq!(status, 200);
        let entries = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        entries
            .map(LoggedRequest)
            .filter(|asked| asked.target().starts_with(path))
            .collect()
    }

    /// Requests of a name that were begun, whether they are over or not.
    pub(crate) fn begun(&self, name: &str) -> u64 {
        let counts = json("GET", &self.control("/counts"), "");
        counts["begun"][name].as_u64().unwrap_or_default()
    }

    /// Waits for a request of this name.
    pub(super) fn wait_for(&self, name: &str) {
        eventually("a request", || (self.begun(name) > 0).then_some(()));
    }
}

/// One line of its log.
#[derive(Clone, Debug)]
pub(super) struct LoggedRequest(pub(super) Value);

impl LoggedRequest {
    pub(super) fn target(&self) -> &str {
        self.0["target"].as_str().unwrap()
    }

    /// The request as it was received, where that was ordered.
    pub(super) fn received(&self) -> &Value {
        &self.0["received"]
    }

    fn at(&self, key: &str) -> Duration {
        let nanos = self.0[key].as_u64();
        Duration::from_nanos(nanos.unwrap_or_else(|| panic!("no {key} in {}", self.0)))
    }

    /// From one of its times to another, as `accept`, `first_in`, `last_in`, `first_out`, `last_out`, `over`.
    pub(super) fn between(&self, from: &str, to: &str) -> Duration {
        self.at(&format!("{to}_ns")) - self.at(&format!("{from}_ns"))
    }
}
