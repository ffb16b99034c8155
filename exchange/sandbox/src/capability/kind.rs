//! The closed list of capabilities, and which partner has them.

use serde::{Deserialize, Serialize};

use crate::member::Payer;
use crate::persona::{ConsentRule, DeleteStyle, ResultShape, Spec};

/// One line a capability: name with version, the clause it stands on, and what it is.
macro_rules! capabilities {
    ($($capability:ident = $name:literal, $source:literal, $what:literal;)+) => {
        /// Something that a partner can be asked to do, in one version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Capability {
            $(#[doc = $what] #[serde(rename = $name)] $capability,)+
        }

        impl Capability {
            /// All of them.
            pub const ALL: [Self; [$(Self::$capability),+].len()] = [$(Self::$capability),+];

            /// Name and version, e.g. `bulk-match-2.2`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$capability => $name,)+ }
            }

            /// Where it is written.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$capability => $source,)+ }
            }

            /// What it is, for people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$capability => $what,)+ }
            }
        }
    };
}

capabilities! {
    Discovery = "discovery-2.0", "SMART App Launch 2.0", "says how to sign in, and what it can do";
    Token = "token-2.0", "SMART Backend Services 2.0", "grants tokens for signed assertions, and refuses replays";
    BulkMatch22 = "bulk-match-2.2", "PDex 2.2", "matches members in bulk; the result is Group NDJSON";
    BulkMatch21 = "bulk-match-2.1", "PDex 2.1", "matches members in bulk; the result is Parameters";
    SingleMatch = "single-match-1.2", "HRex 1.2", "matches one member at once";
    DataExport = "data-export-2.2", "PDex 2.2, ATR 2.1", "exports what is held about matched members";
    GroupExport = "group-export-1.0", "Bulk Data 1.0", "exports a group to any bulk client";
    Everything = "everything-2.2", "PDex 2.2", "gives one member's record by $everything and by search";
    Delta = "delta-2.2", "PDex 2.2, Bulk Data 1.0", "exports what changed since an instant";
    ConsentAtMatch = "consent-at-match-2.2", "PDex 2.2, HRex 1.2", "keeps back whose consent does not allow the disclosure";
    ConsentAtExport = "consent-at-export-2.2", "PDex 2.2", "judges each consent again when it exports";
    PriorAuthorizations = "prior-authorizations-2.2", "PDex 2.2, CMS-0057-F", "gives prior authorizations that are due, with documents";
    Claims = "claims-2.2", "CARIN BB 2.2 Basis", "gives claims without money";
    Clinical = "clinical-6.1", "US Core 6.1", "gives clinical records";
    Release = "release-2.0", "Bulk Data 2.0", "frees a job on DELETE";
    MutualTls = "mtls-1.0", "RFC 8705", "asks for client certificates and binds tokens to them";
}

impl Capability {
    /// Whether the partner of that payer has it.
    pub fn is_at(self, payer: &Payer) -> bool {
        let behaviour = payer.persona.behaviour();
        match self {
            Self::BulkMatch22 => {
                matches!(behaviour.result, ResultShape::Groups | ResultShape::Both)
            }
            Self::BulkMatch21 => match behaviour.result {
                ResultShape::Groups => false,
                ResultShape::Both
                | ResultShape::ParametersFile
                | ResultShape::ParametersLine
                | ResultShape::Inline => true,
            },
            Self::PriorAuthorizations => match behaviour.spec {
                Spec::Pdex21 | Spec::Pdex22 => true,
            },
            Self::Release => behaviour.delete == DeleteStyle::Releases,
            Self::ConsentAtMatch => behaviour.consent == ConsentRule::Whole,
            Self::Discovery
            | Self::Token
            | Self::SingleMatch
            | Self::DataExport
            | Self::GroupExport
            | Self::Everything
            | Self::Delta
            | Self::ConsentAtExport
            | Self::Claims
            | Self::Clinical
            | Self::MutualTls => true,
        }
    }
}
