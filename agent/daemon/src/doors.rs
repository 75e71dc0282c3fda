//! The doors of apps: the agent listens on an app's port, asks for Hearth's sign-in where the package wants one, and
//! forwards to the app's container. No container of its own stands in between.
//!
//! The [loop](crate::reconcile) says where to listen and what is behind ([`Doors::set_wanted`], [`Doors::set_routes`]);
//! [`keep`] listens, and the loop sees what came of it at its next look. What an app must never get is Hearth's own
//! session: a browser sends its cookie to every port of the host, so it is taken out of what is forwarded, and an app
//! cannot set one of that name ([`headers`]).

/// What is done with one request.
mod answer;
/// To the app and back.
mod forward;
/// What is said of a request and an answer on the way.
mod headers;
/// Listens.
pub(crate) mod keep;
/// What a visitor reads when the app does not answer.
mod page;
/// Connections to apps.
pub(crate) mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearth_model::conventions::Gate;
use hearth_model::package::Scheme;
use hearth_model::{AppId, Reason};
use tokio::sync::watch;

/// Where a door leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Who may pass.
    pub(crate) gate: Gate,
    /// Where the app's page answers; `None` while it has no container that runs.
    pub(crate) target: Option<SocketAddr>,
    /// What it speaks there.
    pub(crate) scheme: Scheme,
}

/// Ports, and the app of each.
pub(crate) type Ports = BTreeMap<u16, AppId>;

/// What the loop and the listeners tell each other.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    wanted: watch::Sender<Arc<Ports>>,
    routes: watch::Sender<Arc<BTreeMap<AppId, Route>>>,
    seen: Mutex<Seen>,
}

/// What came of what was wanted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    open: Ports,
    /// Why an app's door could not be opened.
    refused: BTreeMap<AppId, Reason>,
}

impl Doors {
    /// Says where to listen.
    pub(crate) fn set_wanted(&self, ports: Ports) {
        self.wanted.send_if_modified(|last| {
            let changed = **last != ports;
            if changed {
                *last = Arc::new(ports);
            }
            changed
        });
    }

    /// Says what is behind the doors, by app; those of apps without a route lead nowhere.
    pub(crate) fn set_routes(&self, routes: BTreeMap<AppId, Route>) {
        if **self.routes.borrow() != routes {
            self.routes.send_replace(Arc::new(routes));
        }
    }

    /// Returns what is behind the doors, by app.
    pub(crate) fn routes(&self) -> Arc<BTreeMap<AppId, Route>> {
        Arc::clone(&self.routes.borrow())
    }

    /// Returns the ports that are listened on.
    pub(crate) fn open(&self) -> Ports {
        self.lock().open.clone()
    }

    /// Returns why an app's door could not be opened.
    pub(crate) fn trouble(&self, app: &AppId) -> Option<Reason> {
        self.lock().refused.get(app).cloned()
    }

    /// Notes what came of what was wanted. Returns whether that is news.
    fn note(&self, seen: Seen) -> bool {
        let mut last = self.lock();
        let changed = *last != seen;
        *last = seen;
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
