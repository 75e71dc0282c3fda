//! The gateway to apps: the agent listens on an app's port, asks for Hearth's sign-in where the package wants one, and forwards
//! to the app's container. No container of its own stands in between.
//!
//! The reconciler says where to listen and what is behind ([`Gateway::set_wanted`], [`Gateway::set_routes`]);
//! [`Gateway::run`] listens, and the reconciler sees what came of it when it observes next. What an app must never get is
//! Hearth's own session: a browser sends its cookie to every port of the host, so it is taken out of what is forwarded, and an
//! app cannot set one of that name (`headers.rs`).

/// Rules for paths: some are open without a sign-in.
pub mod access;
/// Connections from visitors.
mod connections;
/// The session in the cookies of a request.
pub mod cookie;
/// To the app and back.
mod forward;
/// Headers of requests and answers, as they are passed on.
pub mod headers;
/// A limit on the connections of one visitor.
mod limit;
/// The listeners of apps.
mod listeners;
/// Names that nobody but this box can have.
pub mod names;
/// The page that a visitor reads when the app does not answer.
mod page;
/// The other end of a connection.
mod peer;
/// The proxy: handles one request.
mod proxy;
/// The way to the sign-in and back.
pub mod sign_in;
/// Connections to apps.
pub mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use hearth_model::conventions::Gate;
use hearth_model::package::Scheme;
use hearth_model::{AppId, AppStatus, Reason};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use connections::Connections;
pub use limit::{ConnectionLimit, Permit};
pub use peer::{Peer, network};

/// The sessions, as far as the gateway asks about them.
pub trait Sessions: Send + Sync {
    /// Returns the session of a request, when it has one that holds.
    ///
    /// # Errors
    /// When sessions cannot be looked up.
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Session>, LookupError>>;
}

/// Why a session could not be looked up.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// A session that holds.
pub struct Session {
    /// Resolves when it has ended; until then it counts as in use.
    pub ended: BoxFuture<'static, ()>,
}

/// The apps, as far as the gateway asks about them.
pub trait Apps: Send + Sync {
    /// Returns the state of an app; `None` when it is not installed.
    fn status<'a>(&'a self, app: &'a AppId) -> BoxFuture<'a, Option<AppStatus>>;

    /// Hears that the ports that are listened on are other ones than before.
    fn ports_changed(&self);
}

/// Everything that the gateway needs from the rest of the agent.
#[derive(Clone)]
pub struct Context {
    /// Sessions of visitors.
    pub sessions: Arc<dyn Sessions>,
    /// The state of apps.
    pub apps: Arc<dyn Apps>,
    /// Lets only requests in that name this box.
    pub guard: Arc<dyn Fn(Router) -> Router + Send + Sync>,
    /// Where Hearth itself answers; apps are listened for at the same address.
    pub own_address: SocketAddr,
    /// The port at which Hearth answers at an app's onion address.
    pub onion_port: u16,
    /// Ends the listeners, and then the connections.
    pub shutdown: CancellationToken,
}

/// The target of requests to an app, and who may send them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Decides who may pass.
    pub gate: Gate,
    /// The address of the app's page; `None` while no container of it runs.
    pub target: Option<SocketAddr>,
    /// The protocol of the page.
    pub scheme: Scheme,
}

/// Ports, and the app of each.
pub type Ports = BTreeMap<u16, AppId>;

/// The gateway, as the reconciler and the listeners share it. Clones share everything.
#[derive(Debug, Default, Clone)]
pub struct Gateway {
    wanted: watch::Sender<Arc<Ports>>,
    routes: watch::Sender<Arc<BTreeMap<AppId, Route>>>,
    state: Arc<Mutex<ListenerState>>,
}

/// The ports that are open, and the reasons for those that are not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct ListenerState {
    open: Ports,
    /// Why an app's port could not be listened on.
    refused: BTreeMap<AppId, Reason>,
}

impl Gateway {
    /// Says where to listen.
    pub fn set_wanted(&self, ports: Ports) {
        self.wanted.send_if_modified(|last| {
            let changed = **last != ports;
            if changed {
                *last = Arc::new(ports);
            }
            changed
        });
    }

    /// Says where requests go, by app; an app without a route answers that it is not there.
    pub fn set_routes(&self, routes: BTreeMap<AppId, Route>) {
        if **self.routes.borrow() != routes {
            self.routes.send_replace(Arc::new(routes));
        }
    }

    /// Returns where requests go, by app.
    pub fn routes(&self) -> Arc<BTreeMap<AppId, Route>> {
        Arc::clone(&self.routes.borrow())
    }

    /// Returns the ports that are listened on.
    pub fn open(&self) -> Ports {
        self.lock().open.clone()
    }

    /// Returns why an app's port could not be listened on.
    pub fn trouble(&self, app: &AppId) -> Option<Reason> {
        self.lock().refused.get(app).cloned()
    }

    /// Records what came of what was wanted. Returns whether that changed.
    fn record(&self, state: ListenerState) -> bool {
        let mut last = self.lock();
        let changed = *last != state;
        *last = state;
        changed
    }

    fn lock(&self) -> MutexGuard<'_, ListenerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
