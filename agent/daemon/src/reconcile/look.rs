use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearth_docker::EngineView;
use hearth_host::data::AppData;
use hearth_host::systemd::{self, Systemd};
use hearth_model::container::Protocol;
use hearth_model::host_port::HostSocket;
use hearth_model::observed::{DataState, EngineState, HostFacts};
use hearth_model::{AppId, AppSpec, AppState, Chain, ImageRef, Observed, Plan};
use hearth_planner::{Failure, Input};
use hearth_reconciler::{CurrentGeneration, Specs};
use jiff::Timestamp;

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::reconcile::specs;

/// The engine's unit, in Debian's package and on a device.
const ENGINE_UNIT: &str = "docker.service";

/// Everything that a plan is made from besides the wish.
pub(crate) struct View {
    pub(crate) specs: Arc<Specs>,
    pub(crate) observed: Observed,
}

/// Which ports of others to look at. Who holds one is found by a walk over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Those that apps want which are not yet where they should be.
    WhenNeeded,
    /// All: somebody asks whether a port is free.
    Always,
}

/// Resolves the apps of a generation, and observes the engine and the host. Whatever cannot be seen is said in
/// [`Observed::engine`].
pub(crate) async fn everything(hearth: &Hearth, now: &CurrentGeneration, ports: Ports) -> View {
    let specs = specs::resolved(hearth, now).await;
    let observed = observe(hearth, now, &specs, ports).await;
    View { specs, observed }
}

/// Observes the engine and the host. Whatever cannot be seen is said in [`Observed::engine`].
pub(super) async fn observe(
    hearth: &Hearth,
    now: &CurrentGeneration,
    specs: &Specs,
    ports: Ports,
) -> Observed {
    let images = specs
        .values()
        .flatten()
        .flat_map(|spec| spec.services.values().map(|service| service.container.image.clone()))
        .collect();
    let wanted_ports = match ports {
        Ports::Always => None,
        Ports::WhenNeeded => Some(about_to_publish(hearth, now, specs)),
    };
    // The engine takes its time; the disk and the host have theirs meanwhile.
    let (engine, folders, foreign_ports, host) = tokio::join!(
        ask_engine(hearth, &images),
        folders(hearth, now),
        listening(hearth, wanted_ports),
        host(hearth),
    );
    let mut observed = folders.unwrap_or_else(|error| {
        tracing::error!("{}", Chain(&error));
        Observed::default()
    });
    observed.foreign_ports = foreign_ports;
    observed.doors = hearth.doors.open();
    observed.host = host;
    match engine {
        Ok(view) => {
            observed.engine = known_engine(hearth).await;
            observed.prepared = hearth.scripts.prepared(&view.containers);
            // Containers of an app that the database does not know, as after an older copy of it was put back.
            for container in view.containers.values() {
                if !observed.data.contains_key(&container.app) {
                    look_at_folder(&hearth.data, &container.app, false, &mut observed);
                }
            }
            observed.containers = view.containers;
            observed.foreign_containers = view.foreign_containers;
            observed.networks = view.networks;
            observed.volumes = view.volumes;
            observed.images = view.images;
        }
        Err(state) => observed.engine = state,
    }
    observed
}

/// Returns what the engine has, or why it does not say.
async fn ask_engine(
    hearth: &Hearth,
    images: &BTreeSet<ImageRef>,
) -> std::result::Result<EngineView, EngineState> {
    let answered = matches!(hearth.engine_state(), EngineState::Ready { .. });
    // An engine that is being started would keep the question waiting: its socket is systemd's.
    if !answered && is_engine_starting().await {
        return Err(EngineState::Starting);
    }
    let unreachable =
        |error: hearth_docker::Error| EngineState::Unreachable { reason: error.reason().message };
    hearth.engine.observe(images).await.map_err(unreachable)
}

/// False as well on a system without systemd.
async fn is_engine_starting() -> bool {
    let ask = async || -> systemd::Result<bool> { Systemd::connect().await?.is_starting(ENGINE_UNIT).await };
    ask().await.unwrap_or(false)
}

/// Returns the versions of an engine that answers: asked for once each time it comes.
async fn known_engine(hearth: &Hearth) -> EngineState {
    match hearth.engine_state() {
        ready @ EngineState::Ready { .. } => ready,
        EngineState::Unknown | EngineState::Starting | EngineState::Unreachable { .. } => {
            if let Ok(dir) = hearth.engine.data_root().await {
                // The engine keeps its folder for as long as it runs; a second answer changes nothing.
                let _ = hearth.engine_dir.set(dir);
            }
            hearth.engine.state().await
        }
    }
}

/// Returns the ports of apps that are not yet where they should be.
fn about_to_publish(hearth: &Hearth, now: &CurrentGeneration, specs: &Specs) -> BTreeSet<(Protocol, u16)> {
    let published = hearth.published.borrow();
    let is_settled = |app: &AppId| {
        published.generation == now.generation
            && published
                .apps
                .get(app)
                .is_some_and(|app| matches!(app.state, AppState::Running | AppState::Stopped))
    };
    specs
        .iter()
        .filter(|(app, _)| !is_settled(app))
        .filter_map(|(_, spec)| spec.as_ref().ok())
        .flat_map(AppSpec::host_ports)
        .map(|port| (port.socket.protocol, port.socket.port))
        .collect()
}

/// Ports that something listens on, of those that are wanted, less those that Docker holds for containers.
async fn listening(
    hearth: &Hearth,
    wanted: Option<BTreeSet<(Protocol, u16)>>,
) -> BTreeMap<HostSocket, String> {
    let look = move || match &wanted {
        Some(wanted) => hearth_host::ports::listening_on(wanted),
        None => hearth_host::ports::listening(),
    };
    let doors_before = hearth.doors.open();
    let ports = tokio::task::spawn_blocking(look).await;
    // Hearth's own listeners for apps, which come and go meanwhile, are seen as those of any program.
    let doors = hearth.doors.open();
    let is_door = |port: &u16| doors.contains_key(port) || doors_before.contains_key(port);
    let mut ports = ports.ok().and_then(std::result::Result::ok).unwrap_or_default();
    ports.retain(|socket, process| {
        process != "docker-proxy" && !(socket.protocol == Protocol::Tcp && is_door(&socket.port))
    });
    ports
}

/// Looks at what the disk and the database say about the apps.
async fn folders(hearth: &Hearth, now: &CurrentGeneration) -> Result<Observed> {
    let created = db::data::created(&hearth.db).await?;
    let hooks_done = db::hooks::all(&hearth.db).await?;
    let apps: BTreeSet<AppId> =
        now.desired.apps.keys().chain(&now.desired.deleted_data).chain(&created).cloned().collect();
    let data = hearth.data.clone();
    let look = move || {
        let mut seen = Observed::default();
        for app in apps {
            look_at_folder(&data, &app, created.contains(&app), &mut seen);
        }
        seen
    };
    let seen = tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| Error::Internal(format!("looking at the apps' folders broke off: {error}")))?;
    Ok(Observed { hooks_done, ..seen })
}

fn look_at_folder(data: &AppData, app: &AppId, created: bool, seen: &mut Observed) {
    // What cannot be read may hold the owner's data: it counts as missing, never as new.
    let state = data.state(app, created).unwrap_or_else(|error| {
        tracing::warn!(app.id = %app, "{}", Chain(&error));
        DataState::Missing
    });
    seen.data.insert(app.clone(), state);
    if let Ok(snapshots) = data.snapshots(app)
        && !snapshots.is_empty()
    {
        seen.snapshots.insert(app.clone(), snapshots);
    }
    if let Ok(Some(snapshot)) = data.restored_from(app) {
        seen.restored_from.insert(app.clone(), snapshot);
    }
}

/// Returns what the host has.
pub(crate) async fn host(hearth: &Hearth) -> HostFacts {
    let state_dir = hearth.options.state_dir.clone();
    let engine_dir = hearth.engine_dir.get().cloned();
    let look = move || hearth_host::facts::observe(&state_dir, engine_dir.as_deref());
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// Plans from a view.
pub(crate) fn plan(
    hearth: &Hearth,
    now: &CurrentGeneration,
    view: &View,
    failures: &BTreeMap<AppId, Failure>,
    wanted_since: &BTreeMap<AppId, Timestamp>,
) -> Plan {
    hearth_planner::plan(&input(hearth, now, view, failures, wanted_since))
}

/// Puts together what the planner decides from.
pub(crate) fn input<'a>(
    hearth: &Hearth,
    now: &'a CurrentGeneration,
    view: &'a View,
    failures: &'a BTreeMap<AppId, Failure>,
    wanted_since: &'a BTreeMap<AppId, Timestamp>,
) -> Input<'a> {
    Input {
        desired: &now.desired,
        specs: &view.specs,
        observed: &view.observed,
        updates: &now.updates,
        failures,
        wanted_since,
        timing: hearth.options.timing,
        now: Timestamp::now(),
    }
}
