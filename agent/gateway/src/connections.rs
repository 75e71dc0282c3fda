use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::limit::ConnectionLimit;
use crate::peer::{self, Peer};

/// Connections from the network at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// Those from one address, and those at the box's own socket. A browser uses six.
const MAX_PER_ADDRESS: usize = 32;
/// Connections at once at the listeners of all apps together.
const MAX_TO_APPS: usize = 2048;
/// Those from one address: each app has a name of its own there, and some pages load a hundred pictures at once.
const MAX_TO_APPS_PER_ADDRESS: usize = 256;
/// How long a connection to an app has to come to its end once its listener is closed: a download of hours must not hold that
/// up.
const APP_GRACE: Duration = Duration::from_secs(1);
/// A client that takes longer to send its request's head is let go, so that slow ones do not use up the limit.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// How long to wait when the system has no more file descriptors.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(500);

/// Everything that connections share. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    router: Router,
    limit: ConnectionLimit,
    open: TaskTracker,
    shutdown: CancellationToken,
    /// How long a connection has to come to its end after the shutdown; as long as the service has when `None`.
    grace: Option<Duration>,
}

/// Returns the limit that the connections to all apps share.
pub(crate) fn limit_to_apps() -> ConnectionLimit {
    ConnectionLimit::new(MAX_TO_APPS, MAX_TO_APPS_PER_ADDRESS)
}

impl Connections {
    /// Returns the connections to Hearth itself; none is accepted yet.
    pub fn new(router: Router, shutdown: CancellationToken) -> Self {
        let limit = ConnectionLimit::new(MAX_CONNECTIONS, MAX_PER_ADDRESS);
        Self { router, limit, open: TaskTracker::new(), shutdown, grace: None }
    }

    /// Returns the connections to one app, which share their limit with those to the others.
    pub(crate) fn to_app(router: Router, shutdown: CancellationToken, limit: ConnectionLimit) -> Self {
        Self { router, limit, open: TaskTracker::new(), shutdown, grace: Some(APP_GRACE) }
    }

    /// Accepts connections from the network until the shutdown.
    pub async fn accept_network(self, listener: TcpListener) {
        while let Some(accepted) = self.shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, address)) => {
                    // Small answers and events should not wait for more to send.
                    let _ = stream.set_nodelay(true);
                    self.serve(stream, Peer::Address(address.ip())).await;
                }
                Err(error) => failed_accept(&error).await,
            }
        }
    }

    /// Accepts connections from this host until the shutdown.
    pub async fn accept_local(self, listener: UnixListener) {
        while let Some(accepted) = self.shutdown.run_until_cancelled(listener.accept()).await {
            match accepted.and_then(|(stream, _)| Ok((peer::of(&stream)?, stream))) {
                Ok((Ok(peer), stream)) => self.serve(stream, peer).await,
                Ok((Err(uid), _)) => {
                    tracing::warn!(target: "audit", uid, "refused a connection to the socket");
                }
                Err(error) => failed_accept(&error).await,
            }
        }
    }

    /// Resolves when every connection is closed. To be called after the shutdown.
    pub async fn closed(&self) {
        self.open.close();
        self.open.wait().await;
    }

    /// Begins to serve a connection, once there is a place. One of a peer that holds its whole part of them is closed.
    async fn serve<I>(&self, stream: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(Some(place)) = self.shutdown.run_until_cancelled(self.limit.take(&peer)).await else {
            return;
        };
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            router.clone().oneshot(request)
        });
        let (shutdown, grace) = (self.shutdown.clone(), self.grace);
        self.open.spawn(async move {
            let _place = place;
            let mut connection = std::pin::pin!(
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_WITHIN)
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
            );
            // A connection that breaks is the client's business: what it asked for is done or is not.
            tokio::select! {
                _ = &mut connection => return,
                () = shutdown.cancelled() => {}
            }
            connection.as_mut().graceful_shutdown();
            match grace {
                Some(grace) => drop(tokio::time::timeout(grace, connection).await),
                None => drop(connection.await),
            }
        });
    }
}

async fn failed_accept(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!("a connection could not be accepted: {error}");
    tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
}
