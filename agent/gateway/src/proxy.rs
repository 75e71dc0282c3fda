use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearth_model::{AppId, Chain};

use crate::headers::{self, Origin};
use crate::page::{self, Visitor};
use crate::peer::Peer;
use crate::sign_in::{self, OwnAddress};
use crate::{Context, Gateway, Route, Session, access, forward};

/// The proxy in front of one app. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) gateway: Gateway,
    pub(crate) context: Context,
    pub(crate) app: AppId,
}

/// Answers one request to an app's port.
pub(crate) async fn handle(State(proxy): State<Proxy>, request: Request) -> Response {
    let Proxy { gateway, context, app } = &proxy;
    let apps = &*context.apps;
    let mut visitor = Visitor::of(request.headers(), request.method());
    let own = OwnAddress { address: context.own_address, onion_port: context.onion_port };
    let dashboard = sign_in::dashboard(request.headers(), own);
    if request.method() == Method::CONNECT {
        return page::problem(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this is no forward proxy",
        );
    }
    // Taken as one value: the gate and what is behind it belong together.
    let route = gateway.routes().get(app).cloned();
    let Some(Route { gate, target, scheme }) = route else {
        return page::not_there(apps, app, visitor, &dashboard).await;
    };
    let session = match session(context, request.headers()).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    visitor.is_signed_in = session.is_some();
    if session.is_none() && !access::is_open(&gate, request.uri().path()) {
        return ask_to_sign_in(&request, app, visitor, &dashboard);
    }
    // A page of another app is of the same site, so the browser sends the session along with whatever that page sends here.
    if !access::is_open(&gate, request.uri().path())
        && may_change(&request)
        && !headers::is_from_here(request.headers())
    {
        return page::problem(
            StatusCode::FORBIDDEN,
            "cross-site",
            "a page of another site, or of another app, asked for a change; open the app's own page and do it there",
        );
    }
    let Some(target) = target else {
        return page::not_there(apps, app, visitor, &dashboard).await;
    };
    let peer = match request.extensions().get::<Peer>() {
        Some(Peer::Address(address)) => Some(*address),
        Some(Peer::LocalUser(_)) | None => None,
    };
    let origin = Origin { peer, trusted: gate.trust_upstream };
    let ended = over(context.clone(), session.filter(|_| gate.sign_in));
    match forward::forward((target, scheme), request, origin, ended).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(app.id = %app, "an app gave no answer: {}", Chain(&error));
            page::no_answer(apps, app, visitor, &dashboard).await
        }
    }
}

/// Tells whether a request may change something, or opens a connection over which it could.
fn may_change(request: &Request) -> bool {
    !request.method().is_safe() || headers::upgrade(request.headers()).is_some()
}

/// Returns the session of a request, if it has one that holds.
async fn session(context: &Context, headers: &HeaderMap) -> Result<Option<Session>, Response> {
    context.sessions.find(headers).await.map_err(|error| {
        tracing::error!("a session could not be looked up: {}", Chain(&*error));
        let detail = "Hearth could not look up who is signed in; try again";
        page::problem(StatusCode::SERVICE_UNAVAILABLE, "database", detail)
    })
}

/// Sends a browser to Hearth's sign-in, from where it comes back to this very path; tells any other program.
fn ask_to_sign_in(request: &Request, app: &AppId, visitor: Visitor, dashboard: &str) -> Response {
    if !visitor.is_browser {
        let detail = format!("sign in at {dashboard} and send the cookie of the session");
        return page::problem(StatusCode::UNAUTHORIZED, "signed-out", &detail);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(location) = HeaderValue::from_str(&sign_in::location(dashboard, app, path)) else {
        return page::problem(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "the request names no host that could be one",
        );
    };
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, no_store)]).into_response()
}

/// Resolves when a connection that has changed its protocol has to end: the service stops, or the session is over.
async fn over(context: Context, session: Option<Session>) {
    let Some(session) = session else { return context.shutdown.cancelled().await };
    tokio::select! {
        () = context.shutdown.cancelled() => {}
        () = session.ended => {}
    }
}
