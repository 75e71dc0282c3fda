use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearth_model::{AppId, Chain};

use crate::headers::{self, Origin};
use crate::page::{self, Visitor};
use crate::peer::Peer;
use crate::{Context, Gateway, Route, Session, access, forward};

/// Longest path that a visitor comes back to after the sign-in, in bytes; from a longer one the way leads to the app's
/// first page.
const LONGEST_WAY_BACK: usize = 4096;

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
    let dashboard = dashboard(request.headers(), context);
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
        return sign_in(&request, app, visitor, &dashboard);
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
///
/// The way back holds the app and a path, never a host: it cannot lead anywhere else.
fn sign_in(request: &Request, app: &AppId, visitor: Visitor, dashboard: &str) -> Response {
    if !visitor.is_browser {
        let detail = format!("sign in at {dashboard} and send the cookie of the session");
        return page::problem(StatusCode::UNAUTHORIZED, "signed-out", &detail);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let path = if path.len() > LONGEST_WAY_BACK { "/" } else { path };
    let location = format!("{dashboard}/open/{app}/{}", encode(path));
    let Ok(location) = HeaderValue::from_str(&location) else {
        return page::problem(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "the request names no host that could be one",
        );
    };
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, no_store)]).into_response()
}

/// Returns Hearth's own address, by the name that the visitor has for this host.
fn dashboard(headers: &HeaderMap, context: &Context) -> String {
    address_of_hearth(headers, context.own_address, context.onion_port)
}

fn address_of_hearth(headers: &HeaderMap, own: SocketAddr, onion_port: u16) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let host = match (host, own.ip()) {
        (Some(host), _) if !host.host().is_empty() => host.host().to_owned(),
        (_, IpAddr::V4(address)) => address.to_string(),
        (_, IpAddr::V6(address)) => format!("[{address}]"),
    };
    match own.port() {
        // At an onion address the app has port 80.
        _ if host.ends_with(".onion") => format!("http://{host}:{onion_port}"),
        80 => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

/// Resolves when a connection that has changed its protocol has to end: the service stops, or the session is over.
async fn over(context: Context, session: Option<Session>) {
    let Some(session) = session else { return context.shutdown.cancelled().await };
    tokio::select! {
        () = context.shutdown.cancelled() => {}
        () = session.ended => {}
    }
}

/// Percent-encodes everything but the unreserved characters of
/// [RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_sign_in_keeps_the_visitors_name_of_the_host() {
        let own: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        for (host, expected) in [
            (Some("hearth.local:3000"), "http://hearth.local:8080"),
            (Some("[fe80::1]:3000"), "http://[fe80::1]:8080"),
            (Some("192.168.1.5"), "http://192.168.1.5:8080"),
            (Some("user@evil.example/x"), "http://0.0.0.0:8080"),
            (Some("abc.onion"), "http://abc.onion:2000"),
            (None, "http://0.0.0.0:8080"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(header::HOST, host.parse().unwrap());
            }
            assert_eq!(address_of_hearth(&headers, own, 2000), expected, "{host:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "box:3000".parse().unwrap());
        let address = |headers: &HeaderMap, own: &str| address_of_hearth(headers, own.parse().unwrap(), 2000);
        assert_eq!(address(&headers, "0.0.0.0:80"), "http://box");
        assert_eq!(address(&HeaderMap::new(), "[fd00::1]:8080"), "http://[fd00::1]:8080");
        headers.insert(header::HOST, ":3000".parse().unwrap());
        assert_eq!(address(&headers, "192.168.1.5:8080"), "http://192.168.1.5:8080");
    }

    #[test]
    fn a_path_is_one_word_of_the_way_back() {
        assert_eq!(encode("/a b?c=/d&e=%2F"), "%2Fa%20b%3Fc%3D%2Fd%26e%3D%252F");
    }
}
