//! What is kept of an exchange and of each member in it.

use exchange_kit::pdex::Bucket;
use serde::{Deserialize, Serialize};

use super::{Metadata, State};

/// What the orchestrator does next. A step can be done again: it finds out what was done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Send the match request, or find out what became of it.
    KickOff,
    /// Look at the match and read its result.
    Match,
    /// Send the export request.
    Export,
    /// Look at the export and read its manifest.
    Manifest,
    /// Fetch the files.
    Fetch,
    /// Check the records that came and decide the outcome of each member.
    #[serde(rename = "settle")]
    Outcome,
    /// Release the jobs at the partner.
    Release,
    /// Nothing.
    Done,
}

impl Step {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KickOff => "kick-off",
            Self::Match => "match",
            Self::Export => "export",
            Self::Manifest => "manifest",
            Self::Fetch => "fetch",
            Self::Outcome => "settle",
            Self::Release => "release",
            Self::Done => "done",
        }
    }
}

/// An address at a partner, as it is kept: without the partner's origin where that is its own, so that a
/// partner may move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredUrl(String);

impl StoredUrl {
    /// Of an absolute URL, as seen from the partner at `origin`.
    pub fn of(url: &str, origin: &str) -> Self {
        // `https://payer.example:8443/f` and `https://payer.example.net/f` begin with another server's origin.
        let own = url
            .strip_prefix(origin)
            .filter(|rest| rest.starts_with('/'));
        Self(own.unwrap_or(url).to_owned())
    }

    /// The absolute URL.
    pub fn url(&self, origin: &str) -> String {
        if self.0.starts_with('/') {
            format!("{origin}{}", self.0)
        } else {
            self.0.clone()
        }
    }

    /// From the text that was kept.
    pub fn from_kept(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text that is kept.
    pub fn kept(&self) -> String {
        self.0.clone()
    }

    /// Whether it lies at the partner's own origin, where tokens may go.
    pub fn is_own(&self) -> bool {
        self.0.starts_with('/')
    }
}

/// A job that we have at a partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its status address.
    pub at: StoredUrl,
    /// Whether it is an export.
    pub is_export: bool,
    /// Whether it needs no release any more.
    pub is_over: bool,
    /// How often its release was tried.
    pub tries: u32,
}

macro_rules! reasons {
    ($($reason:ident = $name:literal;)+) => {
        /// Why something ended as it did: a closed list, for labels, queues and people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $name] #[serde(rename = $name)] $reason,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: [Self; [$(Self::$reason),+].len()] = [$(Self::$reason),+];

            /// The word on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$reason => $name,)+ }
            }
        }
    };
}

reasons! {
    Ok = "ok";
    NoMatch = "no_match";
    ConsentConstrained = "consent_constrained";
    NotInFoundGroup = "not_in_found_group";
    AbsentAtExport = "absent_at_export";
    MissingRecords = "missing_records";
    MissingFiles = "missing_files";
    Quarantined = "quarantined";
    Expired = "expired";
    Cancelled = "cancelled";
    Refused = "refused";
    ContentCoding = "content_coding";
    TooLarge = "answer_too_large";
    InvalidAddress = "invalid_address";
    RetriesExhausted = "retries_exhausted";
    WindowPassed = "retry_window_passed";
    NotUnderstood = "not_understood";
    InvalidManifest = "invalid_manifest";
    NotAccountedFor = "not_accounted_for";
    NobodyMatched = "nobody_matched";
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The member was matched, and nothing of theirs came.
    NothingCame,
    /// The record's Provenance names it, and it did not come.
    NamedByProvenance,
    /// The manifest says so in its errors.
    ManifestError,
    /// The file could not be fetched, or not to its end.
    FileLost,
    /// The manifest counts more lines than the file has.
    FewerLinesThanCounted,
    /// A line of a file cannot be read.
    Unreadable,
    /// Records of the member came, and not the Patient.
    NoPatient,
    /// Records came, and no Provenance of any of them.
    NoProvenance,
}

/// Something that should have come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// The member, by its key; none when it concerns no single member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<String>,
    /// Of this type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// The record, where its name is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<String>,
    /// How that is known.
    pub why: Why,
}

/// One member, or rather one card of one member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Place among the exchange's bundles.
    pub n: u32,
    /// The requester's id.
    pub id: String,
    /// The keyed hash by which trail, events and reviews name the member.
    #[serde(default)]
    pub key: String,
    /// Where the member stands.
    pub state: State,
    /// Why, once it is over.
    pub reason: Option<Reason>,
    /// Where the partner put the member.
    pub bucket: Option<Bucket>,
    /// The partner's Patient id.
    pub patient: Option<String>,
    /// By what the answer was tied to the member: `id`, or the identity rules with their bits.
    pub tied_by: Option<String>,
    /// Records that came, by type.
    pub records: std::collections::BTreeMap<String, u64>,
}

/// One exchange: a batch of members to one partner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that must survive a crash; together they are no state"
)]
pub struct Exchange {
    /// Its id.
    pub id: String,
    /// The client that asked.
    pub client: String,
    /// The client's tenant; empty in a record that an edition without tenants wrote, until the next start.
    #[serde(default)]
    pub tenant: String,
    /// The client's key.
    pub key: String,
    /// What the request said.
    pub metadata: Metadata,
    /// Which exchange this one is another attempt of.
    pub redrive_of: Option<String>,
    /// Counts writes, so that two writers cannot undo each other.
    pub version: u64,
    /// Where it stands.
    pub state: State,
    /// Why, once it is over.
    pub reason: Option<Reason>,
    /// What is done next.
    pub step: Step,
    /// When; never when left out.
    pub due_ms: Option<i64>,
    /// Whether a request was sent of which we do not know whether it arrived.
    pub is_unanswered: bool,
    /// Whether a look at a job was already answered with 202.
    pub is_running: bool,
    /// Since when this step goes on.
    pub step_since_ms: i64,
    /// Whether the export request was sent before.
    pub is_export_sent: bool,
    /// Whether a follow-up comes after the release.
    pub has_follow_up: bool,
    /// Whether the result was found by search, so that who is not in it is unknown.
    pub is_adopted: bool,
    /// Retries of this step.
    pub tries: u32,
    /// Retries of all steps.
    pub retries: u32,
    /// Steps that ended well after a retry.
    pub retried_well: u32,
    /// When it was opened, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it expires.
    pub deadline_ms: i64,
    /// When the match request was first sent.
    pub submitted_ms: Option<i64>,
    /// When it was accepted.
    pub accepted_ms: Option<i64>,
    /// When the match result was read.
    pub matched_ms: Option<i64>,
    /// When the export was accepted.
    pub exporting_ms: Option<i64>,
    /// When the last file was kept.
    pub fetched_ms: Option<i64>,
    /// When the outcome was decided.
    #[serde(rename = "settled_ms")]
    pub outcome_ms: Option<i64>,
    /// The match job or the export job that is looked at.
    pub job: Option<StoredUrl>,
    /// Every job that we have had.
    pub jobs: Vec<Job>,
    /// The Group of matched members.
    pub group: Option<String>,
    /// Follow-ups asked so far.
    pub follow_ups: u32,
    /// Whether the export that goes on is a follow-up.
    pub is_follow_up: bool,
    /// What the export that goes on is asked for: Patients, then types.
    pub asked: (Vec<String>, Vec<String>),
    /// What is missing.
    pub missing: Vec<Missing>,
    /// How many things are missing, also those that are not listed.
    pub missing_count: u64,
    /// Came ÷ (came + missing), in thousandths.
    pub score_milli: Option<u32>,
    /// Files with a lower number were checked for records of unmatched patients. Files that came later, before the
    /// exchange ended otherwise, are not served.
    #[serde(default, rename = "looked_through")]
    pub checked_files: u32,
    /// Files with a line that cannot be read, of all exports so far.
    #[serde(default)]
    pub unreadable_files: u64,
    /// Files with fewer lines than their manifest counts, of all exports so far.
    #[serde(default)]
    pub short_files: u64,
    /// How often the partner was not what its adapter knows it to be.
    #[serde(default)]
    pub drifts: u64,
    /// The last part of the callback address.
    pub callback: String,
}

impl Exchange {
    /// The key that goes with every request at the partner. A follow-up is another question and says so.
    pub fn hop_key(&self) -> String {
        let own = format!("{}.{}", self.client, self.key);
        if self.is_follow_up {
            format!("{own}.f{}", self.follow_ups)
        } else {
            own
        }
    }

    /// Goes on with another step, at once.
    pub fn go_on(&mut self, step: Step, now_ms: i64) {
        if self.tries > 0 {
            self.retried_well += 1;
        }
        self.step = step;
        self.step_since_ms = now_ms;
        self.due_ms = Some(now_ms);
        self.tries = 0;
        self.is_unanswered = false;
        self.is_running = false;
    }

    /// Asks for what is missing, at once: another export, under a key of its own.
    pub fn follow_up(&mut self, now_ms: i64) {
        self.has_follow_up = false;
        self.is_follow_up = true;
        self.is_export_sent = false;
        self.follow_ups += 1;
        self.job = None;
        self.go_on(Step::Export, now_ms);
    }

    /// Whether a follow-up comes or goes on: what the verdict says may still get better.
    pub fn is_following_up(&self) -> bool {
        let goes_on = match self.step {
            Step::Export | Step::Manifest | Step::Fetch | Step::Outcome => true,
            Step::KickOff | Step::Match | Step::Release | Step::Done => false,
        };
        self.has_follow_up || (self.is_follow_up && goes_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        let origin = "https://payer.example";
        for (url, is_own) in [
            ("https://payer.example/f/1", true),
            ("https://payer.example:8443/f/1", false),
            ("https://payer.example.net/f/1", false),
            ("https://payer.example@other.example/f", false),
        ] {
            let place = StoredUrl::of(url, origin);
            assert_eq!((place.is_own(), place.url(origin).as_str()), (is_own, url));
        }
    }
}
