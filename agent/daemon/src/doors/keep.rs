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

use super::answer::{Door, Shared, answer};
use super::{Ports, Seen};
use crate::auth::Auth;
use crate::hearth::Hearth;
use crate::hosts;
use crate::serve::connections::{self, Connections};
use crate::serve::places::Places;

/// How often a port that could not be taken is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A door that is open.
struct Open {
    app: AppId,
    close: CancellationToken,
    /// Ends once the port is free again.
    listens: JoinHandle<()>,
}

/// Listens where the loop wants it, on Hearth's own address, until the shutdown. Resolves when all connections are closed.
pub(crate) async fn keep(hearth: Hearth, auth: Auth, own_address: SocketAddr, shutdown: CancellationToken) {
    let shared = Shared { hearth: hearth.clone(), auth, own_address, shutdown: shutdown.clone() };
    let mut wanted = hearth.doors.wanted.subscribe();
    let mut keeper = Keeper {
        shared,
        places: connections::places_at_doors(),
        connections: TaskTracker::new(),
        open: BTreeMap::new(),
    };
    loop {
        let ports = Arc::clone(&wanted.borrow_and_update());
        let refused = keeper.change_to(&ports).await;
        let again = !refused.is_empty();
        let open = keeper.open.iter().map(|(port, door)| (*port, door.app.clone())).collect();
        if hearth.doors.note(Seen { open, refused }) {
            hearth.wake.changed();
        }
        // All arms are cancel-safe: a change is still there when it is looked for again, and a sleep has nothing to lose.
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = wanted.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(AGAIN), if again => {}
        }
    }
    keeper.connections.close();
    keeper.connections.wait().await;
}

struct Keeper {
    shared: Shared,
    places: Places,
    /// Those of all doors, also of ones that were closed.
    connections: TaskTracker,
    open: BTreeMap<u16, Open>,
}

impl Keeper {
    /// Closes doors that are not wanted any more, then opens those that are. Returns why some could not be.
    async fn change_to(&mut self, wanted: &Ports) -> BTreeMap<AppId, Reason> {
        let gone: Vec<u16> = self
            .open
            .iter()
            .filter(|(port, door)| wanted.get(port) != Some(&door.app))
            .map(|(port, _)| *port)
            .collect();
        for port in gone {
            if let Some(door) = self.open.remove(&port) {
                door.close.cancel();
                // It can only have ended; the port may be for another app now.
                let _ = door.listens.await;
            }
        }
        let mut refused = BTreeMap::new();
        for (port, app) in wanted {
            if self.open.contains_key(port) {
                continue;
            }
            let address = SocketAddr::new(self.shared.own_address.ip(), *port);
            match TcpListener::bind(address).await {
                Ok(listener) => drop(self.open.insert(*port, self.open_door(app, listener))),
                Err(error) => drop(refused.insert(app.clone(), reason(address, &error).await)),
            }
        }
        refused
    }

    fn open_door(&self, app: &AppId, listener: TcpListener) -> Open {
        let close = self.shared.shutdown.child_token();
        let door = Door { shared: self.shared.clone(), app: app.clone() };
        let router =
            hosts::guard(Router::new().fallback(answer).with_state(door), self.shared.hearth.clone());
        let connections = Connections::at_a_door(router, close.clone(), self.places.clone());
        let listens = tokio::spawn(connections.clone().accept_network(listener));
        let closed = close.clone();
        self.connections.spawn(async move {
            closed.cancelled().await;
            connections.closed().await;
        });
        Open { app: app.clone(), close, listens }
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
