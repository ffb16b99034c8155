//! The sandbox's control interface: faults on and off.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::faults::{self, Fault};
use crate::http::HttpClient;

/// The line that the sandbox prints when it is ready. It holds more than is read here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// Where the control interface is.
    pub(crate) control: String,
    /// The throw-away CA's certificate.
    pub(crate) trust: PathBuf,
    /// The partners that are served.
    pub(crate) partners: Vec<ReadyPartner>,
    /// The exchange core next to them.
    pub(crate) core: ReadyCore,
}

/// The core of the ready line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReadyCore {
    /// Its address, without the version.
    pub(crate) base_url: String,
    /// The clients it knows; the first one is ours.
    pub(crate) clients: Vec<ReadyClient>,
}

/// A client of the ready line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReadyClient {
    /// The private key that it must sign with.
    pub(crate) key: PathBuf,
}

/// One partner of the ready line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReadyPartner {
    /// Its id.
    pub(crate) id: String,
    /// Its FHIR address.
    pub(crate) base_url: String,
    /// The private key that its client must sign with.
    pub(crate) key: PathBuf,
}

/// The sandbox.
#[derive(Debug)]
pub(crate) struct Sandbox {
    client: HttpClient,
}

impl Sandbox {
    /// The sandbox whose control interface is there.
    pub(crate) fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// Switches a fault on. When this returns, the next request meets it.
    ///
    /// # Errors
    /// When the sandbox does not answer or does not know the fault or the partner.
    pub(crate) fn inject(&self, partner: &str, fault: &str) -> Result<()> {
        let wish = json!({"fault": fault});
        self.client
            .send("PUT", &format!("/partners/{partner}/fault"), Some(&wish))
            .map(drop)
            .with_context(|| format!("could not inject {fault} at {partner}"))
    }

    /// Switches any fault off. When this returns, the next request is answered well.
    ///
    /// # Errors
    /// When the sandbox does not answer or cannot take the partner's port again.
    pub(crate) fn heal(&self, partner: &str) -> Result<()> {
        self.client
            .send("DELETE", &format!("/partners/{partner}/fault"), None)
            .map(drop)
            .with_context(|| format!("could not heal {partner}"))
    }

    /// Makes it forget the jobs that an earlier demo left.
    ///
    /// # Errors
    /// When the sandbox does not answer or does not know the partner.
    pub(crate) fn forget(&self, partner: &str) -> Result<()> {
        self.client
            .send("POST", &format!("/partners/{partner}/reset"), None)
            .map(drop)
            .with_context(|| format!("could not reset {partner}"))
    }

    /// Faults that the sandbox offers and the table lacks, or the other way round.
    ///
    /// # Errors
    /// When the sandbox does not answer as agreed.
    pub(crate) fn disagreements(&self, table: &[Fault]) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Offered {
            faults: Vec<String>,
        }
        let offered = self.client.get::<Offered>("/faults")?.faults;
        let unplayed = faults::not_injected()?;
        let unknown = table.iter().filter(|fault| !offered.contains(&fault.name));
        let unlisted = offered
            .iter()
            .filter(|name| !unplayed.contains(name))
            .filter(|name| table.iter().all(|fault| fault.name != **name));
        Ok(unknown
            .map(|fault| fault.name.clone())
            .chain(unlisted.cloned())
            .collect())
    }
}
