//! A plain HTTP server that answers by script: for each path the answers in order, the last one again
//! and again. Remembers what it got, and on which connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{Config, Pace};

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// 1 for the first connection.
    pub(crate) connection: usize,
    pub(crate) line: String,
    /// Fields in order, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// This status, these fields, this body; the connection stays open.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The same, and the connection is closed without a word of it beforehand.
    AnswerAndClose(u16, String),
    /// The connection is closed without an answer.
    Close,
    /// Nothing, until the client goes.
    Nothing,
    /// Status 200, once the test has said that it may go; the test learns when it has gone.
    WhenReleased(Arc<Release>),
}

/// Lets a test hold an answer back, and know that it is on its way.
#[derive(Debug, Default)]
pub(crate) struct Release {
    requests: AtomicUsize,
    released: AtomicUsize,
    answers: AtomicUsize,
}

impl Release {
    /// Whether a request waits for its answer.
    pub(crate) fn is_awaited(&self) -> bool {
        self.requests.load(Ordering::SeqCst) > self.answers.load(Ordering::SeqCst)
    }

    /// Releases the next answer; returns once it has been written.
    pub(crate) fn release(&self) {
        let number = self.released.fetch_add(1, Ordering::SeqCst) + 1;
        while self.answers.load(Ordering::SeqCst) < number {
            std::thread::yield_now();
        }
    }

    /// Writes an answer once it is released.
    fn held(&self, write: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        while self.released.load(Ordering::SeqCst) < number {
            std::thread::yield_now();
        }
        let written = write();
        self.answers.fetch_add(1, Ordering::SeqCst);
        written
    }
}

/// A JSON document with status 200.
pub(crate) fn document(json: &serde_json::Value) -> Say {
    let kind = ("content-type", "application/json".to_owned());
    Say::Answer(200, vec![kind], json.to_string())
}

/// Nothing but a status.
pub(crate) fn status(status: u16) -> Say {
    Say::Answer(status, Vec::new(), String::new())
}

type Scripts = BTreeMap<&'static str, Vec<Say>>;

#[derive(Default)]
struct Shared {
    scripts: Mutex<Scripts>,
    got: Mutex<Vec<Got>>,
    connections: AtomicUsize,
    ended: AtomicBool,
}

/// The running server; it ends with its test.
pub(crate) struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Scripted {
    pub(crate) fn start(scripts: impl IntoIterator<Item = (&'static str, Vec<Say>)>) -> Self {
        Self::start_at("127.0.0.1:0", scripts)
    }

    pub(crate) fn start_at(
        address: &str,
        scripts: impl IntoIterator<Item = (&'static str, Vec<Say>)>,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            scripts: Mutex::new(scripts.into_iter().collect()),
            ..Shared::default()
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.ended.load(Ordering::SeqCst) {
                    return;
                }
                let number = served.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let served = Arc::clone(&served);
                std::thread::spawn(move || talk(&stream, number, &served));
            }
        });
        Self { address, shared }
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A configuration with one partner, this server, and one journey of these steps.
    pub(crate) fn config(&self, journey: &str, pace: &Pace<'_>) -> Config {
        let config = Config::new(pace);
        config.write("probes/scripted.toml", journey);
        config.replace(
            "partners/keystone.toml",
            "[[probe]]\njourney = \"bulk-exchange\"",
            "[[probe]]\njourney = \"scripted\"",
        );
        config.replace(
            "partners/keystone.toml",
            "journeys = [\"bulk-exchange\"]",
            "journeys = [\"scripted\"]",
        );
        config.replace(
            "partners/keystone.toml",
            "members = \"keystone-basic\"\n",
            "",
        );
        let path = config.folder.path().join("partners/keystone.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let (text, _) = text.split_once("[slo.business]").unwrap();
        std::fs::write(path, text).unwrap();
        let overlay = format!("[partner.keystone]\nbase_url = \"{}\"\n", self.url());
        config.write("overlay.toml", &overlay);
        config
    }

    /// Everything it got so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Another script for a path.
    pub(crate) fn script(&self, path: &'static str, says: Vec<Say>) {
        self.shared.scripts.lock().unwrap().insert(path, says);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, so that its thread sees the end.
        let _gone = TcpStream::connect(self.address);
    }
}

/// Answers one request after the other; ends with the connection.
fn talk(stream: &TcpStream, connection: usize, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let got = read(&mut reader, connection)?;
        let path = got.line.split(' ').nth(1)?.to_owned();
        shared.got.lock().unwrap().push(got);
        let path = path.split('?').next()?;
        let say = next(&mut shared.scripts.lock().unwrap(), path);
        let (status, fields, body, closes) = match say {
            Say::Answer(status, fields, body) => (status, fields, body, false),
            Say::AnswerAndClose(status, body) => (status, Vec::new(), body, true),
            Say::Close => return None,
            Say::WhenReleased(release) => {
                let answer = b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n";
                release.held(|| (&*stream).write_all(answer)).ok()?;
                continue;
            }
            Say::Nothing => {
                let _gone = reader.read(&mut [0; 1]);
                return None;
            }
        };
        let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = format!("{head}\r\n{body}");
        (&*stream).write_all(answer.as_bytes()).ok()?;
        if closes {
            return None;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Got> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut fields = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = field.trim_end().split_once(": ") else {
            break;
        };
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = fields.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got {
        connection,
        line: line.trim_end().to_owned(),
        fields,
        body: String::from_utf8(body).unwrap(),
    })
}

/// The next answer for a path; for one without a script, 404.
fn next(scripts: &mut Scripts, path: &str) -> Say {
    let Some(says) = scripts.get_mut(path) else {
        return status(404);
    };
    if says.len() > 1 {
        says.remove(0)
    } else {
        says[0].clone()
    }
}
