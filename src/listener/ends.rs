//! The two ends of a connection, which each of its requests carries.

use std::net::{IpAddr, SocketAddr};

/// The ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The address that the client reached.
    pub(super) own: SocketAddr,
    /// The client.
    pub(super) client: IpAddr,
}
