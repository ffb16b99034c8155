//! The scopes that are known, and what they allow.

/// The scope of the match operation (PDex 2.2 spelling).
pub(crate) const BULK_MEMBER_MATCH: &str =
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch";

/// Every known scope. The two Group spellings are the guide's as printed and as SMART would have it.
pub(crate) const KNOWN: [&str; 6] = [
    "system/*.rs",
    "system/*.read",
    "system/Group.rs",
    "system.Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|match",
    "system/Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|match",
    BULK_MEMBER_MATCH,
];

/// Something a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// To ask for a match.
    Match,
    /// To see what came of it: status, Group files, the Group itself.
    MatchResult,
    /// To export, and to fetch what was exported.
    Data,
}

impl Grant {
    /// Whether one of the scopes, separated by spaces, allows it.
    pub(crate) fn is_in(self, scopes: &str) -> bool {
        scopes.split(' ').any(|scope| match self {
            Self::Match => scope == BULK_MEMBER_MATCH,
            Self::MatchResult => KNOWN.contains(&scope),
            Self::Data => {
                scope == "system/*.rs"
                    || scope == "system/*.read"
                    || scope.ends_with("PDexMultiMemberMatchResultVS|match")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grant_has_its_scopes() {
        let table = [
            (BULK_MEMBER_MATCH, [true, true, false]),
            ("system/Group.rs", [false, true, false]),
            ("system/*.rs", [false, true, true]),
            (KNOWN[3], [false, true, true]),
            (
                "system/*.rs http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch",
                [true, true, true],
            ),
            ("", [false, false, false]),
        ];
        for (scopes, expected) in table {
            let grants = [Grant::Match, Grant::MatchResult, Grant::Data].map(|g| g.is_in(scopes));
            assert_eq!(grants, expected, "{scopes}");
        }
    }
}
