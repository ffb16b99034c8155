//! The table of a partner's endpoints, each with its operation.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, post};

use super::middleware::at;
use super::outcome::Refusal;
use super::state::Partner;
use super::{
    body, bulk, discovery, export, file_origin, files, group, job, reads, search, single, token,
};
use crate::fault::Operation as Op;
use crate::persona::{DeleteStyle, StatusPlace};

type Endpoints = Router<Arc<Partner>>;

/// Every endpoint of one partner.
pub(crate) fn router(partner: &Arc<Partner>) -> Router {
    let on = |operation, methods: MethodRouter<Arc<Partner>>| at(partner, operation, methods);
    let fhir = Router::new()
        .route(
            "/.well-known/smart-configuration",
            on(Op::Discovery, get(discovery::smart)),
        )
        .route("/metadata", on(Op::Metadata, get(discovery::metadata)))
        .merge(groups(partner))
        .merge(people(partner))
        .merge(jobs(partner));
    let own = Router::new()
        .route("/oauth/token", on(Op::Token, post(token::issue)))
        .route("/oauth/jwks", on(Op::Jwks, get(discovery::jwks)))
        .nest("/fhir", fhir);
    whole(partner, own)
}

/// The other origin of a partner that redirects.
pub(crate) fn file_origin(partner: &Arc<Partner>) -> Router {
    let files = at(partner, Op::SignedFile, get(file_origin::file));
    whole(partner, Router::new().route("/signed/{job}/{name}", files))
}

fn whole(partner: &Arc<Partner>, own: Endpoints) -> Router {
    Router::new()
        .nest(&format!("/{}", partner.payer.id), own)
        .fallback(|| async { Refusal::not_found("address") })
        .method_not_allowed_fallback(|| async { Refusal::method() })
        .layer(axum::middleware::from_fn(body::whole))
        .with_state(Arc::clone(partner))
}

/// A route with `$` as written and as `%24`, since clients differ.
fn dollar(
    router: Endpoints,
    path: &str,
    methods: impl Fn() -> MethodRouter<Arc<Partner>>,
) -> Endpoints {
    router
        .route(path, methods())
        .route(&path.replace('$', "%24"), methods())
}

fn groups(partner: &Arc<Partner>) -> Endpoints {
    let on = |operation, methods: MethodRouter<Arc<Partner>>| at(partner, operation, methods);
    let routes = Router::new()
        .route("/Group", on(Op::GroupSearch, get(search::groups)))
        .route("/Group/{group}", on(Op::GroupRead, get(group::read)));
    let routes = dollar(routes, "/Group/$bulk-member-match", || {
        on(Op::BulkMatch, post(bulk::bulk_member_match))
    });
    let routes = dollar(routes, "/Group/{group}/$davinci-data-export", || {
        on(Op::DataExport, post(export::data_export))
    });
    dollar(routes, "/Group/{group}/$export", || {
        let both = get(export::group_export).post(export::group_export);
        on(Op::GroupExport, both)
    })
}

fn people(partner: &Arc<Partner>) -> Endpoints {
    let on = |operation, methods: MethodRouter<Arc<Partner>>| at(partner, operation, methods);
    let routes = Router::new()
        .route("/{type}", on(Op::Search, get(reads::search)))
        .route("/Patient", on(Op::PatientRead, get(reads::patients)))
        .route("/Patient/{id}", on(Op::PatientRead, get(reads::patient)));
    let routes = dollar(routes, "/Patient/$member-match", || {
        on(Op::SingleMatch, post(single::member_match))
    });
    dollar(routes, "/Patient/{id}/$everything", || {
        on(Op::Everything, get(reads::everything))
    })
}

fn jobs(partner: &Arc<Partner>) -> Endpoints {
    let on = |operation, methods: MethodRouter<Arc<Partner>>| at(partner, operation, methods);
    let by_path = || on(Op::Status, get(job::status)).merge(on(Op::Release, delete(job::release)));
    let routes = Router::new().route("/jobs/{job}/files/{name}", on(Op::File, get(files::file)));
    let behaviour = partner.behaviour();
    let routes = match behaviour.status {
        StatusPlace::Path => routes.route("/jobs/{job}", by_path()),
        StatusPlace::Query => dollar(routes, "/$export-poll-status", || {
            on(Op::Status, get(job::status_by_query))
                .merge(on(Op::Release, delete(job::release_by_query)))
        }),
        StatusPlace::Operation => dollar(routes, "/Group/$bulk-member-match-status/{job}", by_path),
    };
    match behaviour.delete {
        DeleteStyle::Elsewhere => dollar(routes, "/Group/$bulk-member-match-cancel/{job}", || {
            on(Op::Release, post(job::cancel).delete(job::cancel))
        }),
        DeleteStyle::Releases | DeleteStyle::RunningOnly => routes,
    }
}
