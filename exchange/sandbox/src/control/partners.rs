//! The partners that are served, with their listeners.

use std::collections::BTreeMap;
use std::sync::Arc;

use exchange_kit::http::ControlProblem;
use http::StatusCode;
use tokio::sync::Mutex;

use crate::partner::{Listener, Partner};

/// A partner with its listener.
pub struct ServedPartner {
    /// The endpoints' state.
    pub partner: Arc<Partner>,
    /// Its port.
    pub listener: Listener,
    /// The port of its other origin, when it has one.
    pub file_origin: Option<Listener>,
    /// One change at a time, so that the fault set and the listener stay in step.
    pub(super) switching: Mutex<()>,
}

impl ServedPartner {
    /// A partner that is being served.
    pub fn new(partner: Arc<Partner>, listener: Listener, file_origin: Option<Listener>) -> Self {
        Self {
            partner,
            listener,
            file_origin,
            switching: Mutex::new(()),
        }
    }
}

impl ServedPartner {
    /// Stops listening.
    pub async fn stop(self) {
        self.listener.stop().await;
        if let Some(file_origin) = self.file_origin {
            file_origin.stop().await;
        }
    }
}

/// Every served partner by id.
pub type Partners = Arc<BTreeMap<String, ServedPartner>>;

/// The partner with that id.
pub(super) fn find<'a>(
    partners: &'a Partners,
    id: &str,
) -> Result<&'a ServedPartner, ControlProblem> {
    partners.get(id).ok_or_else(|| ControlProblem {
        status: StatusCode::NOT_FOUND,
        error: format!("there is no partner {id:?}"),
        help: format!(
            "one of: {}",
            partners.keys().cloned().collect::<Vec<_>>().join(", ")
        ),
    })
}
