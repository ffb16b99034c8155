//! How much of what was due came, by kind of record.

use super::closed::closed;

closed!(
    /// Kinds of record, as the regulation and a person tell them apart.
    RecordKind {
        /// Who the member is, and how they are insured.
        Membership = "membership",
        /// Adjudicated claims and encounters with a payer.
        Claims = "claims",
        /// Prior authorizations.
        PriorAuthorizations = "prior_authorizations",
        /// USCDI clinical data.
        Clinical = "clinical",
        /// Documents, such as those that support prior authorizations.
        Documents = "documents",
        /// People and organizations that gave or paid for care.
        Providers = "providers",
        /// Who sent what.
        Provenance = "provenance",
    }
);

impl RecordKind {
    /// The kind of a record due: its type, and for an ExplanationOfBenefit the last segment of the system
    /// that its key begins with (`members/README.md`).
    pub fn of(resource_type: &str, key: &str) -> Self {
        match resource_type {
            "ExplanationOfBenefit" if is_authorization(key) => Self::PriorAuthorizations,
            "ExplanationOfBenefit" | "Claim" | "ClaimResponse" => Self::Claims,
            "Patient" | "Coverage" | "RelatedPerson" | "Person" => Self::Membership,
            "DocumentReference" | "Binary" | "Media" => Self::Documents,
            "Organization" | "Practitioner" | "PractitionerRole" | "Location" => Self::Providers,
            "Provenance" => Self::Provenance,
            _ => Self::Clinical,
        }
    }
}

fn is_authorization(key: &str) -> bool {
    let system = key.split('|').next().unwrap_or_default();
    let last = system.rsplit('/').next().unwrap_or_default();
    ["pa", "preauth", "prior-authorization"].contains(&last)
}

/// Due and found of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindScore {
    /// Which.
    pub kind: RecordKind,
    /// Records due.
    pub due: usize,
    /// Of them, found.
    pub found: usize,
    /// What is missing, by the oracle's own names: type and key. At most [`MISSING_NAMED_MAX`].
    pub missing: Vec<String>,
}

/// Missing records of one kind that are named; the rest is counted.
pub const MISSING_NAMED_MAX: usize = 20;

impl KindScore {
    /// Found ÷ due.
    pub fn ratio(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "records of one member are few")]
        let ratio = self.found as f64 / self.due.max(1) as f64;
        ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorization_is_told_from_a_claim_by_its_key() {
        let of = |key: &str| RecordKind::of("ExplanationOfBenefit", key);
        assert_eq!(
            of("https://p.example/pa|1"),
            RecordKind::PriorAuthorizations
        );
        assert_eq!(of("https://p.example/claim|pa"), RecordKind::Claims);
        assert_eq!(of("sha256:00"), RecordKind::Claims);
        assert_eq!(RecordKind::of("Goal", "x"), RecordKind::Clinical);
    }
}
