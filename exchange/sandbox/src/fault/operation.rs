//! What a request asks for. Faults, counters and limits are hung on this list.

use serde::{Deserialize, Serialize};

/// One operation of the wire; every route is bound to exactly one in `partner/routes.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// `GET .well-known/smart-configuration`.
    Discovery,
    /// `GET metadata`.
    Metadata,
    /// `GET oauth/jwks`: the server's own keys.
    Jwks,
    /// `POST oauth/token`.
    Token,
    /// `POST Group/$bulk-member-match`.
    BulkMatch,
    /// `POST Patient/$member-match`.
    SingleMatch,
    /// `GET Group?...`.
    GroupSearch,
    /// `GET Group/{id}`.
    GroupRead,
    /// `POST Group/{id}/$davinci-data-export`.
    DataExport,
    /// `GET` or `POST Group/{id}/$export`.
    GroupExport,
    /// `GET Patient?...` and `GET Patient/{id}`.
    PatientRead,
    /// `GET {Type}?patient=...`.
    Search,
    /// `GET Patient/{id}/$everything`.
    Everything,
    /// `GET` of a job's status.
    Status,
    /// `DELETE` of a job, or its cancel address.
    Release,
    /// `GET` of a job's file.
    File,
    /// `GET` of a file at the other origin to which a redirecting partner sends.
    SignedFile,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Discovery,
        Self::Metadata,
        Self::Jwks,
        Self::Token,
        Self::BulkMatch,
        Self::SingleMatch,
        Self::GroupSearch,
        Self::GroupRead,
        Self::DataExport,
        Self::GroupExport,
        Self::PatientRead,
        Self::Search,
        Self::Everything,
        Self::Status,
        Self::Release,
        Self::File,
        Self::SignedFile,
    ];

    /// The name in kebab-case, as the control API uses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Metadata => "metadata",
            Self::Jwks => "jwks",
            Self::Token => "token",
            Self::BulkMatch => "bulk-match",
            Self::SingleMatch => "single-match",
            Self::GroupSearch => "group-search",
            Self::GroupRead => "group-read",
            Self::DataExport => "data-export",
            Self::GroupExport => "group-export",
            Self::PatientRead => "patient-read",
            Self::Search => "search",
            Self::Everything => "everything",
            Self::Status => "status",
            Self::Release => "release",
            Self::File => "file",
            Self::SignedFile => "signed-file",
        }
    }

    /// The operation of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_agree_with_serde() {
        for operation in Operation::ALL {
            assert_eq!(Operation::named(operation.name()), Some(operation));
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.name());
        }
    }
}
