//! The progress of a request through its phases, by the times that the socket recorded.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outrider_domain::model::{AddressOutcome, Family, HttpVersion, Link, Phase, Phases};

use tokio::sync::SemaphorePermit;

use super::address_log::{AddressLog, family};
use super::certificates::ShownCertificates;
use super::head::Head;
use super::timestamps::ByteTimestamps;
use super::tls::OwnCertificate;

/// How far the way through a proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyWay {
    /// There is no proxy.
    None,
    /// To the proxy itself.
    ToProxy,
    /// The proxy took the connection and was asked to CONNECT.
    Asked,
}

/// The progress of a request; it remains when the request times out.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) phases: Phases,
    current: Option<(Phase, Instant)>,
    pub(super) timestamps: Option<Arc<ByteTimestamps>>,
    pub(super) head: Option<Head>,
    pub(super) bytes: u64,
    pub(super) link: Link,
    pub(super) family: Option<Family>,
    pub(super) addresses: AddressLog,
    /// How far the way through a proxy is.
    pub(super) proxy: ProxyWay,
    /// Our own certificate on the connection.
    pub(super) own: OwnCertificate,
    pub(super) http: Option<HttpVersion>,
    pub(super) certificates: ShownCertificates,
    /// The turn at a long line or document, which goes on until it is judged.
    pub(super) long_turn: Option<SemaphorePermit<'static>>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            phases: Phases::default(),
            current: None,
            timestamps: None,
            head: None,
            bytes: 0,
            link: Link::New,
            family: None,
            addresses: AddressLog::default(),
            proxy: ProxyWay::None,
            own: OwnCertificate::None,
            http: None,
            certificates: ShownCertificates::default(),
            long_turn: None,
        }
    }

    /// An attempt to connect to an address begins; its place.
    pub(super) fn begin_address(&mut self, address: IpAddr, offset: Duration) -> usize {
        self.family = Some(family(address));
        self.addresses.begin(address, offset)
    }

    /// An attempt ends.
    pub(super) fn end_address(
        &mut self,
        place: usize,
        at: Duration,
        (address, outcome): (IpAddr, AddressOutcome),
    ) {
        if outcome == AddressOutcome::Connected {
            self.family = Some(family(address));
        }
        self.addresses.end(place, at, outcome);
    }

    /// Leaves the phase that goes on and enters another.
    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.leave(now);
        self.current = Some((phase, now));
    }

    /// A request is handed to an open connection.
    pub(super) fn begin(
        &mut self,
        timestamps: &Arc<ByteTimestamps>,
        has_frames: bool,
        now: Instant,
    ) {
        timestamps.begin(has_frames);
        self.timestamps = Some(Arc::clone(timestamps));
        if self.current.is_none() {
            self.enter(Phase::Send, now);
        }
    }

    /// Leaves the phase that goes on.
    pub(super) fn leave(&mut self, now: Instant) {
        if let Some((phase, since)) = self.current.take() {
            self.phases.add(phase, now - since);
        }
    }

    /// Splits the time on the open connection into send, wait and transfer by what the socket saw.
    pub(super) fn close(&mut self, now: Instant) -> Phase {
        let Some((phase, since)) = self.current.take() else {
            return Phase::Dns;
        };
        if phase != Phase::Send {
            self.phases.add(phase, now - since);
            return phase;
        }
        let timestamps = self.timestamps.as_ref();
        let wrote = timestamps.and_then(|timestamps| timestamps.wrote());
        let sent = wrote.map_or(now, |at| at.clamp(since, now));
        self.phases.add(Phase::Send, sent - since);
        if wrote.is_none() {
            return Phase::Send;
        }
        let read = timestamps.and_then(|timestamps| timestamps.read());
        let first = read.map_or(now, |at| at.clamp(sent, now));
        self.phases.add(Phase::Wait, first - sent);
        if read.is_none() {
            return Phase::Wait;
        }
        self.phases.add(Phase::Transfer, now - first);
        Phase::Transfer
    }
}
