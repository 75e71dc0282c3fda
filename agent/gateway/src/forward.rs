use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri, Version};
use axum::response::Response;
use hearth_model::package::Scheme;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::headers::{self, Origin};
use crate::upstream;

/// Why the app gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody is at its port.
    #[error("no connection to {target}: {source}")]
    Connect { target: SocketAddr, source: std::io::Error },
    /// It changes the protocol although nobody asked it to.
    #[error("{target} changes the protocol without being asked")]
    Protocol { target: SocketAddr },
    /// It answered with something else than HTTP, or broke off.
    #[error("no answer from {target}: {source}")]
    Answer { target: SocketAddr, source: hyper::Error },
}

/// Sends a request to the app and returns its answer; neither body is held back.
///
/// Each request has a connection of its own: it ends when the visitor goes away, and none that the app has closed is ever
/// used. `ended` cuts a connection that has changed its protocol.
pub(crate) async fn forward(
    (target, scheme): (SocketAddr, Scheme),
    request: Request,
    origin: Origin,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let visitor =
        parts.extensions.remove::<OnUpgrade>().filter(|_| headers::upgrade(&parts.headers).is_some());
    headers::to_app(&mut parts.headers, origin);
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();

    let stream =
        upstream::connect(target, scheme).await.map_err(|source| Error::Connect { target, source })?;
    let failed = |source| Error::Answer { target, source };
    let mut builder = http1::Builder::new();
    builder.ignore_invalid_headers_in_responses(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Drives the connection until the answer is complete or dropped; an error surfaces on `send_request`.
    tokio::spawn(async move { drop(connection.with_upgrades().await) });
    let mut answer = sender.send_request(Request::from_parts(parts, body)).await.map_err(failed)?;
    let is_upgrade = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    if is_upgrade {
        let visitor = visitor.ok_or(Error::Protocol { target })?;
        tokio::spawn(tunnel(visitor, hyper::upgrade::on(&mut answer), ended));
    }
    headers::to_visitor(answer.headers_mut(), is_upgrade);
    Ok(answer.map(Body::new))
}

/// Carries bytes both ways until both sides have ended, or `ended` is over.
async fn tunnel(visitor: OnUpgrade, app: OnUpgrade, ended: impl Future<Output = ()>) {
    let carry = async {
        let (visitor, app) = tokio::try_join!(visitor, app)?;
        // Either side that breaks off ends it: there is nobody left to tell.
        drop(tokio::io::copy_bidirectional(&mut TokioIo::new(visitor), &mut TokioIo::new(app)).await);
        Ok::<(), hyper::Error>(())
    };
    tokio::select! {
        _ = carry => {}
        () = ended => {}
    }
}
