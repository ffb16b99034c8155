//! Who may do what at the core: each route by scope, by tenant and by the token's life.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::client::{Core, CoreClient, FAST, askable, order, request, together};
use crate::requester::Answer;
use crate::support::{Sandbox, eventually, exchange, json as control};

/// Every route that needs a token: method, path, scope, and the owner's answer about an exchange that failed.
const ROUTES: [(&str, &str, &str, u16); 15] = [
    ("GET", "/v1/exchanges", "exchange.read", 200),
    ("GET", "/v1/exchanges/ID", "exchange.read", 200),
    ("GET", "/v1/exchanges/ID/result", "exchange.read", 200),
    ("GET", "/v1/exchanges/ID/manifest", "exchange.read", 200),
    ("GET", "/v1/exchanges/ID/payloads/00", "exchange.read", 404),
    ("GET", "/v1/partners", "exchange.read", 200),
    ("POST", "/v1/exchanges/ID/cancel", "exchange.write", 409),
    ("POST", "/v1/exchanges/ID/follow-up", "exchange.write", 409),
    ("GET", "/v1/events", "events.read", 200),
    ("GET", "/v1/audit", "audit.read", 200),
    ("GET", "/v1/queues", "review", 200),
    ("GET", "/v1/reviews", "review", 200),
    ("POST", "/v1/reviews/REVIEW/resolve", "review", 200),
    ("POST", "/v1/members/KEY/lookup", "member.lookup", 200),
    ("DELETE", "/v1/exchanges/ID/manifest", "exchange.write", 202),
];
const SCOPES: [&str; 6] = [
    "exchange.read",
    "exchange.write",
    "events.read",
    "audit.read",
    "review",
    "member.lookup",
];

/// An exchange that failed, and the item that waits for a person because of it.
fn failed(sandbox: &Sandbox, front: &mut CoreClient) -> (String, String) {
    order(sandbox, "keystone", &json!({"fault": "server-error"}));
    let id = front.open(&request("keystone", &askable("keystone", 2)), "k");
    assert_eq!(front.settled(&id)["reason"], "retries_exhausted");
    sandbox.heal("keystone");
    let open = front.json(&format!("/v1/reviews?exchange={id}"));
    let review = open["reviews"][0]["id"].as_str().unwrap().to_owned();
    (id, review)
}

fn ask(client: &mut CoreClient, method: &str, path: &str) -> Answer {
    let token = client.token.clone();
    let url = format!("{}{path}", client.core["base_url"].as_str().unwrap());
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = if method == "POST" {
        json!({"note": "mended"}).to_string()
    } else {
        String::new()
    };
    client
        .requester()
        .send(method, &url, &headers, body.as_bytes())
}

#[test]
fn every_route_is_for_its_scope_its_tenant_and_the_life_of_a_token() {
    let sandbox = together("keystone", &[]);
    let core = &sandbox.ready()["core"];
    let mut owner = CoreClient::at(core);
    let (id, review) = failed(&sandbox, &mut owner);
    let result = owner.result(&id);
    let key = result["members"][0]["key"].as_str().unwrap();
    let mut foreign = CoreClient::of(core, "rival", &SCOPES.join(" "));
    let mut nobody = CoreClient::of(core, "outrider", "exchange.read");
    nobody.token = "unknown".to_owned();
    let mut alone: Vec<(&str, CoreClient)> = SCOPES
        .iter()
        .map(|scope| (*scope, CoreClient::of(core, "outrider", scope)))
        .collect();
    for (method, path, needed, status) in ROUTES {
        let path = path
            .replace("ID", &id)
            .replace("REVIEW", &review)
            .replace("KEY", key);
        let name = format!("{method} {path}");
        assert_eq!(ask(&mut nobody, method, &path).status, 401, "{name}");
        let theirs = ask(&mut foreign, method, &path);
        if [&id, &review, key].iter().any(|one| path.contains(*one)) {
            assert_eq!(theirs.status, 404, "{name}: {}", theirs.text());
        } else {
            assert_eq!(theirs.status, 200, "{name}: {}", theirs.text());
            let text = theirs.text();
            for word in [&id, &review, "dead-letter", "affair-keystone"] {
                assert!(!text.contains(word), "{name} shows {word}: {text}");
            }
        }
        // The scope that is needed comes last: its answer may change the item.
        alone.sort_by_key(|(scope, _)| *scope == needed);
        for (scope, client) in &mut alone {
            let expected = if *scope == needed { status } else { 403 };
            let answer = ask(client, method, &path);
            assert_eq!(answer.status, expected, "{name} with {scope}");
        }
    }
    let again = foreign.post(
        "/v1/exchanges",
        &request("keystone", &askable("keystone", 1)),
        Some("k"),
    );
    assert_eq!(again.json()["mistakes"][0]["at"], "/source_payer");
    let later = json!({"advance_seconds": 301}).to_string();
    control("PUT", &sandbox.control("/clock"), &later);
    for (method, path, needed, _) in ROUTES {
        let path = path
            .replace("ID", &id)
            .replace("REVIEW", &review)
            .replace("KEY", key);
        let (_, client) = alone
            .iter_mut()
            .find(|(scope, _)| *scope == needed)
            .unwrap();
        assert_eq!(ask(client, method, &path).status, 401, "{method} {path}");
    }
}

/// A registered client of the file, whose key the core made when it had no file.
fn registered(id: &str, tenant: &str, scopes: &str, payer: &str) -> String {
    format!(
        "[[client]]\nid = \"{id}\"\njwks = \"core.{id}.jwks.json\"\ntenant = \"{tenant}\"\n\
         scopes = [{scopes}]\nsource_payers = [\"{payer}\"]\n"
    )
}

fn check(file: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(exchange());
    let output = command.args(["check", "--config"]).arg(file).output();
    let output = output.unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

/// A client that is registered for real members may not call them invented: those are kept for a day only.
fn refuses_invented_members(owner: &mut CoreClient) {
    let mut invented = request("keystone", &askable("keystone", 1));
    invented["traffic"] = json!("synthetic");
    let refused = owner.post("/v1/exchanges", &invented, Some("invented"));
    assert_eq!(
        refused.json()["mistakes"][0]["at"],
        "/traffic",
        "{}",
        refused.text()
    );
}

fn in_log(core: &Core, text: &str) {
    eventually(text, || core.program.log().contains(text).then_some(()));
}

/// A file that lost its clients does not let anybody else in.
fn lost_clients_change_nothing(core: &Core, write: impl Fn(&str)) {
    for middle in ["", "[store]\n"] {
        write(middle);
        let refusals = || core.program.log().matches("names no [[client]]").count();
        let before = refusals();
        core.program.signal("HUP");
        eventually("the refusal in the log", || {
            (refusals() > before).then_some(())
        });
    }
}

#[test]
fn the_file_says_what_a_client_may_do_and_is_read_again() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    // A first start makes keys for two clients, which the file then registers.
    let core = Core::start(folder.path(), &sandbox, &FAST);
    let keys = core.program.ready["core"]["clients"].clone();
    assert_eq!(core.program.stop(), 0);
    let file = folder.path().join("exchange.toml");
    let core_section = "[core]\nscale = 300\n";
    let writer = registered(
        "outrider",
        "one",
        "\"exchange.write\", \"exchange.read\"",
        "1999999984",
    );
    let watcher = |tenant: &str, scopes: &str| registered("rival", tenant, scopes, "1987654328");
    let all = "\"review\", \"audit.read\", \"events.read\"";
    let write = |parts: &[&str]| std::fs::write(&file, parts.concat()).unwrap();
    write(&[core_section, &writer, &watcher("one", all)]);
    let (code, told) = check(&file);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("client rival"), "{told}");
    let core = Core::start(
        folder.path(),
        &sandbox,
        &["--config", file.to_str().unwrap()],
    );
    let mut ready = core.program.ready["core"].clone();
    ready["clients"] = keys;
    let mut owner = CoreClient::of(&ready, "outrider", "exchange.write exchange.read");
    let assertion = owner.requester().assertion(&json!({}));
    let refused = owner.requester().ask_token("review", &assertion);
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (400, Some("invalid_scope"))
    );
    let id = owner.open(&request("keystone", &askable("keystone", 1)), "k");
    assert_eq!(owner.settled(&id)["metadata"]["traffic"], "real");
    refuses_invented_members(&mut owner);
    // Another client of the same tenant watches, and opens nothing.
    let mut colleague = CoreClient::of(&ready, "rival", "review audit.read events.read");
    let seen = |client: &mut CoreClient| client.get("/v1/events").text().contains(&id);
    assert!(seen(&mut colleague));
    assert!(!colleague.get("/v1/audit").lines().is_empty());
    assert_eq!(colleague.get(&format!("/v1/exchanges/{id}")).status, 403);
    // A mistake changes nothing, and is named.
    write(&[core_section, &writer, &watcher("one", "\"reviews\"")]);
    let (code, told) = check(&file);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("there is no scope \"reviews\""), "{told}");
    core.program.signal("HUP");
    in_log(&core, "there is no scope");
    assert!(seen(&mut colleague));
    lost_clients_change_nothing(&core, |middle| {
        write(&[core_section, middle]);
    });
    assert!(seen(&mut colleague));
    write(&[
        core_section,
        "[store]\nmib = 99\n",
        &writer,
        &watcher("one", all),
    ]);
    core.program.signal("HUP");
    in_log(&core, "store.mib changed in exchange.toml: restart");
    // The same token, after the client was moved to another tenant and lost a scope.
    let fewer = "\"review\", \"events.read\"";
    write(&[core_section, &writer, &watcher("two", fewer)]);
    core.program.signal("HUP");
    eventually("the grants to change", || {
        (colleague.get("/v1/audit").status == 403).then_some(())
    });
    assert!(!seen(&mut colleague));
    let other: Value = colleague.json("/v1/reviews");
    assert_eq!(other["reviews"], json!([]));
}
