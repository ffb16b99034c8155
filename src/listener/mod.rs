//! The agent's listener: who may connect, for how long, and in which role. Knows no route.
//!
//! Every request passes the `guard`: its Host and Origin are checked, its token becomes a
//! [`Viewer`](outrider_domain::model::Viewer), its body is read within limits, and its answer gets the headers that
//! browsers obey. Connections take `seats`, a share of the file handles that runs do not need.

mod ends;
mod guard;
mod headers;
mod host;
mod rate;
mod seats;
mod serve;
mod tls;

pub use guard::Door;
pub use serve::serve;
pub use tls::{TlsConfigs, watch};
