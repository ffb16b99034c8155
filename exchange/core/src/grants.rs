//! Who may do what: the registered clients, each with its tenant, scopes and source payers.
//!
//! A client sees its own exchanges. With `review`, `audit.read` or `events.read` it also sees what concerns the
//! exchanges of its tenant, and never those of another.

use std::path::PathBuf;

use exchange_kit::assertion::{Client, KeySetError, key_set};

use crate::exchange::Traffic;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To open exchanges, cancel them, ask for what is missing.
    Write,
    /// To see one's own exchanges and their results.
    Read,
    /// To work on the queues of one's tenant.
    Review,
    /// To read the audit trail of one's tenant.
    Audit,
    /// To follow the events of one's tenant.
    Events,
    /// To learn the ids of members of one's tenant; each time is written to the trail.
    MemberLookup,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Write,
        Self::Read,
        Self::Review,
        Self::Audit,
        Self::Events,
        Self::MemberLookup,
    ];

    /// The word in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "exchange.write",
            Self::Read => "exchange.read",
            Self::Review => "review",
            Self::Audit => "audit.read",
            Self::Events => "events.read",
            Self::MemberLookup => "member.lookup",
        }
    }

    /// The scope of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `client_id`, also `iss` and `sub` of its assertions.
    pub id: String,
    /// Its key set, as a JWKS file, which is read at each request for a token.
    pub jwks: PathBuf,
    /// Whose exchanges it may review and audit.
    pub tenant: String,
    /// What its tokens may be for.
    pub scopes: Vec<Scope>,
    /// In the name of which payers (by NPI) it may open exchanges.
    pub source_payers: Vec<String>,
    /// What its requests are unless they say otherwise.
    pub traffic: Traffic,
}

/// Every registered client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// These clients.
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// The client with that id.
    pub fn of(&self, client: &str) -> Option<&Grant> {
        self.0.iter().find(|one| one.id == client)
    }

    /// All of them.
    pub fn list(&self) -> &[Grant] {
        &self.0
    }

    /// The clients with the keys that are registered now.
    ///
    /// # Errors
    /// When a key set cannot be read.
    pub fn keys(&self) -> Result<Vec<Client>, KeySetError> {
        let client = |one: &Grant| {
            Ok(Client {
                id: one.id.clone(),
                keys: key_set(&one.jwks)?,
            })
        };
        self.0.iter().map(client).collect()
    }
}
