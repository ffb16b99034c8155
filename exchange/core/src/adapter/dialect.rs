//! What an adapter knows about a kind of partner, as values. What comes is read by what it is; what is not as it is
//! here is drift.

/// How the result of a bulk match comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Group NDJSON, named by a manifest (PDex 2.2).
    Groups,
    /// A Parameters resource, in a file that a manifest names (PDex 2.1).
    Parameters,
    /// Both, of which the Groups are read.
    Both,
    /// A Parameters resource in the answer itself.
    Inline,
}

impl Shape {
    /// The word in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Parameters => "parameters",
            Self::Both => "both",
            Self::Inline => "inline",
        }
    }
}

/// How a job is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// `DELETE` of the status address.
    Delete,
    /// A release address of its own, next to the status address.
    CancelAddress,
}

/// One kind of partner in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name, as partner directories use it.
    pub name: &'static str,
    /// The edition of PDex.
    pub version: &'static str,
    /// How the match result comes.
    pub shape: Shape,
    /// How jobs are released.
    pub release: Release,
    /// Whether a repeated kick-off with the same key is the same job.
    pub honours_keys: bool,
    /// Whether a manifest always has `error`.
    pub says_errors: bool,
}

const BY_THE_BOOK: Dialect = Dialect {
    name: "strict22",
    version: "2.2.0",
    shape: Shape::Groups,
    release: Release::Delete,
    honours_keys: true,
    says_errors: true,
};

const fn like_the_book(name: &'static str) -> Dialect {
    Dialect {
        name,
        ..BY_THE_BOOK
    }
}

impl Dialect {
    /// All that are known.
    pub const ALL: [Self; 9] = [
        BY_THE_BOOK,
        Self {
            name: "legacy21",
            version: "2.1.0",
            shape: Shape::Parameters,
            ..BY_THE_BOOK
        },
        Self {
            name: "dual",
            shape: Shape::Both,
            ..BY_THE_BOOK
        },
        Self {
            name: "direct",
            version: "2.1.0",
            shape: Shape::Inline,
            honours_keys: false,
            says_errors: false,
            ..BY_THE_BOOK
        },
        Self {
            name: "payerbox",
            shape: Shape::Parameters,
            release: Release::CancelAddress,
            ..BY_THE_BOOK
        },
        like_the_book("hapi"),
        like_the_book("onejob"),
        like_the_book("redirecting"),
        like_the_book("absurd"),
    ];

    /// The dialect of that name; the standard one when the name is unknown.
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|one| one.name == name);
        known.unwrap_or(BY_THE_BOOK)
    }

    /// The scope of the match.
    pub fn match_scope(&self) -> &'static str {
        if self.version.starts_with("2.1") {
            "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/bulk-member-match"
        } else {
            "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch"
        }
    }

    /// The scope of export and files.
    pub const fn data_scope(&self) -> &'static str {
        "system/*.rs"
    }

    /// The method and the address by which a job is released.
    pub fn release_of(&self, status_url: &str) -> (super::Method, String) {
        match self.release {
            Release::Delete => (super::Method::Delete, status_url.to_owned()),
            Release::CancelAddress => (
                super::Method::Post,
                status_url.replace("$bulk-member-match-status", "$bulk-member-match-cancel"),
            ),
        }
    }
}
