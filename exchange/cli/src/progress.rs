//! What commands say on a terminal while they work; nothing in a pipe.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use exchange_sandbox::member::Payer;

/// What `exchange serve` says while it starts: one line that is written over and over.
pub(crate) struct Progress {
    is_terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Partner number `place` of `all` gets its keys and members.
    pub(crate) fn step(&self, place: usize, all: usize, payer: &Payer) {
        self.write(&format!(
            "\r\x1b[K{place}/{all}  keys and members of {}",
            payer.name
        ));
    }

    /// All are served.
    pub(crate) fn done(&self, control: SocketAddr) {
        self.write(&format!(
            "\r\x1b[KOpen http://{control}/ to see what runs where\n"
        ));
    }

    fn write(&self, text: &str) {
        if self.is_terminal {
            // A closed terminal is ignored.
            let mut out = std::io::stderr().lock();
            write!(out, "{text}")
                .and_then(|()| out.flush())
                .unwrap_or_default();
        }
    }
}

/// Says what is being done, to a terminal only.
pub(crate) fn announce(what: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // Nobody to tell is no reason to stop.
        writeln!(terminal, "{what} ...").unwrap_or_default();
    }
}
