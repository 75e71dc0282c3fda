/// Names and ports that two want.
mod clash;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hearth_model::AppId;
use hearth_model::container::Protocol;
use hearth_model::host_port::HostAddress;
use hearth_model::observed::{ContainerState, ObservedContainer};

use crate::Input;
pub(crate) use clash::Clash;

/// What is true of the whole box in one look, sorted by app once, so that no app's decision scans all others.
pub(crate) struct World<'a> {
    pub(crate) input: Input<'a>,
    containers: BTreeMap<&'a AppId, Vec<Seen<'a>>>,
    networks: BTreeMap<&'a AppId, Vec<&'a str>>,
    volumes: BTreeMap<&'a AppId, Vec<&'a str>>,
    app_by_container_id: HashMap<&'a str, &'a AppId>,
    clashes: BTreeMap<&'a AppId, Clash>,
}

/// A container with its name.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a str,
    pub(crate) container: &'a ObservedContainer,
}

impl<'a> World<'a> {
    pub(crate) fn new(input: &Input<'a>) -> Self {
        let observed = input.observed;
        let mut world = Self {
            input: *input,
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            app_by_container_id: HashMap::with_capacity(observed.containers.len()),
            clashes: BTreeMap::new(),
        };
        for (name, container) in &observed.containers {
            world.containers.entry(&container.app).or_default().push(Seen { name, container });
            world.app_by_container_id.insert(&container.id, &container.app);
        }
        for (name, network) in &observed.networks {
            if let (true, Some(app)) = (network.ours, &network.app) {
                world.networks.entry(app).or_default().push(name);
            }
        }
        for (name, volume) in &observed.volumes {
            if let Some(app) = &volume.app {
                world.volumes.entry(app).or_default().push(name);
            }
        }
        world.clashes = clash::find(input, &world.port_holders());
        world
    }

    /// Returns at which TCP ports the agent should listen, and for which app.
    pub(crate) fn doors(&self) -> BTreeMap<u16, AppId> {
        clash::doors(&self.input, &self.port_holders())
    }

    /// Returns the containers of an app, by name.
    pub(crate) fn containers(&self, app: &AppId) -> &[Seen<'a>] {
        self.containers.get(app).map_or(&[], Vec::as_slice)
    }

    /// Returns the networks that belong to an app alone.
    pub(crate) fn networks(&self, app: &AppId) -> &[&'a str] {
        self.networks.get(app).map_or(&[], Vec::as_slice)
    }

    /// Returns the volumes of an app.
    pub(crate) fn volumes(&self, app: &AppId) -> &[&'a str] {
        self.volumes.get(app).map_or(&[], Vec::as_slice)
    }

    /// Returns whose container has this id; `None` for one that is not Hearth's.
    pub(crate) fn app_of_container(&self, id: &str) -> Option<&'a AppId> {
        self.app_by_container_id.get(id).copied()
    }

    /// Returns what keeps an app from starting because another has it.
    pub(crate) fn clash(&self, app: &AppId) -> Option<&Clash> {
        self.clashes.get(app)
    }

    /// Returns apps that are not desired and have left something behind.
    pub(crate) fn leftovers(&self) -> BTreeSet<&'a AppId> {
        let input = self.input;
        let with_data =
            input.desired.deleted_data.iter().filter(|app| crate::remove::has_data(input.observed, app));
        self.containers
            .keys()
            .chain(self.networks.keys())
            .chain(self.volumes.keys())
            .copied()
            .chain(with_data)
            .filter(|app| !input.desired.apps.contains_key(*app))
            .collect()
    }

    /// Who has which host port now, by a container or by its door.
    fn port_holders(&self) -> clash::Holders<'a> {
        let mut holders = clash::Holders::new();
        for container in self.input.observed.containers.values().filter(|container| is_active(container)) {
            for port in &container.ports {
                let holder = (port.address, &container.app);
                holders.entry((port.protocol, port.port)).or_default().push(holder);
            }
        }
        for (port, app) in &self.input.observed.doors {
            holders.entry((Protocol::Tcp, *port)).or_default().push((HostAddress::Any, app));
        }
        holders
    }
}

/// Tells whether a container runs or may run again by itself, so that it must be stopped before it is removed.
pub(crate) fn is_active(container: &ObservedContainer) -> bool {
    match container.state {
        ContainerState::Running
        | ContainerState::Paused
        | ContainerState::Restarting { .. }
        | ContainerState::Other(_) => true,
        ContainerState::Created { .. }
        | ContainerState::Exited { .. }
        | ContainerState::Removing
        | ContainerState::Dead => false,
    }
}
