//! The sandbox's control listener takes orders from programs of this machine alone.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

use crate::support::Sandbox;

const JSON: &str = "content-type: application/json\r\n";
const FAULT: &str = "/partners/keystone/fault";
const CLOCK: &str = "/clock";

/// Method, path, Host (`OWN` is the listener's), further headers, and the status.
const REQUESTS: [(&str, &str, &str, &str, u16); 15] = [
    ("GET", "/partners", "OWN", "", 200),
    ("GET", "/partners", "localhost:PORT", "", 200),
    ("GET", "/partners", "OWN", "origin: http://OWN\r\n", 200),
    ("PUT", CLOCK, "OWN", JSON, 200),
    (
        "PUT",
        CLOCK,
        "OWN",
        "content-type: Application/JSON; charset=utf-8\r\n",
        200,
    ),
    ("GET", "/partners", "rebound.example:PORT", "", 403),
    ("GET", "/partners", "127.0.0.1", "", 403),
    (
        "GET",
        "/partners",
        "127.0.0.1.rebound.example:PORT",
        "",
        403,
    ),
    ("GET", "/partners", "OWN\r\nhost: rebound.example", "", 403),
    (
        "GET",
        "/partners",
        "OWN",
        "origin: https://rebound.example\r\n",
        403,
    ),
    ("GET", "/partners", "OWN", "origin: null\r\n", 403),
    ("GET", "/v1/identity/kpis", "rebound.example", "", 403),
    ("PUT", CLOCK, "OWN", "content-type: text/plain\r\n", 415),
    ("PUT", CLOCK, "OWN", "", 415),
    ("DELETE", FAULT, "OWN", "", 415),
];

fn status(own: &str, method: &str, path: &str, host: &str, headers: &str) -> u16 {
    let body = r#"{"advance_seconds":60}"#;
    let port = own.rsplit_once(':').unwrap().1;
    let named = |text: &str| text.replace("OWN", own).replace("PORT", port);
    let mut stream = TcpStream::connect(own).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{}content-length: {}\r\n\r\n{body}",
        named(host),
        named(headers),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn pages_of_other_sites_are_refused() {
    let sandbox = Sandbox::start_with(&["--no-core", "--partners", "keystone"]);
    let url = sandbox.control("");
    let own = url.trim_start_matches("http://").trim_end_matches('/');
    for (method, path, host, headers, expected) in REQUESTS {
        let seen = status(own, method, path, host, headers);
        // Two Hosts are no request at all (RFC 9112 section 3.2): the HTTP library may refuse first.
        let is_refused = expected == 403 && seen == 400 && host.contains('\n');
        assert!(
            seen == expected || is_refused,
            "{method} {path} {host} {headers}: {seen}"
        );
    }
}

/// The addresses of this machine besides loopback; none where it has no network.
fn own_addresses() -> Vec<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only says from where it would.
    let routed = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr());
    routed.map(|address| address.ip()).into_iter().collect()
}

#[test]
fn no_other_machine_reaches_the_control_listener() {
    let sandbox = Sandbox::start_with(&["--no-core", "--partners", "keystone"]);
    let url = sandbox.control("");
    let own: SocketAddr = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    assert!(own.ip().is_loopback(), "{own}");
    // What listens on that port listens on loopback alone.
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", own.port());
    let listening: Vec<&str> = table
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
        .filter(|words| words[1].ends_with(&port) && words[3] == "0A")
        .filter_map(|words| words[1].split(':').next())
        .collect();
    assert_eq!(listening, ["0100007F"]);
    for address in own_addresses() {
        let reached = TcpStream::connect((address, own.port()));
        assert!(reached.is_err(), "{address} reaches it");
    }
}
