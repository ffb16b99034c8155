//! A manifest that comes in pages: each is fetched before anything of it is believed.

use super::fetch::get;
use super::work::{Work, in_memory};
use crate::adapter::{
    Call, CallFailure, CallResult, Class, InvalidDocument, Manifest, Method, PartnerResponse,
    document,
};
use crate::limits::PAGES_MAX;

/// What became of reading a manifest with all its pages.
pub(super) enum Pages {
    /// The manifest, and the body of each page after the first.
    Whole(Manifest, Vec<Vec<u8>>),
    /// It is none, or it leads nowhere.
    Invalid(InvalidDocument),
    /// A page did not come; it may come later.
    Again(CallResult, Class),
}

/// Reads the manifest of `answer`, which came from `at`, and every page that it leads to.
pub(super) async fn all(
    work: &mut Work<'_>,
    answer: &PartnerResponse,
    at: &str,
    scope: &'static str,
) -> Pages {
    let dialect = work.client.partner.dialect;
    let first = document(&answer.body).unwrap_or_default();
    let mut manifest = match Manifest::read(&first, &dialect, at) {
        Ok(manifest) => manifest,
        Err(invalid) => return Pages::Invalid(invalid),
    };
    let mut asked = vec![at.to_owned()];
    let mut bodies = Vec::new();
    while let Some(next) = manifest.next.take() {
        if asked.contains(&next) {
            return Pages::Invalid(InvalidDocument(
                "the pages of the manifest lead back to one of them",
            ));
        }
        if asked.len() >= PAGES_MAX {
            return Pages::Invalid(InvalidDocument("the manifest has too many pages"));
        }
        let call = Call::to(Method::Get, next.clone());
        let (seen, class) = get(work, "manifest-page", Some(scope), call, in_memory).await;
        let page = match (&seen, class) {
            (CallResult::Response(page), Class::Good) if page.status == 200 => page,
            (CallResult::Failed(CallFailure::Coding(_)), class) => {
                return Pages::Again(seen, class);
            }
            (_, Class::Good | Class::Business | Class::Gone) => {
                return Pages::Invalid(InvalidDocument("a page of the manifest cannot be fetched"));
            }
            (_, class) => return Pages::Again(seen, class),
        };
        let body = document(&page.body).unwrap_or_default();
        let read = Manifest::read(&body, &dialect, &next);
        if let Err(invalid) = read.and_then(|page| manifest.add_page(page)) {
            return Pages::Invalid(invalid);
        }
        bodies.push(page.body.to_vec());
        asked.push(next);
    }
    Pages::Whole(manifest, bodies)
}
