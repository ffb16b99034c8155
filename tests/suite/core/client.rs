//! A client of the core, and a core of its own process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::requester::{Answer, Requester, some_members};
use crate::support::{Program, Sandbox, eventually, exchange};

/// All that a client may ask for.
pub(super) const SCOPES: &str = "exchange.write exchange.read review audit.read events.read";
/// What the core itself refuses: consents that are for others.
const NOT_FOR_US: [&str; 2] = ["wrong-recipient", "wrong-source"];

/// A core whose waits, windows and clocks are 300 times as short.
pub(super) const FAST: [&str; 2] = [
    "--config",
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cases/exchange/fast.toml"
    ),
];

/// A client with a token.
pub(super) struct CoreClient {
    requester: Requester,
    pub(super) token: String,
    pub(super) core: Value,
}

impl CoreClient {
    /// The client `outrider` of the core that a ready line tells of.
    pub(super) fn at(core: &Value) -> Self {
        Self::of(core, "outrider", SCOPES)
    }

    /// Another client, or a token for less.
    pub(super) fn of(core: &Value, client: &str, scopes: &str) -> Self {
        let ready = json!({"trust": core["trust"], "partners": [
            {"id": "core", "base_url": core["base_url"], "clients": core["clients"]},
        ]});
        let mut requester = Requester::of(&ready, "core", client, "ES384");
        requester.token_url = core["token_url"].as_str().unwrap().to_owned();
        let token = requester.token(scopes);
        Self {
            requester,
            token,
            core: core.clone(),
        }
    }

    pub(super) fn requester(&mut self) -> &mut Requester {
        &mut self.requester
    }

    /// Where the core keeps its memory.
    pub(super) fn state(&self) -> PathBuf {
        self.core["state"].as_str().unwrap().into()
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        let token = self.token.clone();
        let base = self.requester.base.clone();
        self.requester.get(&token, &format!("{base}{path}"))
    }

    pub(super) fn json(&mut self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// A POST; what the connection does wrong is an error.
    pub(super) fn try_post(
        &mut self,
        path: &str,
        body: &[u8],
        key: Option<&str>,
    ) -> std::io::Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let url = format!("{}{path}", self.requester.base);
        self.requester.try_send("POST", &url, &headers, body)
    }

    pub(super) fn post(&mut self, path: &str, body: &Value, key: Option<&str>) -> Answer {
        self.try_post(path, body.to_string().as_bytes(), key)
            .unwrap()
    }

    /// Opens an exchange; its id.
    pub(super) fn open(&mut self, body: &Value, key: &str) -> String {
        let answer = self.post("/v1/exchanges", body, Some(key));
        assert!([200, 202].contains(&answer.status), "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The status once nothing more will happen.
    pub(super) fn settled(&mut self, id: &str) -> Value {
        eventually("the exchange to end", || {
            let status = self.json(&format!("/v1/exchanges/{id}"));
            (status["next_step"] == "done").then_some(status)
        })
    }

    pub(super) fn result(&mut self, id: &str) -> Value {
        self.json(&format!("/v1/exchanges/{id}/result"))
    }

    /// The audit entries of an exchange or an affair.
    pub(super) fn audit(&mut self, of: &str, kind: &str) -> Vec<Value> {
        let lines = self.get(&format!("/v1/audit?of={of}&kind={kind}")).lines();
        lines
            .into_iter()
            .map(|line| line["entry"]["detail"].clone())
            .collect()
    }
}

/// A core in a process of its own, beside partners that outlive it.
pub(super) struct Core {
    pub(super) program: Program,
}

impl Core {
    pub(super) fn start(state: &Path, sandbox: &Sandbox, more: &[&str]) -> Self {
        std::fs::create_dir_all(state).unwrap();
        let partners = state.join("partners.json");
        std::fs::write(&partners, sandbox.ready().to_string()).unwrap();
        let mut command = Command::new(exchange());
        command.args(["core", "serve", "--state"]).arg(state);
        command.arg("--partners").arg(&partners).args(more);
        Self {
            program: Program::start(command, &state.join("core.log")),
        }
    }

    pub(super) fn front(&self) -> CoreClient {
        CoreClient::at(&self.program.ready["core"])
    }
}

/// Partners with the core beside them, all waits a few hundred times as short.
pub(super) fn together(partners: &str, more: &[&str]) -> Sandbox {
    let mut arguments = vec!["--job-ms", "0", "--partners", partners];
    if !more.contains(&"--config") {
        arguments.extend(FAST);
    }
    arguments.extend(more);
    Sandbox::start_with(&arguments)
}

/// The members that a partner can be asked for.
pub(super) fn askable(partner: &str, count: usize) -> Vec<Value> {
    let mut members = some_members(partner, count);
    members.retain(|one| !NOT_FOR_US.iter().any(|case| one["edge_case"] == *case));
    members
}

/// A request about these members.
pub(super) fn request(partner: &str, members: &[Value]) -> Value {
    let member = |one: &Value| {
        let mut member = json!({
            "id": one["id"],
            "cohort": one["cohort"],
            "patient": one["request"]["patient"],
            "coverage_to_match": one["request"]["coverage_to_match"],
            "consent": one["request"]["consent"],
        });
        if one["request"]["more_coverages"].is_array() {
            member["more_coverages"] = one["request"]["more_coverages"].clone();
        }
        member
    };
    json!({
        "trigger": "opt-in",
        "source_payer": "1999999984",
        "target_payer": partner,
        "purpose": "payer-to-payer",
        "legal_basis": {"kind": "member-opt-in", "reference": "opt-in-2026-11"},
        "correlation_id": format!("affair-{partner}"),
        "requested_at": "2026-11-22T09:00:00Z",
        "members": members.iter().map(member).collect::<Vec<Value>>(),
    })
}

/// The key by which trail and reviews name a member of that result.
pub(super) fn key_of(result: &Value, id: &str) -> Value {
    let mut members = result["members"].as_array().unwrap().iter();
    members.find(|one| one["id"] == id).unwrap()["key"].clone()
}

/// A command of the `exchange` program.
pub(super) fn command(arguments: &[&str], state: &Path) -> Output {
    let mut command = Command::new(exchange());
    command.args(arguments).arg("--state").arg(state);
    command.output().unwrap()
}

/// The hash under which a payload is kept.
pub(super) fn sha256_of(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect()
}

/// What a partner counted.
pub(super) fn stats(sandbox: &Sandbox, partner: &str) -> Value {
    let url = sandbox.control(&format!("/partners/{partner}/stats"));
    crate::support::json("GET", &url, "")
}

/// Orders a fault.
pub(super) fn order(sandbox: &Sandbox, partner: &str, order: &Value) {
    let url = sandbox.control(&format!("/partners/{partner}/faults"));
    crate::support::json("POST", &url, &order.to_string());
}
