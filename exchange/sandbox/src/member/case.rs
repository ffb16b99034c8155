//! The edge cases that a set walks through, and what must come of each.

use exchange_kit::pdex::Bucket;
use serde::{Deserialize, Serialize};

/// What the synchronous `$member-match` of one member must answer (HRex; issue codes are the sandbox's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Single {
    /// 200 with the member's UMB identifier.
    Found,
    /// 422 `not-found`.
    NotFound,
    /// 422 `multiple-matches`.
    Several,
    /// 422 `suppressed`, without a patient id.
    Suppressed,
}

impl Single {
    /// The HTTP status and, of a refusal, the code.
    pub const fn answer(self) -> (u16, Option<&'static str>) {
        match self {
            Self::Found => (200, None),
            Self::NotFound => (422, Some("not-found")),
            Self::Several => (422, Some("multiple-matches")),
            Self::Suppressed => (422, Some("suppressed")),
        }
    }
}

/// One line a case: the enum, its names and its oracle are made of the same list and cannot part ways.
macro_rules! cases {
    ($($(#[doc = $doc:literal])+ $case:ident = $name:literal, $single:ident, $unusual:literal, $why:literal;)+) => {
        /// What is unusual about a member.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum EdgeCase {
            $($(#[doc = $doc])+ $case,)+
        }

        impl EdgeCase {
            /// One of each, in the order of a set's members; longer sets start again.
            pub const ALL: [Self; [$(Self::$case),+].len()] = [$(Self::$case),+];

            /// The name in kebab-case, as sets and commands use it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$case => $name,)+ }
            }

            /// What a single `$member-match` must answer.
            pub const fn single(self) -> Single {
                match self { $(Self::$case => Single::$single,)+ }
            }

            /// What is unusual, for people.
            pub const fn unusual(self) -> &'static str {
                match self { $(Self::$case => $unusual,)+ }
            }

            /// Why the answer must be what it must be, for people.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$case => $why,)+ }
            }
        }
    };
}

cases! {
    /// Nothing.
    Plain = "plain", Found, "nothing; one record carries a sensitivity label",
        "one person, a regular consent; the labelled record stays away";
    /// The requester knows the name before the change, the responder both.
    NameChange = "name-change", Found, "the requester knows the name before the change",
        "a name that the person had is as good as today's";
    /// Letters outside ASCII and a hyphen.
    NonAsciiName = "non-ascii-name", Found, "letters outside ASCII, and a hyphen",
        "names are compared as they are written, in any script";
    /// A child on a parent's card, who shares the subscriber's number.
    Dependent = "dependent", Found, "a child on a parent's card; the parent is held too",
        "birth date and name tell child and parent apart; the parent's records must not leak";
    /// The requester knows a newer address.
    AddressMismatch = "address-mismatch", Found, "the requester knows a newer address",
        "card, name and birth date agree; people move";
    /// Nothing is held but Patient, Coverage, Provenance and the payer itself.
    Empty = "empty", Found, "no claim and no clinical record is held",
        "a known person without records is a success, not a failure";
    /// About two hundred resources, or as many as are asked for.
    Large = "large", Found, "a long record", "every record must come back, over as many files as it takes";
    /// The consent covers sensitive records, and there is one.
    Sensitive = "sensitive", Found, "the consent covers records with a sensitivity label",
        "everything may be disclosed, so the labelled record comes too";
    /// The old card's subscriber number only.
    NoMemberNumber = "no-member-number", Found, "the old card's subscriber number only",
        "the subscriber number with name and birth date is one person";
    /// Nobody the responder knows.
    Unknown = "unknown", NotFound, "nobody the responder knows", "there is nobody to match";
    /// The responder holds the twin only: same surname, birth date, address and card.
    Twin = "twin", NotFound, "the responder holds the twin only: same surname, birth date, address, card",
        "another given name is another person; a match would disclose the twin's records";
    /// A known person whose consent has run out.
    ExpiredConsent = "expired-consent", Suppressed, "the consent ended in 2024",
        "the person is known, but nothing may be disclosed any more";
    /// The requester knows a short form of the given name.
    Nickname = "nickname", Found, "the requester knows a short form of the given name",
        "a usual short form with card, surname and birth date is one person; this is the sandbox's policy";
    /// Two letters of the family name are exchanged.
    Typo = "typo", NotFound, "two letters of the family name are exchanged in the request",
        "the sandbox's policy is strict: a misspelt surname goes back rather than to a guess";
    /// The responder holds the person twice and does not know it.
    DuplicateUnlinked = "duplicate-unlinked", Several, "the responder holds the person twice, without a link",
        "two candidates are nobody: a responder must not pick one";
    /// The responder holds the person twice; the older entry is marked as replaced.
    DuplicateLinked = "duplicate-linked", Found, "the responder holds the person twice; one entry replaces the other",
        "the surviving entry is the person; the replaced one is no candidate";
    /// Father and son of one name and card; the responder holds the father only.
    JuniorSenior = "junior-senior", NotFound, "Jr is asked for, the responder holds Sr: one name, address and card",
        "another birth date is another person; a match would disclose the father's records";
    /// Parent and child of one name, both held.
    SameNameParent = "same-name-parent", Found, "a child with the parent's very name, both held on one card",
        "the birth date tells them apart; the parent's records must not leak";
    /// A dependent who got a card of their own; the UMB stayed.
    DependentToPrimary = "dependent-to-primary", Found, "the request has the old card as a dependent; the person has a card of their own by now",
        "an earlier card is as good as today's, and the UMB is the same through the change";
    /// Two cards of the same payer.
    TwoCoverages = "two-coverages", Found, "two cards of the same payer at once",
        "either card is the person; both Coverages come back, each claim with its own";
    /// Died since; the consent was given by a representative.
    Deceased = "deceased", Found, "died in 2025; a representative gave the consent",
        "a valid consent of a representative is a consent";
    /// A minor; a parent gave the consent.
    MinorWithRepresentative = "minor-with-representative", Found, "a minor; a parent gave the consent as representative",
        "a valid consent of a representative is a consent";
    /// One legal name, written with FNU for the given name.
    SingleName = "single-name", Found, "one legal name only; FNU stands for the given name",
        "given names are required by profile, so records write first name unknown, on both sides";
    /// The consent begins in the future.
    FutureConsent = "future-consent", Suppressed, "the consent begins in 2034",
        "the person is known, but nothing may be disclosed yet";
    /// The consent names another recipient.
    WrongRecipient = "wrong-recipient", Suppressed, "the consent names another payer as recipient",
        "what another may receive, the requester may not";
    /// The consent names another discloser.
    WrongSource = "wrong-source", Suppressed, "the consent names another payer as discloser",
        "what another may disclose, this responder may not";
    /// The consent is not active.
    InactiveConsent = "inactive-consent", Suppressed, "the consent's status is inactive",
        "an inactive consent permits nothing";
    /// The member told the responder before the match that nothing may go out.
    RevokedBeforeMatch = "revoked-before-match", Suppressed, "the member told the responder to disclose nothing, before the match",
        "the holder's own register outweighs the consent that was sent";
    /// The member told the responder between match and export.
    RevokedAfterMatch = "revoked-after-match", Found, "the member told the responder to disclose nothing, between match and export",
        "consent is judged again at export: the member matches, and nothing of theirs comes";
    /// Both payers insure the member; the exchange is repeated each quarter.
    Concurrent = "concurrent", Found, "both payers insure the member at once",
        "concurrent coverage is exchanged like any other, again each quarter";
    /// Claims at the five-year line, older ones, and one that came late.
    OldClaims = "old-claims", Found, "claims of exactly five years ago, of longer ago, and one that came in after 1 October 2026",
        "five years are a floor, not a cap: the sandbox sends what it holds; the late one is all that a later _since brings";
    /// Prior authorizations in every state.
    PriorAuthorizations = "prior-authorizations", Found, "prior authorizations: active, pending, denied, ended 11 and 13 months ago, of a drug",
        "active, pending and those changed within a year come, with documents; denied, drug and older ones stay away";
}

impl EdgeCase {
    /// The case of the member with this number (counted from 0).
    pub fn of(index: usize) -> Self {
        Self::ALL[index % Self::ALL.len()]
    }

    /// The case of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// The bucket in which the member must land.
    pub const fn bucket(self) -> Bucket {
        match self.single() {
            Single::Found => Bucket::Match,
            Single::NotFound | Single::Several => Bucket::NoMatch,
            Single::Suppressed => Bucket::ConsentConstraint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_agree_with_serde() {
        for case in EdgeCase::ALL {
            assert_eq!(EdgeCase::named(case.name()), Some(case));
            assert_eq!(serde_json::to_value(case).unwrap(), case.name());
        }
    }

    #[test]
    fn the_first_twelve_keep_their_order() {
        let names = EdgeCase::ALL.map(EdgeCase::name);
        assert_eq!(names[0], "plain");
        assert_eq!(names[5..8], ["empty", "large", "sensitive"]);
        assert_eq!(names[9..12], ["unknown", "twin", "expired-consent"]);
    }
}
