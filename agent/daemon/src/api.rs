//! The HTTP API, one file per resource. Everything but [`session`]'s open routes, icons and the document of the API itself
//! stands behind [`guard::require_session`].

/// Installed apps.
mod apps;
/// What the API looks like to programs.
mod document;
/// Server-sent events.
mod events;
/// Reading requests.
mod extract;
/// Generations, export, plan and apply.
mod generations;
/// Nobody passes without a session.
mod guard;
/// Apps of another box.
mod import;
/// Ways from lists to what they list.
mod links;
/// What apps write.
mod logs;
/// The operating system.
mod os;
/// Errors as RFC 9457 problems.
mod problem;
/// Accounts and sessions.
mod session;
/// What the stores offer.
mod store;
/// The box.
mod system;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hearth_gateway::ConnectionLimit;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Auth;
use crate::hearth::Hearth;
use problem::ApiError;

pub use document::openapi;

/// Where the API stands.
pub const PREFIX: &str = "/api/v1";
/// Largest request body in bytes. A document of desired state with a hundred apps takes a tenth of it.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Listeners to events and logs at once; each holds a connection open.
const MAX_STREAMS: usize = 64;
/// Those of one address, and those at the box's own socket.
const MAX_STREAMS_PER_ADDRESS: usize = 16;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    hearth: Hearth,
    auth: Auth,
    /// Streams end when it is cancelled, so that the service can.
    shutdown: CancellationToken,
    streams: ConnectionLimit,
}

impl ApiState {
    /// Returns what the handlers share.
    pub fn new(hearth: Hearth, auth: Auth, shutdown: CancellationToken) -> Self {
        Self { hearth, auth, shutdown, streams: ConnectionLimit::new(MAX_STREAMS, MAX_STREAMS_PER_ADDRESS) }
    }
}

impl ApiState {
    /// Waits for something that may take its turn for minutes, and no longer than the service runs.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        self.shutdown.run_until_cancelled(work).await.ok_or_else(ApiError::stopping)
    }
}

/// Returns the whole API. Every request must carry a [`crate::auth::Peer`] among its extensions.
pub fn router(state: ApiState) -> Router {
    let guarded = guarded_routes().route_layer(from_fn_with_state(state.clone(), guard::require_session));
    let (routes, document) = open_routes().merge(guarded).split_for_parts();
    let routes = routes
        .route("/openapi.json", document::route(document::finish(document)))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unknown_route)
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http())
                .layer(CompressionLayer::new())
                // What the owner sees is nobody else's, and stale the moment it is there.
                .layer(SetResponseHeaderLayer::if_not_present(
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("no-store"),
                ))
                .layer(SetResponseHeaderLayer::overriding(
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(CatchPanicLayer::custom(problem::from_panic))
                .layer(CsrfLayer::new().with_rejection_response(cross_site))
                .layer(DefaultBodyLimit::max(MAX_BODY_BYTES)),
        )
        .with_state(state);
    // Whatever else begins with /api is an error for programs too, not the dashboard's page.
    Router::new()
        .nest(PREFIX, routes)
        .route("/api/{*rest}", any(unknown_route))
        .route("/api", any(unknown_route))
}

/// Routes that answer without a session. A test holds this list against [`document::OPEN`].
fn open_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(document::empty())
        .routes(routes!(session::get_session, session::sign_in, session::sign_out))
        .routes(routes!(session::set_up))
        // A browser fetches pictures by itself, without a header of ours: their addresses cannot be guessed.
        .routes(routes!(store::icon))
}

fn guarded_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(session::change_password))
        .routes(routes!(session::set_up_code))
        .routes(routes!(apps::list, apps::install))
        .routes(routes!(apps::check))
        .routes(routes!(apps::get, apps::configure, apps::remove))
        .routes(routes!(apps::settings))
        .routes(routes!(logs::logs))
        .routes(routes!(events::events))
        .routes(routes!(apps::start))
        .routes(routes!(apps::stop))
        .routes(routes!(apps::restart))
        .routes(routes!(apps::update))
        .routes(routes!(apps::go_back))
        .routes(routes!(apps::retry))
        .routes(routes!(apps::start_fresh))
        .routes(routes!(store::packages))
        .routes(routes!(store::package))
        .routes(routes!(store::stores, store::add))
        .routes(routes!(store::remove))
        .routes(routes!(store::refresh))
        .routes(routes!(generations::list))
        .routes(routes!(generations::get))
        .routes(routes!(generations::restore))
        .routes(routes!(generations::export, generations::apply))
        .routes(routes!(generations::plan))
        .routes(routes!(import::check))
        .routes(routes!(import::begin))
        .routes(routes!(import::status, import::cancel))
        .routes(routes!(system::get))
        .routes(routes!(system::set_settings))
        .routes(routes!(os::get))
        .routes(routes!(os::check))
        .routes(routes!(os::update))
        .routes(routes!(os::cancel))
        .routes(routes!(os::reboot))
        .routes(routes!(os::back))
        .routes(routes!(os::set_settings))
        .routes(routes!(os::upload))
}

/// Answers a request that names a host which is not this box.
pub(crate) fn misdirected(detail: String) -> Response {
    ApiError::misdirected(detail).into_response()
}

async fn unknown_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        "There is no such address",
        format!("the API has nothing at `{}`; {PREFIX}/openapi.json describes what it has", uri.path()),
    )
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "This address does not take that method",
        format!("`{}` does not take {method}; the `Allow` header names what it takes", uri.path()),
    )
}

fn cross_site(_: ProtectionError) -> Response {
    let detail = "a page of another site, or of another port, asked for a change; open Hearth's own page and do it there";
    ApiError::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "The request came from another site",
        detail.to_owned(),
    )
    .into_response()
}
