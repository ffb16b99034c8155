//! Throw-away trust: a CA and a server certificate for loopback, and the clients' keys.
//!
//! The CA and the keys are kept in the state folder, so that a restarted exchange is the same to its
//! clients. Private keys are readable by their owner only. None of this is for real data.

mod authority;
mod clients;
mod keys;
mod own;

pub(crate) use authority::HTTP_2;
pub use authority::{Certificates, ClientCertificates, client_certificate, server};
pub use clients::{IssuedKey, RIVAL_NPI, Registry};
pub use keys::TrustError;
pub use own::OwnKey;
