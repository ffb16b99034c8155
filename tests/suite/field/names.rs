//! Name servers that are silent for one family, refuse, or do not know (`dns.toml`).

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Case, Folder, Server, answer, blame, cases, get};
use std::collections::BTreeMap;

/// How a question for one family is answered.
#[derive(Clone)]
pub(super) enum Said {
    Silence,
    Code(u8),
    Addresses(Vec<IpAddr>),
}

impl Said {
    fn of(value: &toml::Value) -> Self {
        if let Some(code) = value.as_integer() {
            return Self::Code(u8::try_from(code).unwrap());
        }
        match value.as_array() {
            Some(all) => {
                let all = all.iter().map(|one| one.as_str().unwrap().parse().unwrap());
                Self::Addresses(all.collect())
            }
            None => Self::Silence,
        }
    }
}

const A: u16 = 1;
const AAAA: u16 = 28;

/// A name server for any name.
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<u16>>>,
}

impl NameServer {
    pub(super) fn start(a: Said, aaaa: Said) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<u16>>> = Arc::default();
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            let mut packet = [0_u8; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let question = &packet[12..length];
                let end = 12 + question.iter().position(|byte| *byte == 0).unwrap() + 5;
                let kind = u16::from_be_bytes([packet[end - 4], packet[end - 3]]);
                kept.lock().unwrap().push(kind);
                let said = if kind == A { &a } else { &aaaa };
                if let Some(answer) = reply(&packet[..end], kind, said) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { address, asked }
    }

    /// The kinds of questions that came.
    fn asked(&self) -> Vec<u16> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    pub(super) fn setting(&self) -> String {
        format!("nameservers = [\"{}\"]\n", self.address)
    }
}

/// The answer to a question (RFC 1035 §4); none for silence.
fn reply(question: &[u8], kind: u16, said: &Said) -> Option<Vec<u8>> {
    let (code, addresses) = match said {
        Said::Silence => return None,
        Said::Code(code) => (*code, Vec::new()),
        Said::Addresses(all) => (0, all.clone()),
    };
    let count = u8::try_from(addresses.len()).unwrap();
    let mut packet = question.to_vec();
    packet[2] = 0x81;
    packet[3] = 0x80 | code;
    packet[4..12].copy_from_slice(&[0, 1, 0, count, 0, 0, 0, 0]);
    for address in addresses {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        packet.extend([0xC0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 0, 0, u8::try_from(bytes.len()).unwrap()]);
        packet.extend(bytes);
    }
    Some(packet)
}

/// A journey of one GET at a host that the name server knows.
pub(super) fn folder_at(names: &NameServer, port: u16, more: &str) -> Folder {
    let folder = Folder::new(
        &format!("http://payer.test:{port}"),
        &get("/a", None).replace("timeout = \"3s\"", "timeout = \"2s\""),
        "",
    );
    let path = folder.0.path().join("outrider.toml");
    let text = std::fs::read_to_string(&path).unwrap() + &names.setting();
    folder.write("outrider.toml", &text);
    if !more.is_empty() {
        let path = folder.0.path().join("partners/p.toml");
        let text = std::fs::read_to_string(&path).unwrap() + more + "\n";
        folder.write("partners/p.toml", &text);
    }
    folder
}

fn target() -> Server {
    Server::new(BTreeMap::from([(
        "/a".to_owned(),
        answer("200 OK", &[], b"{}"),
    )]))
}

#[test]
fn a_name_server_that_says_nothing_or_no_is_named_as_what_it_is() {
    let server = target();
    let run = |case: &Case, a, aaaa| {
        let names = NameServer::start(a, aaaa);
        let family = case.text("family");
        let more = match family {
            "" => String::new(),
            family => format!("family = \"{family}\""),
        };
        let run = folder_at(&names, server.address.port(), &more).once(&[]);
        let kinds = match family {
            "" => vec![A, AAAA],
            "ipv4" => vec![A],
            _ => vec![AAAA],
        };
        assert_eq!(names.asked(), kinds, "{}", case.text("why"));
        run
    };
    for case in cases("dns") {
        let said = |key: &str| case.0.get(key).map_or(Said::Silence, Said::of);
        case.assert_judged(&run(&case, said("a"), said("aaaa")));
    }
    // Generated: every RCODE, for both families or the one that is asked for.
    for code in 1..=15 {
        let case = &cases("dns")[usize::from(code % 2)];
        let run = run(case, Said::Code(code), Said::Code(code));
        let words = match code {
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            _ => "leads to no address",
        };
        assert!(blame(&run, "summary").contains(words), "{code}: {run}");
        let owner = if matches!(code, 1 | 4 | 5) {
            "agent"
        } else {
            "partner"
        };
        assert_eq!(blame(&run, "owner"), owner, "{code}");
    }
}
