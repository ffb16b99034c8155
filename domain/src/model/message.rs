//! What the requests of a step send, and what is expected and captured of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::StepId;
use super::closed::closed;
use super::raw_json::RawJson;

/// Header fields of a step, by lower-case name.
pub type Headers = BTreeMap<String, Template>;

/// When a token step does not take a token that is kept from an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Any token is good until four fifths of its life are over.
    Never,
    /// Each run asks for a new one.
    Always,
    /// The first run that comes so long after the last request asks for a new one.
    Every(Duration),
}

/// What a request or a kick-off sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// One that is made for the run's member.
    Named(NamedBody),
    /// A JSON document with templates for its texts.
    Json(JsonTemplate),
    /// `application/x-www-form-urlencoded`, in this order.
    Form(Vec<(String, Template)>),
}

impl Body {
    /// Every template in it.
    pub(super) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Named(_) => Vec::new(),
            Self::Json(template) => template.templates(),
            Self::Form(fields) => fields.iter().map(|(_, template)| template).collect(),
        }
    }
}

/// A JSON document whose texts are templates.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// As it stands: a number, a truth value, null.
    Fixed(RawJson),
    /// A text, or the value itself with its own type where a template is nothing else.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(BTreeMap<String, JsonTemplate>),
}

impl JsonTemplate {
    pub(super) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(entries) => entries.values().flat_map(Self::templates).collect(),
        }
    }
}

/// A value inside a document, and what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Is {
    /// Where (RFC 9535).
    pub path: serde_json_path::JsonPath,
    /// It is one of these, of the same kind.
    pub one_of: Vec<RawJson>,
}

closed!(
    /// Bodies that are made for the run's member.
    NamedBody {
        /// PDex bulk match request for the run's member.
        MemberMatchParameters = "member-match-parameters",
        /// PDex payer-to-payer export request.
        DataExportParameters = "data-export-parameters",
        /// What an exchange core is asked: the run's member, from the partner that holds its set.
        ExchangeRequest = "exchange-request",
        /// The same for every member of the set at once.
        ExchangeBatch = "exchange-batch",
    }
);

impl NamedBody {
    /// Whether an exchange core is asked, which asks the partner that holds the members.
    pub fn is_for_a_core(self) -> bool {
        matches!(self, Self::ExchangeRequest | Self::ExchangeBatch)
    }
}

/// What a token step offers later ones: the signed assertion that it sent, where it signed one.
pub const ASSERTION: &str = "assertion";

closed!(
    /// What the files of a manifest are.
    Read {
        /// Groups of a match result.
        MatchResult = "match-result",
        /// Records of the member that the run carries.
        MemberData = "member-data",
        /// Records of several members.
        GroupData = "group-data",
    }
);

/// What an answer must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// One of these content types; empty for any.
    pub media: Vec<String>,
    /// Values inside the document.
    pub json: Vec<JsonRule>,
    /// The shape of the document.
    pub schema: Option<Schema>,
}

/// The shape of a document (JSON Schema, draft 2020-12 unless it says otherwise).
#[derive(Clone, Debug)]
pub struct Schema {
    source: serde_json::Value,
    validator: Arc<jsonschema::Validator>,
}

impl Schema {
    /// Reads a schema. What it refers to must lie in itself: nothing is fetched. A pattern takes time in proportion
    /// to the text, whatever that is.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn new(source: serde_json::Value) -> Result<Self, String> {
        let validator = jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .should_validate_formats(true)
            .build(&source)
            .map_err(|why| {
                // Of what could not be fetched: that nothing is, whatever the library could be built to do.
                let why = why.to_string();
                let cut = why.find(" and retrieving").unwrap_or(why.len());
                why[..cut].to_owned()
            })?;
        Ok(Self {
            source,
            validator: Arc::new(validator),
        })
    }

    /// Places in the schema, at most so many, that a document does not agree with. Nothing of the document is in
    /// them.
    pub fn broken_by(&self, document: &serde_json::Value, most: usize) -> Vec<String> {
        let errors = self.validator.iter_errors(document).take(most);
        errors.map(|one| one.schema_path().to_string()).collect()
    }
}

/// Schemas are the same when their texts say the same.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A value that a document must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonRule {
    /// Where (RFC 9535).
    pub path: serde_json_path::JsonPath,
    /// What must be there.
    pub equals: RawJson,
    /// What must be there, where captured values make it; it is filled in before an answer is judged.
    pub template: Option<Template>,
}

/// Something kept of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Its name after the step's id.
    pub name: String,
    /// Where it is.
    pub query: Query,
    /// What it must be. Nothing is turned into it.
    pub kind: CaptureKind,
    /// Whether the answer may lack it.
    pub optional: bool,
}

closed!(
    /// What a captured value is.
    CaptureKind {
        /// A string.
        String = "string",
        /// A JSON number, as far as 64 bits hold it; an id with more digits is a string.
        Number = "number",
        /// True or false.
        Bool = "bool",
        /// A string that is never shown, and never stands in a URL.
        Secret = "secret",
        /// Every value found, in order: a header's fields, the nodes of a path, or one JSON array.
        List = "list",
        /// One JSON value of any kind, or the whole document.
        Document = "document",
    }
);

/// Where a captured value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Inside the document (RFC 9535).
    Json(serde_json_path::JsonPath),
    /// A header field, by lower-case name. Repeated fields stay apart.
    Header(String),
}

/// A text with values to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// A value, escaped for where it goes.
    Value(Root),
}

/// What a template may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// `partner.base_url`.
    BaseUrl,
    /// `run.id`.
    RunId,
    /// `run.started_at`: RFC 3339, UTC, whole seconds.
    StartedAt,
    /// `member.id`.
    MemberId,
    /// `<step>.<name>`.
    Captured(StepId, String),
}
