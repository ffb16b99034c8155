//! The attempts to connect to the addresses of one request.

use std::net::IpAddr;
use std::time::Duration;

use outrider_domain::model::{AddressAttempt, AddressOutcome, Family};

/// The family of an address.
pub(super) fn family(address: IpAddr) -> Family {
    if address.is_ipv6() {
        Family::V6
    } else {
        Family::V4
    }
}

/// The attempts of one request, as they go on.
#[derive(Debug, Default)]
pub(super) struct AddressLog(Vec<AddressAttempt>);

impl AddressLog {
    /// An attempt begins; its place.
    pub(super) fn begin(&mut self, address: IpAddr, offset: Duration) -> usize {
        self.0.push(AddressAttempt {
            address,
            offset,
            duration: Duration::ZERO,
            outcome: AddressOutcome::Unanswered,
        });
        self.0.len() - 1
    }

    /// An attempt ends at a time after the begin of the first one. Where it is the connection, the others were waited
    /// for until then.
    pub(super) fn end(&mut self, place: usize, at: Duration, outcome: AddressOutcome) {
        let is_last = outcome == AddressOutcome::Connected;
        for (index, attempt) in self.0.iter_mut().enumerate() {
            let is_open = attempt.duration.is_zero();
            if index == place || (is_last && is_open) {
                attempt.duration = at.saturating_sub(attempt.offset);
            }
            if index == place {
                attempt.outcome = outcome;
            }
        }
    }

    pub(super) fn into_attempts(self) -> Vec<AddressAttempt> {
        self.0
    }
}
