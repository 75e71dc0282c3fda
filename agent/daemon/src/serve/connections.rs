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

use crate::auth::Peer;

use super::peer;
use super::places::Places;

/// Connections from the network at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// Those from one address, and those at the box's own socket. A browser uses six.
const MAX_PER_ADDRESS: usize = 32;
/// Connections at once at all apps' doors together.
const MAX_AT_DOORS: usize = 2048;
/// Those from one address: each app has a name of its own there, and some pages load a hundred pictures at once.
const MAX_AT_DOORS_PER_ADDRESS: usize = 256;
/// How long what goes on at a door has to come to its end, once it is closed: a download of hours must not hold that up.
const DOOR_GRACE: Duration = Duration::from_secs(1);
/// A client that takes longer to send its request's head is let go, so that slow ones do not fill the places.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// How long to wait when the system has no more file descriptors.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(500);

/// Everything that connections share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    router: Router,
    places: Places,
    open: TaskTracker,
    shutdown: CancellationToken,
    /// How long a connection has to come to its end after the shutdown; as long as the service has when `None`.
    grace: Option<Duration>,
}

/// Returns room for the connections of all doors.
pub(crate) fn places_at_doors() -> Places {
    Places::new(MAX_AT_DOORS, MAX_AT_DOORS_PER_ADDRESS)
}

impl Connections {
    pub(super) fn new(router: Router, shutdown: CancellationToken) -> Self {
        let places = Places::new(MAX_CONNECTIONS, MAX_PER_ADDRESS);
        Self { router, places, open: TaskTracker::new(), shutdown, grace: None }
    }

    /// Returns the connections of one door, which share their places with those of the others.
    pub(crate) fn at_a_door(router: Router, shutdown: CancellationToken, places: Places) -> Self {
        Self { router, places, open: TaskTracker::new(), shutdown, grace: Some(DOOR_GRACE) }
    }

    /// Accepts connections from the network until the shutdown.
    pub(crate) async fn accept_network(self, listener: TcpListener) {
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
    pub(super) async fn accept_local(self, listener: UnixListener) {
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
    pub(crate) async fn closed(&self) {
        self.open.close();
        self.open.wait().await;
    }

    /// Begins to serve a connection, once there is a place. One of a peer that holds its whole part of them is closed.
    async fn serve<I>(&self, stream: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(Some(place)) = self.shutdown.run_until_cancelled(self.places.take(&peer)).await else {
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
