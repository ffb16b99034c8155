//! How to speak to a partner of some kind and version, and how to read what it answers. Nothing is remembered here
//! but tokens and connections' trust.

mod bundle;
mod call;
mod class;
mod client;
mod coding;
mod dialect;
mod directory;
mod link;
mod manifest;
mod reading;
mod references;
mod result;
mod text;
mod token;
mod urls;
mod wire;

pub use bundle::{export_body, match_body};
pub use call::{Call, CallFailure, CallResult, Method, PartnerResponse, Sink};
pub use class::{Class, class, issue_code};
pub use client::Client;
pub use dialect::{Dialect, Release, Shape};
pub use directory::{Directory, DirectoryError, Partner};
pub use link::{LinkedMember, link};
pub use manifest::{Manifest, ManifestFile};
pub use reading::{Expected, ExportContent, Reading, has_errors};
pub use references::{Reference, is_id, is_type};
pub use result::{InvalidDocument, MatchResult, ResultMember};
pub use text::{document, documents};
pub use urls::resolve;
pub use wire::Wire;
