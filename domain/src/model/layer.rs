//! Layers, causes and owners: closed lists, so that they can be labels and columns.

use super::closed::closed;

closed!(
    /// The three layers, lowest first.
    Layer {
        /// Was the partner reached, and did the whole answer arrive in time?
        Transport = "transport",
        /// Was every answer right for the situation by contract?
        Application = "application",
        /// Did the exchange serve its purpose for this member?
        Business = "business",
    }
);

closed!(
    /// Why a layer broke.
    Cause {
        /// A working resolver does not know the name.
        Dns = "dns",
        /// No TCP connection.
        Connect = "connect",
        /// No TLS session: certificate, name, version.
        Tls = "tls",
        /// The connection broke before the answer was whole.
        Reset = "reset",
        /// The answer was not whole in time.
        Timeout = "timeout",
        /// Token refused, or an access that should be granted is not.
        Auth = "auth",
        /// An HTTP status that the situation does not allow.
        Status = "status",
        /// A content type that the situation does not allow.
        Media = "media",
        /// A document that breaks its schema.
        Schema = "schema",
        /// An answer that breaks the protocol: headers, redirects, limits.
        Protocol = "protocol",
        /// Refused for load.
        Throttled = "throttled",
        /// The wrong person, or a person not found who is there.
        Identity = "identity",
        /// Consent applied wrongly.
        Consent = "consent",
        /// Records are missing.
        Completeness = "completeness",
        /// Data contradict themselves or the rules.
        Integrity = "integrity",
        /// Another member's data.
        Disclosure = "disclosure",
        /// The same thing twice.
        Duplicate = "duplicate",
        /// Data older than they should be.
        Stale = "stale",
        /// The journey did not end in time.
        Deadline = "deadline",
    }
);

impl Cause {
    /// The layer that a cause belongs to.
    pub fn layer(self) -> Layer {
        match self {
            Self::Dns | Self::Connect | Self::Tls | Self::Reset | Self::Timeout => Layer::Transport,
            Self::Auth
            | Self::Status
            | Self::Media
            | Self::Schema
            | Self::Protocol
            | Self::Throttled => Layer::Application,
            Self::Identity
            | Self::Consent
            | Self::Completeness
            | Self::Integrity
            | Self::Disclosure
            | Self::Duplicate
            | Self::Stale
            | Self::Deadline => Layer::Business,
        }
    }

    /// The page to open, relative to the repository.
    pub fn runbook(self) -> String {
        format!("runbooks/{}-{}.md", self.layer(), self)
    }
}

closed!(
    /// Whose fault it is.
    Owner {
        /// The other payer's exchange.
        Partner = "partner",
        /// What lies between us.
        Path = "path",
        /// Outrider itself.
        Agent = "agent",
    }
);

closed!(
    /// What is wrong with Outrider itself; never burns a partner's budget.
    AgentFault {
        /// A key or trust file cannot be read or used.
        Key = "key",
        /// No resolver answers.
        Resolver = "resolver",
        /// The machine's clock stepped during the run.
        Clock = "clock",
        /// Workers, sockets or ports are used up.
        Saturated = "saturated",
        /// This machine has no network.
        Network = "network",
        /// The ledger could not write an event that had to come first, or it was lost or rolled back.
        Ledger = "ledger",
        /// A job of ours stays open at a partner, and releasing it was given up.
        OpenJob = "open-job",
        /// What the partner sent is larger than what this agent reads.
        Limit = "limit",
    }
);

impl AgentFault {
    /// What is wrong, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Key => "the key or trust file cannot be read or used",
            Self::Resolver => "no resolver answers",
            Self::Clock => "this machine's clock stepped",
            Self::Saturated => "this machine has no worker, socket or time left",
            Self::Network => "this machine has no network",
            Self::OpenJob => "a job stays open at a partner: releasing it was given up",
            Self::Limit => "the answer is larger than this agent reads",
            Self::Ledger => "the ledger did not take a note that had to come first",
        }
    }

    /// The page to open, relative to the repository.
    pub fn runbook(self) -> String {
        "runbooks/agent-fault.md".to_owned()
    }
}

closed!(
    /// What is said of one layer of one run.
    LayerVerdict {
        /// It did what it should.
        Good = "good",
        /// It broke.
        Bad = "bad",
        /// A lower layer broke, or this journey does not look at it.
        NotReached = "not_reached",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_layer_and_name_once() {
        let names: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), 19);
        assert!(
            Cause::ALL.is_sorted_by_key(|cause| cause.layer()),
            "causes stand in layer order"
        );
        assert_eq!(Cause::named("reset"), Some(Cause::Reset));
        assert_eq!(Cause::Reset.runbook(), "runbooks/transport-reset.md");
    }
}
