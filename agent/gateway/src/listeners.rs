use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hearth_model::condition::ReasonCode;
use hearth_model::container::Protocol;
use hearth_model::host_port::HostAddress;
use hearth_model::{AppId, Reason};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connections::{self, Connections};
use crate::limit::ConnectionLimit;
use crate::proxy::{Proxy, handle};
use crate::{Context, Gateway, ListenerState, Ports};

/// How often a port that could not be taken is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A port that is listened on.
struct Listener {
    app: AppId,
    close: CancellationToken,
    /// Ends once the port is free again.
    listens: JoinHandle<()>,
}

impl Gateway {
    /// Listens where the reconciler wants it, on Hearth's own address, until the shutdown. Resolves when all connections are
    /// closed.
    pub async fn run(&self, context: Context) {
        let mut wanted = self.wanted.subscribe();
        let mut listeners = Listeners {
            gateway: self.clone(),
            context: context.clone(),
            limit: connections::limit_to_apps(),
            connections: TaskTracker::new(),
            open: BTreeMap::new(),
        };
        loop {
            let ports = Arc::clone(&wanted.borrow_and_update());
            let refused = listeners.change_to(&ports).await;
            let again = !refused.is_empty();
            let open = listeners.open.iter().map(|(port, listener)| (*port, listener.app.clone())).collect();
            if self.record(ListenerState { open, refused }) {
                context.apps.ports_changed();
            }
            // All arms are cancel-safe: a change is still there when it is looked for again, and a sleep has nothing to
            // lose.
            tokio::select! {
                () = context.shutdown.cancelled() => break,
                changed = wanted.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(AGAIN), if again => {}
            }
        }
        listeners.connections.close();
        listeners.connections.wait().await;
    }
}

struct Listeners {
    gateway: Gateway,
    context: Context,
    limit: ConnectionLimit,
    /// Those to all apps, also over listeners that were closed.
    connections: TaskTracker,
    open: BTreeMap<u16, Listener>,
}

impl Listeners {
    /// Closes listeners that are not wanted any more, then opens those that are. Returns why some could not be.
    async fn change_to(&mut self, wanted: &Ports) -> BTreeMap<AppId, Reason> {
        let gone: Vec<u16> = self
            .open
            .iter()
            .filter(|(port, listener)| wanted.get(port) != Some(&listener.app))
            .map(|(port, _)| *port)
            .collect();
        for port in gone {
            if let Some(listener) = self.open.remove(&port) {
                listener.close.cancel();
                // Wait until the port is free again: it may be for another app now.
                let _ = listener.listens.await;
            }
        }
        let mut refused = BTreeMap::new();
        for (port, app) in wanted {
            if self.open.contains_key(port) {
                continue;
            }
            let address = SocketAddr::new(self.context.own_address.ip(), *port);
            match TcpListener::bind(address).await {
                Ok(listener) => drop(self.open.insert(*port, self.listen(app, listener))),
                Err(error) => drop(refused.insert(app.clone(), reason(address, &error).await)),
            }
        }
        refused
    }

    fn listen(&self, app: &AppId, listener: TcpListener) -> Listener {
        let close = self.context.shutdown.child_token();
        let proxy = Proxy { gateway: self.gateway.clone(), context: self.context.clone(), app: app.clone() };
        let router = (self.context.guard)(Router::new().fallback(handle).with_state(proxy));
        let connections = Connections::to_app(router, close.clone(), self.limit.clone());
        let listens = tokio::spawn(connections.clone().accept_network(listener));
        let closed = close.clone();
        self.connections.spawn(async move {
            closed.cancelled().await;
            connections.closed().await;
        });
        Listener { app: app.clone(), close, listens }
    }
}

/// Says why a port could not be taken, with the name of who has it.
async fn reason(address: SocketAddr, error: &std::io::Error) -> Reason {
    let port = address.port();
    let message = match error.kind() {
        ErrorKind::AddrInUse => {
            let wanted = BTreeSet::from([(Protocol::Tcp, port)]);
            let listening =
                tokio::task::spawn_blocking(move || hearth_host::ports::listening_on(&wanted)).await;
            let listening = listening.ok().and_then(Result::ok).unwrap_or_default();
            // A listener on `::` takes IPv4 as well.
            let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified());
            let wanted = ip.map_or(HostAddress::Any, HostAddress::from);
            let holder = match listening.iter().find(|(at, _)| at.address.overlaps(wanted)) {
                Some((at, process)) if process == "docker-proxy" => {
                    format!("another container{}", at.address)
                }
                Some((at, process)) => format!("`{process}`{}, which is not an app of Hearth", at.address),
                None => "another program".to_owned(),
            };
            format!(
                "Port {port} (tcp) is used by {holder}. Choose another port in the app's settings, or stop what uses it."
            )
        }
        ErrorKind::PermissionDenied => format!(
            "Hearth may not listen on port {port}: ports below 1024 need root. Choose a higher port in the app's settings."
        ),
        _ => format!(
            "Hearth cannot listen on port {port}: {error}. Choose another port in the app's settings."
        ),
    };
    Reason::new(ReasonCode::PortTaken, message)
}
