//! Hosts with several addresses, of which some swallow or refuse connections (RFC 8305).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::names::{NameServer, Said, folder_at};
use super::{Server, answer, blame};

/// An address that drops what wants to connect: its queue is full, and nobody takes from it.
struct Hole {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Hole {
    fn at(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        loop {
            match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                Ok(stream) => waiting.push(stream),
                Err(why) if why.kind() == ErrorKind::TimedOut => break,
                Err(why) => panic!("{why}"),
            }
        }
        Self {
            _listener: listener,
            _waiting: waiting,
        }
    }
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Hole,
    Nothing,
    Server,
}

/// One run at a host with these addresses, in their order: 127.0.0.1 is the server, and each of the others its own.
fn run(server: &Server, all: &[At], more: &str) -> (serde_json::Value, String) {
    let port = server.address.port();
    let mut holes = Vec::new();
    let mut addresses = Vec::new();
    for (place, at) in (2..).zip(all) {
        let address = match at {
            At::Server => Ipv4Addr::LOCALHOST,
            At::Hole | At::Nothing => Ipv4Addr::new(127, 0, 0, place),
        };
        if *at == At::Hole {
            holes.push(Hole::at((address, port).into()));
        }
        addresses.push(IpAddr::V4(address));
    }
    let names = NameServer::start(Said::Addresses(addresses), Said::Addresses(Vec::new()));
    let folder = folder_at(&names, port, more);
    let text = folder.outrider(&["once", "j", "--partner", "p"], &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    (folder.once(&[]), text)
}

#[test]
fn a_host_is_reached_by_the_first_address_that_answers_and_each_attempt_is_shown() {
    use At::{Hole, Nothing, Server as Good};
    let server = Server::new(BTreeMap::from([(
        "/a".to_owned(),
        answer("200 OK", &[], b"{}"),
    )]));
    // Generated: the server behind nothing up to three others of either kind.
    let behind = (0..=3)
        .flat_map(|before| [Hole, Nothing].map(|kind| [vec![kind; before], vec![Good]].concat()));
    let mixed = [
        vec![Hole, Nothing, Good],
        vec![Nothing, Hole, Good, Nothing],
    ];
    for all in behind.chain(mixed) {
        let (run, text) = run(&server, &all, "");
        assert_eq!(run["outcome"], "passed", "{all:?}: {run}");
        let tried = run["steps"][0]["requests"][0]["addresses"]
            .as_array()
            .unwrap();
        let at = |outcome: &str| tried.iter().filter(|one| one["outcome"] == outcome).count();
        let before = all.iter().take_while(|at| **at != Good);
        let (holes, others): (Vec<&At>, Vec<&At>) = before.partition(|at| **at == Hole);
        assert_eq!(at("connected"), 1, "{all:?}: {tried:?}");
        assert_eq!(
            (at("unanswered"), at("refused")),
            (holes.len(), others.len()),
            "{all:?}: {tried:?}"
        );
        let is_shown = text.contains("address 127.0.0.1: connected after");
        assert_eq!(is_shown, tried.len() > 1, "{text}");
        assert_eq!(
            text.contains(": unanswered after"),
            !holes.is_empty(),
            "{text}"
        );
        assert_eq!(
            text.contains(": refused after"),
            !others.is_empty(),
            "{text}"
        );
    }
    for (all, words) in [
        (
            vec![Nothing],
            "no connection: 1 addresses refused, 0 did not answer",
        ),
        (
            vec![Nothing, Hole],
            "no connection: 1 addresses refused, 1 did not answer",
        ),
        (
            vec![Hole, Hole],
            "no connection: 0 addresses refused, 2 did not answer",
        ),
    ] {
        let (run, text) = run(&server, &all, "");
        let of = |key| blame(&run, key);
        assert_eq!(
            [of("layer"), of("cause"), of("owner")],
            ["transport", "connect", "partner"],
            "{run}"
        );
        assert!(of("summary").contains(words), "{run}");
        assert!(text.contains("address 127.0.0.2:"), "{text}");
    }
}
