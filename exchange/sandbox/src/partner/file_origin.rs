//! The file origin of a partner that redirects: signed URLs, which refuse a token.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::download;
use super::headers::Caller;
use super::limits::SIGNED_SECONDS;
use super::outcome::Refusal;
use super::state::Partner;

/// The query of a signed URL.
#[derive(Deserialize)]
pub(crate) struct SignatureQuery {
    until: i64,
    signature: String,
}

/// 307 to the signed address of a file.
pub(crate) fn redirect(partner: &Partner, job: &str, name: &str) -> Result<Response, Refusal> {
    let origin = partner.file_origin.as_ref();
    let origin = origin.ok_or_else(|| Refusal::internal("there is no file origin"))?;
    let until = partner.clock().now().timestamp() + SIGNED_SECONDS;
    let signature = partner.signatures.of(job, name, until);
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let location = format!("{origin}/signed/{job}/{name}?until={until}&signature={signature}");
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response())
}

/// `GET signed/{job}/{name}`: for every caller who has the URL, unless the request also carries a token.
pub(crate) async fn file(
    State(partner): State<Arc<Partner>>,
    Path((id, name)): Path<(String, String)>,
    Query(query): Query<SignatureQuery>,
    caller: Caller,
) -> Result<Response, Refusal> {
    if caller.headers.contains_key("authorization") {
        let text = "the address is signed; no Authorization may come with it";
        return Err(Refusal::bad_request("security", text));
    }
    let expected = partner.signatures.of(&id, &name, query.until);
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(
        expected.as_bytes(),
        query.signature.as_bytes(),
    );
    if same.is_err() || partner.clock().now().timestamp() > query.until {
        return Err(Refusal::forbidden("the signature is wrong or has run out"));
    }
    let job = partner.store.job(partner.payer.id, &id)?;
    let job = job.filter(|job| job.released_ms.is_none());
    let job = job.ok_or_else(|| Refusal::not_found("job"))?;
    let file = download::ready(&partner, &job, &name)?;
    download::send(&partner, job, file, &caller)
}
