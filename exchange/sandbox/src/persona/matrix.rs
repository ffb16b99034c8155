//! The compatibility matrix: what each persona supports, what it changes, and what it cannot do.

use serde::Serialize;

use super::kind::Persona;

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonaEntry {
    /// The persona.
    pub persona: Persona,
    /// Which real implementation it behaves like.
    pub grounding: &'static str,
    /// Editions of PDex that it speaks.
    pub supported_versions: &'static [&'static str],
    /// Fields and forms of older editions that it still uses.
    pub deprecated_fields: &'static [&'static str],
    /// What a client must translate.
    pub transforms: &'static [&'static str],
    /// What it does that no client should rely on, or cannot do.
    pub known_limits: &'static [&'static str],
}

/// The line of one persona.
pub const fn entry(persona: Persona) -> PersonaEntry {
    match persona {
        Persona::Strict22 => STRICT22,
        Persona::Legacy21 => LEGACY21,
        Persona::Dual => DUAL,
        Persona::Direct => DIRECT,
        Persona::Payerbox => PAYERBOX,
        Persona::Hapi => HAPI,
        Persona::Onejob => ONEJOB,
        Persona::Redirecting => REDIRECTING,
        Persona::Absurd => ABSURD,
    }
}

const STRICT22: PersonaEntry = PersonaEntry {
    persona: Persona::Strict22,
    grounding: "the text of PDex 2.2.0",
    supported_versions: &["2.2.0"],
    deprecated_fields: &[],
    transforms: &[],
    known_limits: &[],
};

const LEGACY21: PersonaEntry = PersonaEntry {
    persona: Persona::Legacy21,
    grounding: "the PDex reference server",
    supported_versions: &["2.1.0", "2.2.0 when a header asks for it"],
    deprecated_fields: &[
        "match result as one Parameters resource",
        "last segment of the match scope is bulk-member-match",
    ],
    transforms: &[
        "MatchedMembers, NonMatchedMembers and ConsentConstrainedMembers are parameters",
        "the status address carries the job as the query _jobId",
        "single match echoes what was submitted, with the card's number for the UMB",
    ],
    known_limits: &[
        "Retry-After is 120 whatever the job needs",
        "DELETE of a finished job answers 404 and frees nothing",
        "an expired consent passes",
        "files of a match result need no token",
    ],
};

const DUAL: PersonaEntry = PersonaEntry {
    persona: Persona::Dual,
    grounding: "PDex 2.2.0, 138a: both results",
    supported_versions: &["2.2.0", "2.1.0"],
    deprecated_fields: &["a line of Parameters next to the Groups"],
    transforms: &["take the Group files, leave the Parameters"],
    known_limits: &[],
};

const DIRECT: PersonaEntry = PersonaEntry {
    persona: Persona::Direct,
    grounding: "the WSO2 reference implementation",
    supported_versions: &["2.1.0"],
    deprecated_fields: &["match result as Parameters"],
    transforms: &[
        "the match answers 200 with the result; there is no job",
        "contained Patients have other ids than submitted",
        "errors are JSON of its own, no OperationOutcome",
        "all three buckets come, empty ones too",
    ],
    known_limits: &[
        "a member with many records is left out of an export, and nobody is told",
        "the manifest has no error and no Expires",
        "files need no token",
    ],
};

const PAYERBOX: PersonaEntry = PersonaEntry {
    persona: Persona::Payerbox,
    grounding: "Health Samurai Payerbox",
    supported_versions: &["2.2.0"],
    deprecated_fields: &["match result as a line of Parameters"],
    transforms: &[
        "jobs are cancelled at Group/$bulk-member-match-cancel, DELETE of the status is 405",
        "exportType may be the bare code payertopayer",
    ],
    known_limits: &["the Group of matched members does not contain the submitted Patients"],
};

const HAPI: PersonaEntry = PersonaEntry {
    persona: Persona::Hapi,
    grounding: "HAPI FHIR JPA server",
    supported_versions: &["2.2.0"],
    deprecated_fields: &[],
    transforms: &["errors always have the code processing"],
    known_limits: &[
        "the same question gets the same job, also when it is done",
        "DELETE of a finished job answers 404 and frees nothing",
        "files are kept for two hours",
    ],
};

const ONEJOB: PersonaEntry = PersonaEntry {
    persona: Persona::Onejob,
    grounding: "Epic and BCDA",
    supported_versions: &["2.2.0"],
    deprecated_fields: &[],
    transforms: &["Expires is what Go prints of a time, not an HTTP date"],
    known_limits: &[
        "one open export per client and group: 429 until DELETE",
        "a job that is over answers 410",
    ],
};

const REDIRECTING: PersonaEntry = PersonaEntry {
    persona: Persona::Redirecting,
    grounding: "Oracle Health (Cerner)",
    supported_versions: &["2.2.0"],
    deprecated_fields: &[],
    transforms: &["files are fetched at another origin, after 307, without the token"],
    known_limits: &["a signed address runs out after a minute; ask for the file again"],
};

const ABSURD: PersonaEntry = PersonaEntry {
    persona: Persona::Absurd,
    grounding: "bulk-data-server and helios-hfs",
    supported_versions: &["2.2.0"],
    deprecated_fields: &[],
    transforms: &["a Retry-After of ten digits and more is a time since 1970"],
    known_limits: &[
        "too many running exports are answered with 400 and no Retry-After",
        "polling too often is answered with 429 and a page of HTML",
        "an export of a Group that is not there succeeds and is empty",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persona::Spec;

    #[test]
    fn only_the_strict_one_has_nothing_to_say() {
        for persona in Persona::ALL {
            let entry = entry(persona);
            let says = entry.transforms.len() + entry.known_limits.len();
            assert_eq!(says == 0, persona == Persona::Strict22);
            assert!(entry.supported_versions.iter().any(|v| v.starts_with("2.")));
        }
        assert_eq!(
            entry(Persona::Strict22).supported_versions,
            [Spec::Pdex22.version()]
        );
    }
}
