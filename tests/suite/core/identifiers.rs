//! Ids, names and birth dates of members are where the work needs them, and nowhere else: trail, events, reviews,
//! problems, logs and numbers name a member by a key.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::types::ValueRef;
use serde_json::{Value, json};

use super::client::{CoreClient, askable, command, key_of, order, request, together};
use crate::support::Sandbox;

/// Columns that must hold them: the request as it is sent again after a crash, and the way back from the key.
const NEEDED: [&str; 4] = ["request.body", "member.id", "member.folded", "member.data"];

/// What identifies these members.
fn canaries(members: &[Value]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for member in members {
        let patient = &member["request"]["patient"];
        let name = &patient["name"][0];
        let parts = [
            &member["id"],
            &patient["birthDate"],
            &name["family"],
            &name["given"][0],
        ];
        all.extend(parts.map(|part| part.as_str().unwrap().to_owned()));
    }
    // Shorter ones are parts of other words.
    all.retain(|one| one.len() > 3);
    assert!(all.len() > 20);
    all
}

fn spotless(place: &str, text: &str, canaries: &BTreeSet<String>) {
    for one in canaries {
        assert!(!text.contains(one), "{place} holds {one}: {text}");
    }
}

/// Every column of every table.
fn columns(state: &Path) -> Vec<(String, String)> {
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type='table'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    for table in tables {
        let mut query = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> = query.column_names().map(str::to_owned).collect();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (n, name) in names.iter().enumerate() {
                let text = match row.get_ref(n).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        String::from_utf8_lossy(bytes).into_owned()
                    }
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => continue,
                };
                all.push((format!("{table}.{name}"), text));
            }
        }
    }
    all
}

/// Every column and every file of a state folder.
fn spotless_folder(state: &Path, canaries: &BTreeSet<String>) {
    for (place, text) in columns(state) {
        if !NEEDED.contains(&place.as_str()) {
            spotless(&place, &text, canaries);
        }
    }
    for entry in std::fs::read_dir(state).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        // The database was read above; payloads are what was asked for.
        if entry.file_type().unwrap().is_file() && !name.starts_with("core.sqlite") {
            let bytes = std::fs::read(entry.path()).unwrap();
            spotless(&name, &String::from_utf8_lossy(&bytes), canaries);
        }
    }
}

/// Exchanges that end well, half, and not at all, each with what people do about it.
fn lives(sandbox: &Sandbox, front: &mut CoreClient, members: &[Value]) -> Vec<String> {
    let good = front.open(&request("keystone", members), "good");
    front.settled(&good);
    let gap = json!({"fault": "records-missing", "member": members[0]["id"]});
    order(sandbox, "keystone", &gap);
    let half = front.open(&request("keystone", members), "half");
    front.settled(&half);
    sandbox.heal("keystone");
    order(sandbox, "keystone", &json!({"fault": "server-error"}));
    let failed = front.open(&request("keystone", members), "failed");
    front.settled(&failed);
    sandbox.heal("keystone");
    vec![good, half, failed]
}

#[test]
fn members_are_named_where_the_work_needs_it_and_nowhere_else() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let members = askable("keystone", 12);
    let canaries = canaries(&members);
    let ids = lives(&sandbox, &mut front, &members);
    let reviews = front.json("/v1/reviews?state=open")["reviews"]
        .as_array()
        .unwrap()
        .clone();
    assert!(reviews.iter().any(|one| one["member"].is_string()));
    for action in ["resolve", "redrive"] {
        let place = usize::from(action == "redrive");
        let path = format!(
            "/v1/reviews/{}/{action}",
            reviews[place]["id"].as_str().unwrap()
        );
        let answer = front.post(&path, &json!({"note": "the plan knows"}), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let mut wrong = request("keystone", &members);
    let family = members[0]["request"]["patient"]["name"][0]["family"].clone();
    wrong[family.as_str().unwrap()] = json!(1);
    wrong["members"][1]["patient"]["birthDate"] = json!("never");
    let refused = front.post("/v1/exchanges", &wrong, Some("wrong"));
    assert_eq!(refused.status, 422);
    spotless("a problem", &refused.text(), &canaries);

    let state = front.state();
    spotless_folder(&state, &canaries);
    spotless("the log", &sandbox.log(), &canaries);
    let own = ids.iter().map(|id| format!("/v1/exchanges/{id}"));
    let manifests = ids.iter().map(|id| format!("/v1/exchanges/{id}/manifest"));
    let lists = [
        "/v1/exchanges",
        "/v1/events",
        "/v1/audit",
        "/v1/queues",
        "/v1/reviews",
    ];
    let rest = ["/v1/partners", "/metrics", "/readyz"].iter().chain(&lists);
    for path in own
        .chain(manifests)
        .chain(rest.map(|one| (*one).to_owned()))
    {
        let answer = front.get(&path);
        assert_eq!(answer.status, 200, "{path}");
        spotless(&path, &answer.text(), &canaries);
    }
    for arguments in [
        &["core", "status", &ids[1], "--json"][..],
        &["core", "status", &ids[1]],
        &["review", "list", "--all", "--json"],
        &["audit", "search", "affair-keystone"],
    ] {
        let output = command(arguments, &state);
        assert!(output.status.success(), "{arguments:?}");
        spotless(
            &arguments.join(" "),
            &String::from_utf8_lossy(&output.stdout),
            &canaries,
        );
    }
}

#[test]
fn a_key_leads_back_to_its_member_for_whoever_may_and_the_trail_says_who() {
    let sandbox = together("keystone", &[]);
    let core = &sandbox.ready()["core"];
    let mut front = CoreClient::at(core);
    let members = askable("keystone", 3);
    let id = front.open(&request("keystone", &members), "k");
    front.settled(&id);
    let member = members[0]["id"].as_str().unwrap();
    let key = key_of(&front.result(&id), member);
    let path = format!("/v1/members/{}/lookup", key.as_str().unwrap());
    let why = json!({"note": "call the member back"});
    assert_eq!(front.post(&path, &why, None).status, 403);
    let mut resolver = CoreClient::of(core, "outrider", "member.lookup");
    let told = resolver.post(&path, &why, None);
    let due = json!({"key": key, "id": member, "exchanges": [id]});
    assert_eq!((told.status, told.json()), (200, due));
    let named = json!({"note": format!("who is {member}")});
    let refused = resolver.post(&path, &named, None);
    assert_eq!(
        (refused.status, refused.json()["title"].as_str()),
        (422, Some("note-names-member"))
    );
    assert_eq!(resolver.post(&path, &json!({}), None).status, 422);
    let unknown = resolver.post("/v1/members/m-0/lookup", &why, None);
    assert_eq!(unknown.status, 404);
    let arguments = [
        "core",
        "member",
        key.as_str().unwrap(),
        "--by",
        "ann",
        "--note",
        "a call",
    ];
    let output = command(&arguments, &front.state());
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with(member),
        "{output:?}"
    );
    let entries = front.get(&format!("/v1/audit?of={id}&kind=lookup")).lines();
    let told: Vec<(&str, &str)> = entries
        .iter()
        .map(|line| &line["entry"])
        .map(|one| {
            (
                one["actor"].as_str().unwrap(),
                one["detail"]["note"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("client:outrider", "call the member back"),
            ("operator:ann", "a call")
        ]
    );
}

/// Fullwidth digits.
fn wide(text: &str) -> String {
    let wide = |digit: char| char::from_u32(u32::from(digit) - 0x30 + 0xff10).unwrap();
    text.chars().map(wide).collect()
}

#[test]
fn free_text_names_no_member() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let members = askable("keystone", 12);
    let patient = &members[0]["request"]["patient"];
    let family = patient["name"][0]["family"].as_str().unwrap();
    let birth = patient["birthDate"].as_str().unwrap();
    let member = members[0]["id"].as_str().unwrap();
    for text in [member, family, birth, &birth.replace('-', "/")] {
        for at in ["/correlation_id", "/legal_basis/reference"] {
            let mut body = request("keystone", &members);
            *body.pointer_mut(at).unwrap() = json!(format!("case {text}"));
            let refused = front.post("/v1/exchanges", &body, Some("k"));
            assert_eq!(refused.status, 422, "{at} {text}");
            assert_eq!(refused.json()["mistakes"][0]["at"], at);
            assert!(!refused.text().contains(text), "{text}");
        }
        let key = format!("case-{}", text.to_lowercase());
        let refused = front.post("/v1/exchanges", &request("keystone", &members), Some(&key));
        assert_eq!(refused.status, 422, "{key}");
    }
    let id = front.open(&request("keystone", &members), "k");
    front.settled(&id);
    let open = front.json(&format!("/v1/reviews?exchange={id}&state=open"));
    let review = open["reviews"][0]["id"].as_str().unwrap();
    let path = format!("/v1/reviews/{review}/resolve");
    let long = "x".repeat(129);
    for (note, title) in [
        (format!("{family} is at another plan"), "note-names-member"),
        (format!("born {birth}"), "note-names-member"),
        (format!("see ({member})"), "note-names-member"),
        (
            format!("see {}", member.to_uppercase().replace('-', " ")),
            "note-names-member",
        ),
        (wide(&birth.replace('-', "")), "note-names-member"),
        (format!("\u{202e}{family}"), "note-missing"),
        (long.clone(), "note-missing"),
        ("a\nb".to_owned(), "note-missing"),
    ] {
        let refused = front.post(&path, &json!({"note": note}), None);
        assert_eq!(
            (refused.status, refused.json()["title"].as_str()),
            (422, Some(title)),
            "{note}"
        );
        let arguments = ["review", "resolve", review, "--by", "ann", "--note", &note];
        let output = command(&arguments, &front.state());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains("--note: ") && told.contains("fix: "),
            "{told}"
        );
        assert!(!told.contains(family), "{told}");
    }
    // What is no object with one note is not one that a lenient reader makes of it.
    for body in [
        r#"["why"]"#,
        r#"{"note":"why","note":"else"}"#,
        r#"{"note":["why"]}"#,
        "[]",
    ] {
        let refused = front.try_post(&path, body.as_bytes(), None).unwrap();
        assert_eq!(refused.status, 422, "{body}");
    }
    let twice = request("keystone", &members).to_string();
    let twice = twice.replacen('{', r#"{"cohort":"medicaid","cohort":"commercial","#, 1);
    let refused = front.try_post("/v1/exchanges", twice.as_bytes(), Some("twice"));
    assert_eq!(refused.unwrap().json()["title"], "not-json");
    let arguments = ["review", "resolve", review, "--by", &long, "--note", "ok"];
    assert_eq!(command(&arguments, &front.state()).status.code(), Some(2));
}
