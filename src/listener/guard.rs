//! The check that every request passes before it reaches a route.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    KnownBy, METRICS_PATH, MetricsAccess, OPEN_PATHS, Plan, RequestsPerMinute, Role, Settings,
    Viewer,
};
use outrider_domain::secret::{Secret, is_same_hash, token_hash};
use outrider_domain::view::problem_json;
use tokio::time::timeout;

use super::ends::Ends;
use super::headers;
use super::host::{Stray, stray};
use super::rate::Rate;
use super::seats::Seat;

/// Bytes of a request's body; the largest is a notification of Alertmanager's.
const BODY_BYTES_MAX: usize = 64 << 10;
/// From a request's header fields to the end of its body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Who is let in, by the plan that is in use.
#[derive(Clone)]
pub struct Door {
    plan: Arc<dyn Fn() -> Arc<Plan> + Send + Sync>,
    local: [u8; 32],
    rate: Rate,
    on_limited: Arc<dyn Fn() + Send + Sync>,
}

impl Door {
    /// Lets in the tokens of the present plan, and the local token. `on_limited` is called for each request that is over
    /// its token's rate.
    pub fn new(
        plan: impl Fn() -> Arc<Plan> + Send + Sync + 'static,
        local: &Secret,
        clock: Clock,
        on_limited: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            plan: Arc::new(plan),
            local: token_hash(local.reveal()),
            rate: Rate::new(clock),
            on_limited: Arc::new(on_limited),
        }
    }

    /// Who sends a request, where the rate of their token allows one more. What everybody may read costs next to
    /// nothing, and probes of a platform must not be refused.
    fn admit(&self, settings: &Settings, request: &Request) -> Result<Viewer, Refused> {
        let viewer = admit(settings, &self.local, request)?;
        let path = request.uri().path();
        if OPEN_PATHS.contains(&path) {
            return Ok(viewer);
        }
        let limit = settings.access.requests_per_minute;
        let taken = self.rate.take(limit, &viewer.known_by, path);
        taken.map(|()| viewer).map_err(|seconds| {
            (self.on_limited)();
            Refused::OverRate(seconds)
        })
    }

    /// Whether a proxy stands in front, so that all clients have its address.
    pub(super) fn is_behind_proxy(&self) -> bool {
        (self.plan)().settings.access.behind_proxy
    }

    /// Routes behind this door.
    pub(super) fn before(&self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self.clone(), guard))
    }
}

async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let plan = (door.plan)();
    let mut answer = match door.admit(&plan.settings, &request) {
        Ok(viewer) => answer(viewer, request, next).await,
        Err(refused) => refused.into_response(),
    };
    let speaks_tls = plan.settings.access.tls.is_some();
    headers::add(answer.headers_mut(), speaks_tls);
    answer
}

async fn answer(viewer: Viewer, request: Request, next: Next) -> Response {
    let seat = request.extensions().get::<Arc<Seat>>().cloned();
    let mut request = match with_whole_body(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    request.extensions_mut().insert(viewer);
    // A connection without a whole request can be dismissed; from here on it is answered.
    let _busy = seat.map(|seat| seat.busy());
    next.run(request).await
}

/// The same request, with its body read. A request that asks for something has none.
async fn with_whole_body(request: Request) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    match timeout(BODY_LIMIT, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => Err(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body broke off, or is larger than 64 KiB",
            "send a smaller one",
        )),
        Err(_elapsed) => Err(problem(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive within 10 seconds",
            "send it at once",
        )),
    }
}

/// Why a request does not reach a route.
#[derive(Clone, Copy, Debug)]
enum Refused {
    /// It came by no connection of this listener.
    NoConnection,
    /// From where it goes or comes.
    Stray(Stray),
    /// It takes a token.
    NoToken,
    /// It carries one that nobody has.
    UnknownToken,
    /// Its token sent too many, and may send the next one after so many seconds.
    OverRate(u64),
}

impl Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NoConnection => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Self::Stray(Stray::Host) => problem(
                StatusCode::MISDIRECTED_REQUEST,
                "the Host is not this listener's",
                "use its address, or add the name to `hosts` under [access] in outrider.toml",
            ),
            Self::Stray(Stray::Origin) => problem(
                StatusCode::FORBIDDEN,
                "a page of another site sends this: its Origin or Sec-Fetch-Site says so",
                "send it from this listener's own pages, or from a program",
            ),
            Self::NoToken => no_token("this takes a token"),
            Self::UnknownToken => no_token("that token is not known here"),
            Self::OverRate(seconds) => {
                let error = format!(
                    "this token sends more than `{}` under [access] allows",
                    RequestsPerMinute::KEY
                );
                let help = "send fewer, or wait as Retry-After says; outrider.toml sets the limit";
                let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, &error, help);
                let seconds = header::HeaderValue::from(seconds);
                answer.headers_mut().insert(header::RETRY_AFTER, seconds);
                answer
            }
        }
    }
}

/// Who sends a request, or why it is refused.
fn admit(settings: &Settings, local: &[u8; 32], request: &Request) -> Result<Viewer, Refused> {
    let ends = request.extensions().get::<Ends>().copied();
    let ends = ends.ok_or(Refused::NoConnection)?;
    if let Some(stray) = stray(settings, ends.own, request) {
        return Err(Refused::Stray(stray));
    }
    let viewer = |known_by, role| Viewer {
        known_by,
        role,
        address: Some(ends.client),
    };
    let path = request.uri().path();
    let is_open = OPEN_PATHS.contains(&path)
        || (settings.access.metrics == MetricsAccess::Open && path == METRICS_PATH);
    match token(request.headers()) {
        _ if is_open => Ok(viewer(KnownBy::Anonymous, Role::Viewer)),
        None if settings.is_readable_without_token() => {
            Ok(viewer(KnownBy::Anonymous, Role::Viewer))
        }
        None => Err(Refused::NoToken),
        Some(token) => {
            let (known_by, role) = known(settings, local, token).ok_or(Refused::UnknownToken)?;
            Ok(viewer(known_by, role))
        }
    }
}

/// The token that a request carries; empty for something else than a bearer token. None without any.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next()?, values.next());
    let parts = first.to_str().ok().and_then(|text| text.split_once(' '));
    let token = parts
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && second.is_none())
        .map(|(_, token)| token.trim());
    Some(token.unwrap_or_default())
}

/// Whose token it is. Each is compared in full.
fn known(settings: &Settings, local: &[u8; 32], token: &str) -> Option<(KnownBy, Role)> {
    let hash = token_hash(token);
    let mut found = is_same_hash(&hash, local).then_some((KnownBy::LocalToken, Role::Operator));
    for one in &settings.access.tokens {
        if is_same_hash(&hash, &one.hash.0) {
            found = Some((KnownBy::Token(one.name.clone()), one.role.clone()));
        }
    }
    found
}

fn no_token(error: &str) -> Response {
    let help = "send `authorization: Bearer …`: on the agent's machine with the token in the file that ends in .token \
                next to the ledger, elsewhere with one that `outrider token new` made";
    let mut answer = problem(StatusCode::UNAUTHORIZED, error, help);
    let scheme = header::HeaderValue::from_static("Bearer realm=\"outrider\"");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, scheme);
    answer
}

fn problem(status: StatusCode, error: &str, help: &str) -> Response {
    (status, Json(problem_json(error, help))).into_response()
}
