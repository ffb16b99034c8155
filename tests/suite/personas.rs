//! Each persona over the wire: every column of `tests/cases/personas.toml` is looked at in all nine, so that
//! a quirk is seen where it belongs and nowhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::requester::{
    Answer, DATA, MATCH, Requester, SINGLE, location, match_body, member, members, single_body,
};
use crate::support::{Sandbox, exchange, json as control, repository};

type Seen = BTreeMap<String, String>;

/// What is expected of every persona.
fn table() -> BTreeMap<String, Seen> {
    let text = std::fs::read_to_string(repository().join("tests/cases/personas.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let columns = |name: &str| -> Seen {
        let row = table[name].as_table().unwrap().iter();
        row.map(|(column, seen)| (column.clone(), seen.as_str().unwrap().to_owned()))
            .collect()
    };
    let strict = columns("strict22");
    table
        .keys()
        .map(|persona| {
            let own = columns(persona);
            assert!(
                own.keys().all(|column| strict.contains_key(column)),
                "{persona}"
            );
            let mut row = strict.clone();
            row.extend(own);
            (persona.clone(), row)
        })
        .collect()
}

/// One partner under the eye: done jobs at the one sandbox, running jobs at the other.
struct Eye<'a> {
    partner: &'a str,
    done: &'a Sandbox,
    running: &'a Sandbox,
    members: Vec<Value>,
    seen: Seen,
}

impl Eye<'_> {
    fn note(&mut self, column: &str, seen: impl Into<String>) {
        let before = self.seen.insert(column.to_owned(), seen.into());
        assert!(before.is_none(), "{column} is looked at twice");
    }

    fn look(mut self) -> Seen {
        let mut client = Requester::at(self.done.ready(), self.partner);
        let token = client.token(&format!("{MATCH} {DATA} {SINGLE}"));
        self.discovery(&mut client);
        self.matches(&mut client, &token);
        let group = client.group(&token);
        self.buckets(&mut client, &token);
        self.exports(&mut client, &token, &group);
        self.errors(&mut client, &token);
        self.polls(&mut client, &token);
        self.jobs_that_run();
        self.expiry();
        self.seen
    }

    fn discovery(&mut self, client: &mut Requester) {
        let url = format!("{}/metadata", client.base);
        let statement = client.send("GET", &url, &[], b"").json();
        let guide = statement["implementationGuide"][0].as_str().unwrap();
        self.note("version", guide.rsplit('|').next().unwrap());
    }

    /// A match of one plain member, in the shape in which it comes.
    fn matches(&mut self, client: &mut Requester, token: &str) {
        let plain = [member(&self.members, "plain")];
        let asked = [("x-pdex-spec-version", "2.2")];
        let answer = client.post(
            token,
            "Group/$bulk-member-match",
            &match_body(&plain),
            &asked,
        );
        let (kinds, _) = result(client, token, &answer);
        self.note("asked_for_22", kinds);
        let answer = client.ask_match(token, &plain);
        let (kinds, groups) = result(client, token, &answer);
        self.note("result", kinds);
        if answer.status == 200 {
            self.note("result_media", answer.header("content-type"));
            self.note("status_url", "/jobs/");
            self.seen
                .insert("match_token".to_owned(), "inline".to_owned());
        } else {
            let url = location(&answer);
            let id = url.len() - uuid::Uuid::nil().to_string().len();
            self.note("status_url", &url[client.base.len()..id]);
            let manifest = client.manifest(token, &url);
            let needs = manifest["requiresAccessToken"].to_string();
            self.seen.insert("match_token".to_owned(), needs);
            let file = client.get(token, manifest["output"][0]["url"].as_str().unwrap());
            let file = followed(client, file);
            self.note("result_media", file.header("content-type"));
        }
        let group = &groups[0];
        let submitted = &plain[0]["request"]["patient"];
        let contained = match group["contained"].as_array() {
            None => "left out",
            Some(all) if all[0] == *submitted => "as submitted",
            Some(all) if all[0]["id"] != submitted["id"] => "renumbered",
            Some(_) => "changed",
        };
        self.note("contained", contained);
        let reference = group["member"][0]["entity"]["extension"][0]["valueReference"]["reference"]
            .as_str()
            .unwrap();
        let named = group["contained"][0]["id"]
            .as_str()
            .or(submitted["id"].as_str());
        assert_eq!(reference.trim_start_matches('#'), named.unwrap());
        let codes: Vec<&str> = groups.iter().map(code).collect();
        self.note("buckets", codes.join(" "));
        let single = client.post(token, "Patient/$member-match", &single_body(&plain[0]), &[]);
        assert_eq!(single.status, 200, "{}", single.text());
        self.note("single", parameters(&single.json()));
    }

    fn buckets(&mut self, client: &mut Requester, token: &str) {
        let expired = [member(&self.members, "expired-consent")];
        let answer = client.ask_match(token, &expired);
        let (_, groups) = result(client, token, &answer);
        let own = groups
            .iter()
            .find(|group| group["quantity"] == 1)
            .expect("a bucket");
        self.note("expired_consent", code(own));
    }

    fn exports(&mut self, client: &mut Requester, token: &str, group: &str) {
        let bare = json!({"resourceType": "Parameters", "parameter": [
            {"name": "exportType", "valueCanonical": "payertopayer"}]});
        let answer = client.post(
            token,
            &format!("Group/{group}/$davinci-data-export"),
            &bare,
            &[],
        );
        self.note("bare_export_type", answer.status.to_string());
        if answer.status == 202 {
            cancel(client, token, &location(&answer));
        }
        let job = location(&client.ask_export(token, group, &[]));
        let answer = client.get(token, &job);
        let manifest = answer.json();
        self.note("expires", expires(&answer));
        self.note("kept", kept(&answer, &manifest));
        let needs = [
            self.seen.remove("match_token").unwrap(),
            manifest["requiresAccessToken"].to_string(),
        ];
        self.note("tokens", needs.join(" "));
        let url = manifest["output"][0]["url"].as_str().unwrap().to_owned();
        let file = client.get(token, &url);
        let told = self.file(client, token, file);
        self.note("file", told);
        let bare = client.send("GET", &url, &[], b"");
        self.note("file_without_token", bare.status.to_string());
        let again = client.ask_export(token, group, &[]);
        let is_new = again.status == 202 && again.header("content-location") != job;
        let second = match again.status {
            202 if is_new => "202 new".to_owned(),
            202 => "202 the same".to_owned(),
            other => other.to_string(),
        };
        self.note("second_export", second);
        let deleted = client.delete(token, &job);
        let after = client.get(token, &job);
        self.note("delete", format!("{} {}", deleted.status, after.status));
        let address = job.replace("-match-status/", "-match-cancel/");
        let address = if address == job {
            job.replace("/jobs/", "/Group/$bulk-member-match-cancel/")
        } else {
            address
        };
        let address = address.replace(
            "/$export-poll-status?_jobId=",
            "/Group/$bulk-member-match-cancel/",
        );
        let cancelled = client.post(token, &address, &json!({}), &[]);
        self.note("cancel", cancelled.status.to_string());
        let missing = client.ask_export(token, "g-nobody", &[]);
        self.note("missing_group", missing_group(client, token, &missing));
        self.large(client, token);
    }

    /// Where a file is, and what the other origin says to a token.
    fn file(&self, client: &mut Requester, token: &str, file: Answer) -> String {
        if file.status != 307 {
            return file.status.to_string();
        }
        let place = file.header("location").to_owned();
        let origin = |url: &str| url.split('/').nth(2).unwrap().to_owned();
        assert_ne!(origin(&place), origin(&client.base));
        let with_token = client.get(token, &place);
        let refuses = if with_token.status == 400 {
            "refuses a token"
        } else {
            "takes a token"
        };
        let without = client.send("GET", &place, &[], b"");
        assert!(!without.lines().is_empty());
        let forged = client.send("GET", &place.replace("signature=", "signature=A"), &[], b"");
        assert_eq!(forged.status, 403);
        format!("307 elsewhere, {refuses}, {} without", without.status)
    }

    /// A member with many records beside a plain one.
    fn large(&mut self, client: &mut Requester, token: &str) {
        let both = [
            member(&self.members, "plain"),
            member(&self.members, "large"),
        ];
        client.ask_match(token, &both);
        let group = client.group(token);
        let job = location(&client.ask_export(token, &group, &[]));
        let manifest = client.manifest(token, &job);
        let patients = manifest["output"].as_array().unwrap().iter();
        let patients: u64 = patients
            .filter(|file| file["type"] == "Patient")
            .map(|file| file["count"].as_u64().unwrap())
            .sum();
        let exported = if patients == 2 {
            "exported"
        } else {
            "left out"
        };
        let told = if manifest["error"].is_array() {
            "told"
        } else {
            "not told"
        };
        self.note("large_member", format!("{exported}, error {told}"));
        cancel(client, token, &job);
    }

    fn errors(&mut self, client: &mut Requester, token: &str) {
        let answer = client.get(token, "Group/g-nobody");
        assert_eq!(answer.status, 404);
        self.note("error", error(&answer));
    }

    /// More polls of one job in a minute than are allowed.
    fn polls(&mut self, client: &mut Requester, token: &str) {
        let group = client.group(token);
        let job = location(&client.ask_export(token, &group, &[]));
        let refused = (0..250)
            .map(|_| client.get(token, &job))
            .find(|answer| answer.status != 200)
            .expect("a limit to polls");
        let wait = wait(&refused);
        let wait = if wait.parse::<i64>().is_ok() {
            "seconds"
        } else {
            &wait
        };
        let shape = match error(&refused).as_str() {
            "throttled" => "outcome".to_owned(),
            other => other.to_owned(),
        };
        self.note(
            "polled_too_often",
            format!("{} {wait} {shape}", refused.status),
        );
    }

    /// Jobs that take an hour.
    fn jobs_that_run(&mut self) {
        let mut client = Requester::at(self.running.ready(), self.partner);
        let token = client.token(&format!("{MATCH} {DATA}"));
        client.ask_match(&token, &[member(&self.members, "plain")]);
        let group = client.group(&token);
        let job = location(&client.ask_export(&token, &group, &[]));
        let answer = client.get(&token, &job);
        assert_eq!(answer.status, 202);
        assert!(!answer.header("x-progress").is_empty());
        let told = match wait(&answer).as_str() {
            "3600" => "seconds left".to_owned(),
            other => other.to_owned(),
        };
        self.note("retry_after", told);
        let last = (0..4)
            .map(|_| client.ask_export(&token, &group, &[]))
            .last()
            .unwrap();
        if last.status == 400 {
            assert_eq!(
                (wait(&last).as_str(), last.issue().as_str()),
                ("none", "too-costly")
            );
        }
        self.note("fifth_running", last.status.to_string());
    }

    /// The clock is moved past the end of a finished job, and of every token.
    fn expiry(&mut self) {
        let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", self.partner]);
        let mut client = Requester::at(sandbox.ready(), self.partner);
        let token = client.token(&format!("{MATCH} {DATA}"));
        client.ask_match(&token, &[member(&self.members, "plain")]);
        let group = client.group(&token);
        let job = location(&client.ask_export(&token, &group, &[]));
        let kept = self.seen["kept"].parse().unwrap_or(3_600);
        advance(&sandbox, kept - 60);
        client.later = kept - 60;
        let token = client.token(DATA);
        assert_eq!(
            client.get(&token, &job).status,
            200,
            "it is kept as long as it says"
        );
        advance(&sandbox, 120);
        let over = client.get(&token, &job);
        self.note("over", over.status.to_string());
    }
}

fn advance(sandbox: &Sandbox, seconds: i64) {
    let body = json!({"advance_seconds": seconds}).to_string();
    control("PUT", &sandbox.control("/clock"), &body);
}

/// The types of a match result, and its Groups.
fn result(client: &mut Requester, token: &str, answer: &Answer) -> (String, Vec<Value>) {
    if answer.status == 200 {
        return ("inline".to_owned(), groups(vec![answer.json()]));
    }
    let manifest = client.manifest(token, &location(answer));
    let mut kinds: Vec<String> = Vec::new();
    let mut resources = Vec::new();
    for file in manifest["output"].as_array().unwrap() {
        let kind = file["type"].as_str().unwrap().to_owned();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        let answer = client.get(token, file["url"].as_str().unwrap());
        resources.extend(followed(client, answer).lines());
    }
    (kinds.join(" "), groups(resources))
}

/// The file itself, when it lies elsewhere.
fn followed(client: &mut Requester, answer: Answer) -> Answer {
    if answer.status == 307 {
        let place = answer.header("location").to_owned();
        return client.send("GET", &place, &[], b"");
    }
    answer
}

/// Groups as they are, or inside Parameters; each once.
fn groups(resources: Vec<Value>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for resource in resources {
        let inner = match resource["parameter"].as_array() {
            Some(parameters) => parameters
                .iter()
                .map(|one| one["resource"].clone())
                .collect(),
            None => vec![resource],
        };
        for group in inner {
            assert_eq!(group["resourceType"], "Group");
            if all.iter().all(|known| known["id"] != group["id"]) {
                all.push(group);
            }
        }
    }
    all
}

fn code(group: &Value) -> &str {
    group["code"]["coding"][0]["code"].as_str().unwrap()
}

/// The names of parameters, with the type of an identifier.
fn parameters(parameters: &Value) -> String {
    let all = parameters["parameter"].as_array().unwrap().iter();
    let named = all.map(|one| {
        let name = one["name"].as_str().unwrap();
        match one["valueIdentifier"]["type"]["coding"][0]["code"].as_str() {
            Some(kind) => format!("{name} {kind}"),
            None => name.to_owned(),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

fn error(answer: &Answer) -> String {
    match answer.header("content-type") {
        "application/fhir+json" => answer.issue(),
        "text/html" => "HTML".to_owned(),
        _ => {
            assert!(answer.json()["message"].is_string());
            "JSON of its own".to_owned()
        }
    }
}

/// `Retry-After` as seconds, as what it is instead, or none.
fn wait(answer: &Answer) -> String {
    match answer.header("retry-after") {
        "" => "none".to_owned(),
        text if text
            .parse::<i64>()
            .is_ok_and(|number| number > 1_000_000_000) =>
        {
            "a time since 1970".to_owned()
        }
        text => text.to_owned(),
    }
}

fn expires(answer: &Answer) -> &'static str {
    let text = answer.header("expires");
    let at = chrono::DateTime::parse_from_str(&text.replace(" UTC", ""), "%Y-%m-%d %H:%M:%S%.f %z");
    match (text, httpdate::parse_http_date(text), at) {
        ("", _, _) => "none",
        (_, Ok(_), _) => "HTTP date",
        (_, Err(_), Ok(_)) => "Go time",
        (_, Err(_), Err(_)) => "unreadable",
    }
}

fn kept(answer: &Answer, manifest: &Value) -> String {
    let begun: chrono::DateTime<chrono::Utc> = manifest["transactionTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let text = answer.header("expires");
    let until = match httpdate::parse_http_date(text) {
        Ok(date) => chrono::DateTime::<chrono::Utc>::from(date),
        Err(_) => {
            let text = text.replace(" UTC", "");
            match chrono::DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f %z") {
                Ok(date) => date.to_utc(),
                Err(_) => return "none".to_owned(),
            }
        }
    };
    // An HTTP date has no fractions.
    let seconds = (until.timestamp_millis() - begun.timestamp_millis() + 999) / 1_000;
    seconds.to_string()
}

fn missing_group(client: &mut Requester, token: &str, answer: &Answer) -> String {
    if answer.status != 202 {
        return answer.status.to_string();
    }
    let manifest = client.manifest(token, &location(answer));
    let is_empty = manifest["output"] == json!([]) && manifest["error"] == json!([]);
    format!("202 {}", if is_empty { "empty" } else { "full" })
}

fn cancel(client: &mut Requester, token: &str, job: &str) {
    let address = job.replace("-match-status/", "-match-cancel/");
    client.delete(token, &address);
}

#[test]
fn every_quirk_is_seen_where_it_belongs_and_nowhere_else() {
    let all = ["--partners"];
    let personas = control_matrix();
    let ids: Vec<&str> = personas.iter().map(|(_, id)| id.as_str()).collect();
    let ids = ids.join(",");
    let done = Sandbox::start_with(&[&["--job-ms", "0"], &all[..], &[&ids]].concat());
    let running = Sandbox::start_with(&[&["--job-ms", "3600000"], &all[..], &[&ids]].concat());
    let table = table();
    assert_eq!(table.len(), personas.len());
    for (persona, partner) in &personas {
        let eye = Eye {
            partner,
            done: &done,
            running: &running,
            members: members(partner),
            seen: Seen::new(),
        };
        assert_eq!(eye.look(), table[persona], "{persona}");
    }
}

/// Persona and partner, as the program itself lists them.
fn control_matrix() -> Vec<(String, String)> {
    let listed = std::process::Command::new(exchange())
        .args(["personas", "--json"])
        .output()
        .unwrap();
    let matrix: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let lines = matrix["personas"].as_array().unwrap().iter();
    let lines = lines.map(|line| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for key in [
            "supported_versions",
            "deprecated_fields",
            "transforms",
            "known_limits",
        ] {
            assert!(line["matrix"][key].is_array(), "{line}");
        }
        (text(&line["matrix"]["persona"]), text(&line["partner"]))
    });
    lines.collect()
}
