//! Files of a job.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::download::{ready, send};
use super::headers::Caller;
use super::outcome::Refusal;
use super::scope::Grant;
use super::state::Partner;
use super::{file_origin, job, token};
use crate::persona::FilePlace;
use crate::store::JobKind;

/// `GET jobs/{job}/files/{name}`.
pub(crate) async fn file(
    State(partner): State<Arc<Partner>>,
    Path((id, name)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = match job::open_to_all(&partner, &id)? {
        Some(job) => job,
        None => job::owned(&partner, &id, &caller)?,
    };
    let file = ready(&partner, &job, &name)?;
    if caller.headers.contains_key("authorization") && job.kind == JobKind::Export {
        let kind = [file.kind.clone()];
        token::session(&partner, &caller)?.must(Grant::Data(Some(&kind)))?;
    }
    match partner.behaviour().files {
        FilePlace::Own => send(&partner, job, file, &caller),
        FilePlace::Redirected => file_origin::redirect(&partner, &job.id, &name),
    }
}
