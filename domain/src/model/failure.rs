//! Why no whole answer arrived.

use std::net::IpAddr;
use std::time::Duration;

use super::AgentFault;
use super::address_range::AddressRange;
use super::closed::closed;
use super::phase::Phase;

closed!(
    /// What a name server says where it gives no address.
    DnsFailure {
        /// RCODE 3.
        NoSuchName = "the name does not exist (NXDOMAIN)",
        /// RCODE 0 without an address of the wanted family.
        NoAddress = "the name has no address",
        /// RCODE 2.
        ServerFailure = "the name server cannot resolve the name (SERVFAIL)",
        /// RCODE 5.
        Refused = "our name server refuses to answer (REFUSED)",
        /// RCODE 1.
        FormatError = "our name server does not understand the question (FORMERR)",
        /// RCODE 4.
        NotImplemented = "our name server does not answer such questions (NOTIMP)",
        /// Another RCODE, or an alias that leads to itself.
        Other = "the name server's answer leads to no address",
        /// No name of a host: a label over 63 characters, for example.
        NotAName = "that is no name of a host: its labels have 1 to 63 letters, digits, hyphens or underscores",
    }
);

impl DnsFailure {
    /// Whether our own name server is at fault, whatever the name.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::FormatError | Self::NotImplemented
        )
    }
}

closed!(
    /// What is wrong with a TLS session.
    TlsFailure {
        /// The certificate's time is over.
        Expired = "certificate expired",
        /// The certificate's time has not come.
        NotYetValid = "certificate not yet valid",
        /// The certificate is for another name.
        WrongName = "certificate for another name",
        /// No chain to a trusted authority.
        Untrusted = "certificate not trusted",
        /// The certificate of an authority stands for the server itself.
        Authority = "certificate of an authority (CA:TRUE) used as the server's own",
        /// The certificate's extended key usage names no servers.
        WrongPurpose = "certificate that was not made for servers (extended key usage)",
        /// A signature by a certificate's key does not verify.
        BadSignature = "signature that does not verify: another key under the authority's name, or one too short",
        /// The certificate cannot be read, or is signed in a way that nobody accepts.
        BadCertificate = "certificate that cannot be used: its encoding, signature or key",
        /// No version in common.
        Version = "no version of TLS in common: the server speaks neither 1.2 nor 1.3",
        /// No cipher suite, group or signature scheme in common.
        NoParameters = "no cipher suite or key exchange in common, says the server, or it wants a client certificate",
        /// Not TLS.
        NotTls = "bytes that are not TLS: perhaps plain HTTP on that port",
        /// HTTP/2 is not spoken.
        NoHttp2 = "the server does not speak HTTP/2",
        /// The server knows no host of that name.
        UnknownName = "the server knows no such name (alert unrecognized_name)",
        /// The server wants a client certificate, and none is configured.
        OwnMissing = "the server wants a client certificate, and [auth] certificate names none",
        /// Our client certificate's time is over.
        OwnExpired = "our own client certificate has expired",
        /// Our client certificate's time has not come.
        OwnNotYetValid = "our own client certificate is not yet valid",
        /// The server says that our client certificate is revoked.
        OwnRevoked = "our own client certificate is revoked, says the server",
        /// The server does not know who signed our client certificate.
        OwnUntrusted = "the server does not trust the authority of our client certificate (alert unknown_ca)",
        /// The server refuses our client certificate, which is valid.
        OwnRefused = "the server refuses our client certificate, which is valid",
        /// Another alert, or none.
        Handshake = "handshake failed",
    }
);

impl TlsFailure {
    /// Whether it is our own certificate, or the lack of one.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Self::OwnMissing | Self::OwnExpired | Self::OwnNotYetValid | Self::OwnRevoked
        )
    }
}

closed!(
    /// What is wrong with the way through a proxy. It is of the path between us.
    ProxyFailure {
        /// No connection to the proxy.
        Unreachable = "the proxy cannot be reached",
        /// A connection, and no answer to CONNECT in the time of the request.
        Silent = "the proxy accepted the connection and did not answer CONNECT",
        /// The proxy's name has no address.
        NoAddress = "the proxy's name has no address",
        /// Status 407.
        SignIn = "the proxy wants another user or password (407)",
        /// Status 403 and the like.
        Refused = "the proxy refuses to connect to that host",
        /// Status 502, 503 or 504: it did not reach the host.
        BadGateway = "the proxy could not connect to that host",
        /// No answer to CONNECT that is one.
        Malformed = "the proxy gives no valid answer to CONNECT",
    }
);

closed!(
    /// How a body is packed that nobody asked for, or that cannot be unpacked.
    ContentCoding {
        /// deflate.
        Deflate = "deflate, which was not asked for",
        /// Brotli.
        Brotli = "br (Brotli), which was not asked for",
        /// Zstandard.
        Zstd = "zstd, which was not asked for",
        /// compress.
        Compress = "compress, which was not asked for",
        /// Several codings, one over the other.
        Several = "packed more than once",
        /// A coding that no registry knows.
        Unknown = "packed in an unknown way",
        /// gzip that is none.
        NotGzip = "no gzip that can be unpacked, though Content-Encoding says gzip, or other bytes behind it",
        /// gzip that ends too early.
        CutShort = "gzip that ends too early, or other bytes behind it",
    }
);

closed!(
    /// Why a redirect is not followed.
    RedirectFault {
        /// There is no `Location`.
        NoLocation = "one without a Location",
        /// It holds a user or a password (RFC 9110 §4.2.4).
        SignIn = "one whose Location holds a user or a password",
        /// Its port is not from 1 to 65535.
        Port = "one whose Location has a port that is none",
        /// It holds a space, a control character or a sign outside ASCII, which a reference never does.
        Signs = "one whose Location holds a space or a sign that no URL has",
        /// What it names is no reference that leads to an http or https URL.
        Unreadable = "one whose Location is no http or https reference",
        /// From TLS to plain HTTP.
        AwayFromTls = "one away from TLS",
    }
);

closed!(
    /// A limit that an answer went over. Each number is next to the code that enforces it.
    Limit {
        /// Body of a document.
        Body = "body",
        /// Head of an answer.
        Headers = "headers",
        /// One line of NDJSON.
        Line = "line",
        /// Decompressed bytes for each byte on the wire.
        Compression = "compression ratio",
        /// Redirects in a row.
        Redirects = "redirects",
        /// Files of one manifest.
        Files = "files",
        /// Values of one JSON document or line.
        Values = "JSON values",
        /// The wait for the agent's only turn at a long line or document.
        LongLineTurn = "wait for the turn at a long line or document",
        /// Things remembered while a stream is judged.
        Memory = "remembered keys",
    }
);

/// Why no whole answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name server gives no address.
    Dns(DnsFailure),
    /// The partner's address refuses or ignores connections.
    Connect,
    /// No way through the proxy.
    Proxy(ProxyFailure),
    /// No TLS session.
    Tls(TlsFailure),
    /// Broken off in this phase.
    Reset(Phase),
    /// Not whole in the step's time; the phase that was going on.
    Timeout(Phase),
    /// The journey's deadline came in this phase.
    Deadline(Phase),
    /// Not HTTP.
    Malformed,
    /// Packed otherwise than asked for, or not as it says.
    Coding(ContentCoding),
    /// Over a limit.
    Limit(Limit),
    /// A redirect that must not be followed.
    Redirect(RedirectFault),
    /// Every address that the partner sent us to lies in a range that it may not send us to.
    Egress(AddressRange),
    /// Ours.
    Agent(AgentFault),
}

impl Failure {
    /// The agent's fault that it is, and what is wrong; none where it is another's.
    pub fn own_fault(self) -> Option<(AgentFault, &'static str)> {
        match self {
            Self::Agent(fault) => Some((fault, fault.words())),
            Self::Dns(why) if why.is_ours() => Some((AgentFault::Resolver, why.name())),
            Self::Tls(why) if why.is_ours() => Some((AgentFault::Key, why.name())),
            Self::Limit(Limit::Line) => Some((AgentFault::Limit, LINE_TOO_LONG)),
            Self::Limit(Limit::Body) => Some((AgentFault::Limit, DOCUMENT_TOO_LONG)),
            Self::Limit(Limit::LongLineTurn) => Some((AgentFault::Saturated, NO_TURN)),
            Self::Dns(_)
            | Self::Connect
            | Self::Proxy(_)
            | Self::Tls(_)
            | Self::Reset(_)
            | Self::Timeout(_)
            | Self::Deadline(_)
            | Self::Malformed
            | Self::Coding(_)
            | Self::Limit(_)
            | Self::Redirect(_)
            | Self::Egress(_) => None,
        }
    }
}

/// NDJSON has no limit on a line, so that one over ours says nothing about the partner.
const LINE_TOO_LONG: &str = "a line of the file is longer than this agent reads (16 MiB)";

/// Nor has JSON one.
const DOCUMENT_TOO_LONG: &str = "a document is longer than this agent reads (16 MiB)";

/// Memory for one long line or document is what an agent sets aside; the others wait for it.
const NO_TURN: &str = "another answer over 1 MiB was read for so long that this one got no turn";

closed!(
    /// What came of an attempt to connect to one address.
    AddressOutcome {
        /// It is the connection.
        Connected = "connected",
        /// It refused.
        Refused = "refused",
        /// Nothing came before another address answered, or the time was over.
        Unanswered = "unanswered",
        /// This machine has no way there.
        Unreachable = "unreachable",
    }
);

/// One attempt to connect to one address (RFC 8305).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressAttempt {
    /// The address.
    pub address: IpAddr,
    /// When it began, from the begin of the first attempt.
    pub offset: Duration,
    /// How long it took, or was waited for.
    pub duration: Duration,
    /// What came of it.
    pub outcome: AddressOutcome,
}
