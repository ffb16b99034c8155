//! The closed list of personas.

use serde::{Deserialize, Serialize};

/// One kind of partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persona {
    /// PDex 2.2 exactly as specified.
    Strict22,
    /// PDex 2.1: the match result is one Parameters resource.
    Legacy21,
    /// PDex 2.2 with the 2.1 file next to the Groups.
    Dual,
    /// The match result comes in the answer to the kick-off.
    Direct,
    /// A Parameters line without contained patients; jobs are cancelled at another address.
    Payerbox,
    /// A general FHIR server: jobs are shared, and not released by DELETE.
    Hapi,
    /// One open export per client and group.
    Onejob,
    /// Files lie at another origin, behind signed addresses.
    Redirecting,
    /// Answers that no client should have to expect.
    Absurd,
}

impl Persona {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 9] = [
        Self::Strict22,
        Self::Legacy21,
        Self::Dual,
        Self::Direct,
        Self::Payerbox,
        Self::Hapi,
        Self::Onejob,
        Self::Redirecting,
        Self::Absurd,
    ];

    /// The name as the control API and the matrix use it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict22 => "strict22",
            Self::Legacy21 => "legacy21",
            Self::Dual => "dual",
            Self::Direct => "direct",
            Self::Payerbox => "payerbox",
            Self::Hapi => "hapi",
            Self::Onejob => "onejob",
            Self::Redirecting => "redirecting",
            Self::Absurd => "absurd",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_serde() {
        for persona in Persona::ALL {
            assert_eq!(serde_json::to_value(persona).unwrap(), persona.name());
        }
    }
}
