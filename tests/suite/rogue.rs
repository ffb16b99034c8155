//! A partner that says just the bytes it is told to: a whole, minimal exchange over plain TCP or
//! TLS, of which any one place can be made hostile.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use outrider_domain::clock::Clock;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// The token it grants: whatever shows it has leaked it.
pub(crate) const TOKEN: &str = "rogue-token-1f0c3bb29d6e";
/// A dripping answer sends a byte each so often: more than one a second, so that many of them
/// arrive within the agent's time and none of its clocks can be an idle timer.
const DRIP_GAP: Duration = Duration::from_millis(40);
/// The id of the member it has as the agent's guest.
pub(crate) const PERSON: &str = "Patient/rogue-p1";

/// Where in the journey a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Discovery,
    Token,
    Match,
    MatchResult,
    MatchFile,
    Export,
    ExportResult,
    DataFile,
    Release,
    Elsewhere,
}

impl Place {
    fn of(line: &str) -> Self {
        let (method, rest) = line.split_once(' ').unwrap_or((line, ""));
        let path = rest.split(' ').next().unwrap_or_default();
        match (method, path) {
            ("DELETE", _) => Self::Release,
            (_, "/fhir/.well-known/smart-configuration") => Self::Discovery,
            (_, "/token") => Self::Token,
            (_, "/jobs/match") => Self::MatchResult,
            (_, "/jobs/export") => Self::ExportResult,
            (_, path) if path.starts_with("/files/match") => Self::MatchFile,
            (_, path) if path.starts_with("/files/data") => Self::DataFile,
            (_, path) if path.ends_with("/$bulk-member-match") => Self::Match,
            (_, path) if path.ends_with("/$davinci-data-export") => Self::Export,
            _ => Self::Elsewhere,
        }
    }
}

/// What it does at a place instead of a good answer.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// These bytes, then the end.
    Say(Vec<u8>),
    /// These bytes, then nothing more until the agent goes away.
    Hold(Vec<u8>),
    /// The same without having read the request's body.
    Deaf(Vec<u8>),
    /// First bytes, others so many times, last bytes.
    Flood {
        first: Vec<u8>,
        again: Vec<u8>,
        times: u64,
        last: Vec<u8>,
    },
    /// First bytes at once, others again and again, one at a time, until the agent goes away.
    Drip { first: Vec<u8>, slow: Vec<u8> },
}

/// What it does with a connection before it reads anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Door {
    /// Lets it in.
    #[default]
    Open,
    /// Closes it at once.
    Close,
    /// Resets it: closed while the request lies unread.
    Reset,
    /// Says the answer of a plain HTTP server, whatever was asked.
    Plain,
    /// Keeps it, and says nothing.
    Mute,
}

/// One request it got.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) place: Place,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl ReceivedRequest {
    /// The request target, just as it came.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        fields
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

#[derive(Default)]
struct Script {
    door: Door,
    acts: BTreeMap<Place, Act>,
    /// Whole answers by request target; they come before the places.
    pages: BTreeMap<String, Vec<u8>>,
    asked: Vec<ReceivedRequest>,
}

/// The running partner; it ends with its test.
pub(crate) struct Rogue {
    address: SocketAddr,
    is_secure: bool,
    script: Arc<Mutex<Script>>,
    ended: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Rogue {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// Over TLS.
    pub(crate) fn secure(config: ServerConfig) -> Self {
        Self::start_with(Some(Arc::new(config)))
    }

    fn start_with(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (script, ended) = (
            Arc::<Mutex<Script>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let is_secure = tls.is_some();
        let (told, over) = (Arc::clone(&script), Arc::clone(&ended));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (script, tls) = (Arc::clone(&told), tls.clone());
                let home = home(address, is_secure);
                // What goes wrong on a connection is the agent going away, which is its right.
                std::thread::spawn(move || drop(converse(stream, tls, &home, &script)));
            }
        });
        Self {
            address,
            is_secure,
            script,
            ended,
            listening: Some(listening),
        }
    }

    /// Its origin.
    pub(crate) fn home(&self) -> String {
        home(self.address, self.is_secure)
    }

    /// Good everywhere but there. What it was asked before is forgotten.
    pub(crate) fn only(&self, place: Place, act: Act) {
        self.script(Door::Open, [(place, act)]);
    }

    /// Good everywhere but at these places.
    pub(crate) fn script(&self, door: Door, acts: impl IntoIterator<Item = (Place, Act)>) {
        let acts = acts.into_iter().collect();
        *self.script.lock().unwrap() = Script {
            door,
            acts,
            pages: BTreeMap::new(),
            asked: Vec::new(),
        };
    }

    /// These answers at these request targets, and good elsewhere.
    pub(crate) fn pages(&self, pages: BTreeMap<String, Vec<u8>>) {
        *self.script.lock().unwrap() = Script {
            pages,
            ..Script::default()
        };
    }

    /// These answers at these request targets, besides the script that is set.
    pub(crate) fn add_pages(&self, pages: BTreeMap<String, Vec<u8>>) {
        self.script.lock().unwrap().pages.extend(pages);
    }

    /// What it was asked since its script was set.
    pub(crate) fn asked(&self) -> Vec<ReceivedRequest> {
        self.script.lock().unwrap().asked.clone()
    }

    /// The same, at one place.
    pub(crate) fn asked_at(&self, place: Place) -> Vec<ReceivedRequest> {
        self.asked()
            .into_iter()
            .filter(|asked| asked.place == place)
            .collect()
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if TcpStream::connect(self.address).is_ok()
            && let Some(listening) = self.listening.take()
        {
            drop(listening.join());
        }
    }
}

fn home(address: SocketAddr, is_secure: bool) -> String {
    format!("{}://{address}", if is_secure { "https" } else { "http" })
}

trait Wire: Read + Write {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

fn converse(
    mut tcp: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    home: &str,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let door = script.lock().unwrap().door;
    match door {
        Door::Open => {}
        Door::Close => return Ok(()),
        // Bytes that were never read turn the close into a reset.
        Door::Reset => return tcp.peek(&mut [0]).map(|_| ()),
        Door::Plain => {
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")?;
            return until_gone(&mut tcp);
        }
        Door::Mute => return until_gone(&mut tcp),
    }
    match tls {
        None => answer(&mut tcp, home, script),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
            answer(&mut StreamOwned::new(session, tcp), home, script)
        }
    }
}

fn answer(wire: &mut dyn Wire, home: &str, script: &Mutex<Script>) -> std::io::Result<()> {
    let head = head(wire)?;
    let place = Place::of(&head);
    let act = {
        let script = script.lock().unwrap();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let page = script.pages.get(target).cloned().map(Act::Say);
        page.or_else(|| script.acts.get(&place).cloned())
    };
    let mut asked = ReceivedRequest {
        place,
        head,
        body: Vec::new(),
    };
    if !matches!(act, Some(Act::Deaf(_))) {
        let length = asked
            .header("content-length")
            .and_then(|text| text.parse().ok());
        asked.body.resize(length.unwrap_or(0), 0);
        wire.read_exact(&mut asked.body)?;
    }
    script.lock().unwrap().asked.push(asked);
    match act.unwrap_or_else(|| Act::Say(good(place, home))) {
        Act::Say(bytes) => wire.write_all(&bytes)?,
        Act::Hold(bytes) | Act::Deaf(bytes) => {
            wire.write_all(&bytes)?;
            wire.flush()?;
            return until_gone(wire);
        }
        Act::Flood {
            first,
            again,
            times,
            last,
        } => {
            wire.write_all(&first)?;
            for _ in 0..times {
                wire.write_all(&again)?;
            }
            wire.write_all(&last)?;
        }
        Act::Drip { first, slow } => {
            wire.write_all(&first)?;
            return drip(wire, &slow);
        }
    }
    wire.flush()?;
    wire.tcp().shutdown(Shutdown::Write)?;
    until_gone(wire)
}

fn head(wire: &mut dyn Wire) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn until_gone(wire: &mut dyn Wire) -> std::io::Result<()> {
    std::io::copy(wire, &mut std::io::sink()).map(|_| ())
}

/// One byte, then a while of listening whether the agent is still there.
fn drip(wire: &mut dyn Wire, slow: &[u8]) -> std::io::Result<()> {
    wire.tcp().set_read_timeout(Some(DRIP_GAP))?;
    for byte in slow.iter().cycle() {
        wire.write_all(&[*byte])?;
        wire.flush()?;
        match wire.read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// A head: status line and fields, with the empty line behind it.
pub(crate) fn fields(status: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{fields}\r\n").into_bytes()
}

/// A whole answer with a body.
pub(crate) fn with_body(status: &str, more: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = more.to_vec();
    all.push(("content-length", &length));
    let mut bytes = fields(status, &all);
    bytes.extend_from_slice(body);
    bytes
}

/// 200 with a JSON document.
pub(crate) fn document(body: impl AsRef<[u8]>) -> Vec<u8> {
    with_body(
        "200 OK",
        &[("content-type", "application/json")],
        body.as_ref(),
    )
}

/// 200 with an NDJSON file.
pub(crate) fn file(body: impl AsRef<[u8]>) -> Vec<u8> {
    with_body(
        "200 OK",
        &[("content-type", "application/fhir+ndjson")],
        body.as_ref(),
    )
}

/// 202 with a job at this place.
pub(crate) fn job(location: &str) -> Vec<u8> {
    with_body("202 Accepted", &[("content-location", location)], b"")
}

/// A manifest of one file.
pub(crate) fn manifest(kind: &str, url: &str) -> Value {
    json!({
        "transactionTime": Clock::real().now(),
        "request": "https://rogue.example/request",
        "requiresAccessToken": true,
        "output": [{"type": kind, "url": url}],
        "error": [],
    })
}

/// The token answer.
pub(crate) fn grant() -> Value {
    json!({"access_token": TOKEN, "token_type": "bearer", "expires_in": 300})
}

/// What discovery says.
pub(crate) fn discovery(home: &str) -> Value {
    json!({
        "token_endpoint": format!("{home}/token"),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384"],
    })
}

/// The member it knows, as in the set's file.
pub(crate) fn guest() -> Value {
    let path = crate::support::repository().join("members/keystone-basic.json");
    let set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    set["members"][0].clone()
}

/// A group of matched members with this id and these contained Patients and members.
pub(crate) fn group(id: &str, contained: &Value, members: &[Value]) -> Value {
    json!({
        "resourceType": "Group",
        "id": id,
        "code": {"coding": [{"code": "match"}]},
        "contained": contained,
        "member": members,
    })
}

/// A member entry of that group that leads to what was sent.
pub(crate) fn matched(reference: &str, sent: &str) -> Value {
    json!({"entity": {
        "reference": reference,
        "extension": [{
            "url": "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-parameters",
            "valueReference": {"reference": format!("#{sent}")},
        }],
    }})
}

/// The Patient it exports.
pub(crate) fn patient() -> Value {
    let identity = &guest()["expect"]["identity"];
    json!({
        "resourceType": "Patient",
        "id": PERSON.trim_start_matches("Patient/"),
        "name": [{"family": identity["family"], "given": [identity["given"]]}],
        "birthDate": identity["birth_date"],
        "identifier": [{"system": "https://rogue.example/umb", "value": identity["umb"]}],
    })
}

fn good(place: Place, home: &str) -> Vec<u8> {
    let sent = &guest()["request"]["patient"];
    match place {
        Place::Discovery => document(discovery(home).to_string()),
        Place::Token => document(grant().to_string()),
        Place::Match => job(&format!("{home}/jobs/match")),
        Place::MatchResult => {
            document(manifest("Group", &format!("{home}/files/match")).to_string())
        }
        Place::MatchFile => {
            let entry = matched(PERSON, sent["id"].as_str().unwrap());
            file(group("g1", &json!([sent]), &[entry]).to_string())
        }
        Place::Export => job(&format!("{home}/jobs/export")),
        Place::ExportResult => {
            document(manifest("Patient", &format!("{home}/files/data")).to_string())
        }
        Place::DataFile => file(patient().to_string()),
        Place::Release => fields("202 Accepted", &[("content-length", "0")]),
        Place::Elsewhere => fields("404 Not Found", &[("content-length", "0")]),
    }
}
