//! The scopes that are known, and what they allow.

use super::types;

/// The scope of the match operation (PDex 2.2 spelling).
pub(crate) const BULK_MEMBER_MATCH: &str =
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch";
/// The same as PDex 2.1 spells it.
const BULK_MEMBER_MATCH_21: &str =
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/bulk-member-match";
/// The scope of the single match.
const MEMBER_MATCH: &str = "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match";
/// How the scope of the export begins: as the guide prints it, and as SMART would have it.
const GROUP_UPDATE: [&str; 2] = ["system.Group.u?code=", "system/Group.u?code="];
/// What follows: the value set that the guide names, and the code system that it means.
const RESULT_CODES: [&str; 2] = [
    "http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|match",
    "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS|match",
];

/// The rights to read, as SMART 2 and SMART 1 spell them.
const READ_RIGHTS: [&str; 2] = ["rs", "read"];

/// One scope that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope<'a> {
    Match,
    SingleMatch,
    GroupUpdate,
    All,
    Type(&'a str),
}

impl<'a> Scope<'a> {
    fn read(text: &'a str) -> Option<Self> {
        match text {
            BULK_MEMBER_MATCH | BULK_MEMBER_MATCH_21 => return Some(Self::Match),
            MEMBER_MATCH => return Some(Self::SingleMatch),
            _ => {}
        }
        for begin in GROUP_UPDATE {
            if text
                .strip_prefix(begin)
                .is_some_and(|code| RESULT_CODES.contains(&code))
            {
                return Some(Self::GroupUpdate);
            }
        }
        let (kind, rights) = text.strip_prefix("system/")?.split_once('.')?;
        if !READ_RIGHTS.contains(&rights) {
            return None;
        }
        match kind {
            "*" => Some(Self::All),
            "Group" => Some(Self::Type(kind)),
            _ => types::known(kind).map(Self::Type),
        }
    }
}

/// The scopes that a partner names in its discovery document.
pub(crate) fn supported() -> Vec<String> {
    let mut all = vec![
        "system/*.rs".to_owned(),
        "system/*.read".to_owned(),
        "system/Group.rs".to_owned(),
        BULK_MEMBER_MATCH.to_owned(),
        BULK_MEMBER_MATCH_21.to_owned(),
        MEMBER_MATCH.to_owned(),
    ];
    for begin in GROUP_UPDATE {
        all.extend(RESULT_CODES.map(|code| format!("{begin}{code}")));
    }
    all.extend(types::ALL.map(|kind| format!("system/{kind}.rs")));
    all
}

/// What is granted of the scopes that are asked for, separated by single spaces. Types that are not held
/// here are left out (RFC 6749 §3.3): a general client asks for all that it can read. Any other scope that is
/// not known refuses all, and so does a request of which nothing is left.
pub(crate) fn granted(asked: &[&str]) -> Option<String> {
    let mut granted = Vec::new();
    for scope in asked {
        if Scope::read(scope).is_some() {
            granted.push(*scope);
        } else if !is_of_another_type(scope) {
            return None;
        }
    }
    (!granted.is_empty()).then(|| granted.join(" "))
}

/// Whether a scope is to read a type as FHIR spells types, whichever.
fn is_of_another_type(scope: &str) -> bool {
    let parts = scope
        .strip_prefix("system/")
        .and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(kind, rights)| {
        let is_name = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.chars().all(|c| c.is_ascii_alphabetic());
        is_name && READ_RIGHTS.contains(&rights)
    })
}

/// Something a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant<'a> {
    /// To ask for a match.
    Match,
    /// To ask for one member.
    SingleMatch,
    /// To see what came of a match: status, Group files, the Group itself.
    MatchResult,
    /// To export, and to fetch what was exported; of these types, or of all.
    Data(Option<&'a [String]>),
    /// All about one person, of these types, or of all.
    Everything(Option<&'a [String]>),
    /// To see that an export is there, whatever its types.
    SomeData,
    /// To read or search one type.
    Read(&'a str),
}

impl Grant<'_> {
    /// Whether one of the scopes, separated by spaces, allows it; of several types, together.
    pub(crate) fn is_in(self, scopes: &str) -> bool {
        let held: Vec<Scope<'_>> = scopes.split(' ').filter_map(Scope::read).collect();
        let any = |wanted: &[Scope<'_>]| held.iter().any(|scope| wanted.contains(scope));
        match self {
            Self::Match => any(&[Scope::Match]),
            Self::SingleMatch => any(&[Scope::SingleMatch]),
            Self::MatchResult => any(&[
                Scope::Match,
                Scope::GroupUpdate,
                Scope::All,
                Scope::Type("Group"),
            ]),
            Self::Data(types) => {
                any(&[Scope::GroupUpdate]) || Grant::Everything(types).is_in(scopes)
            }
            Self::Everything(types) => {
                any(&[Scope::All])
                    || types.is_some_and(|types| {
                        !types.is_empty() && types.iter().all(|kind| any(&[Scope::Type(kind)]))
                    })
            }
            Self::SomeData => held.iter().any(|scope| match scope {
                Scope::All | Scope::GroupUpdate => true,
                Scope::Type(kind) => *kind != "Group",
                Scope::Match | Scope::SingleMatch => false,
            }),
            Self::Read(kind) => any(&[Scope::All, Scope::Type(kind)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grant_has_its_scopes() {
        let two = ["Patient".to_owned(), "Coverage".to_owned()];
        let grants = [
            Grant::Match,
            Grant::SingleMatch,
            Grant::MatchResult,
            Grant::Data(None),
            Grant::Data(Some(&two)),
            Grant::Read("Patient"),
        ];
        let both = format!("system/*.rs {BULK_MEMBER_MATCH}");
        let (as_printed, as_meant) = (
            format!("{}{}", GROUP_UPDATE[0], RESULT_CODES[0]),
            format!("{}{}", GROUP_UPDATE[1], RESULT_CODES[1]),
        );
        let table = [
            (BULK_MEMBER_MATCH, [1, 0, 1, 0, 0, 0]),
            (BULK_MEMBER_MATCH_21, [1, 0, 1, 0, 0, 0]),
            (MEMBER_MATCH, [0, 1, 0, 0, 0, 0]),
            ("system/Group.rs", [0, 0, 1, 0, 0, 0]),
            ("system/*.rs", [0, 0, 1, 1, 1, 1]),
            ("system/*.read", [0, 0, 1, 1, 1, 1]),
            (&as_printed, [0, 0, 1, 1, 1, 0]),
            (&as_meant, [0, 0, 1, 1, 1, 0]),
            ("system/Patient.rs", [0, 0, 0, 0, 0, 1]),
            ("system/Patient.rs system/Coverage.read", [0, 0, 0, 0, 1, 1]),
            (&both, [1, 0, 1, 1, 1, 1]),
            ("", [0; 6]),
            ("system/*.cud", [0; 6]),
        ];
        for (scopes, expected) in table {
            let got = grants.map(|grant| u8::from(grant.is_in(scopes)));
            assert_eq!(got, expected, "{scopes}");
        }
    }

    #[test]
    fn every_supported_scope_is_granted_and_others_are_not() {
        for scope in supported() {
            assert_eq!(granted(&[&scope]), Some(scope.clone()));
        }
        for unknown in [
            "system/Spaceship.rs",
            "system/Patient.cud",
            "patient/*.rs",
            "system/*",
            "system/Group.u?code=x|match",
        ] {
            assert_eq!(granted(&[unknown]), None, "{unknown}");
        }
        let some = granted(&["system/Patient.read", "system/Specimen.read"]);
        assert_eq!(some.as_deref(), Some("system/Patient.read"));
        assert_eq!(granted(&["system/Patient.read", "openid"]), None);
        assert_eq!(granted(&[]), None);
    }
}
