use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use hearth_model::condition::ReasonCode;
use hearth_model::container::PortBinding;
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::observed::{
    ContainerState, DataState, EngineState, ObservedContainer, ObservedNetwork, ObservedVolume, OutsideVolume,
};
use hearth_model::{AppId, DataStep, Digest, EngineStep, Hook, ImageRef, Reason, ServiceName, Step};

use super::Sim;
use super::container::{SimContainer, networks};
use super::data::note;

impl Sim {
    pub(super) fn execute_faithfully(&mut self, step: &Step) -> Result<(), Reason> {
        if !matches!(self.engine, EngineState::Ready { .. }) {
            return Err(Reason::new(ReasonCode::EngineUnreachable, "the engine does not answer"));
        }
        match step {
            Step::Engine(EngineStep::PullImage { image, .. }) => self.pull(image),
            Step::Data(DataStep::CreateData { app }) => {
                self.disk.create(app);
                Ok(())
            }
            Step::Data(DataStep::WriteFiles { app, .. }) => match self.disk.state(app) {
                DataState::Present => Ok(()),
                state => Err(Reason::new(
                    ReasonCode::FileError,
                    format!("files written to a folder that is {state:?}"),
                )),
            },
            Step::RunHook { app, hook } => {
                self.hooks_run.push((app.clone(), *hook));
                if *hook == Hook::PreStart {
                    self.prepared.insert(app.clone());
                }
                Ok(())
            }
            Step::Engine(EngineStep::CreateNetwork { app, name, network }) => {
                let id = self.next_id();
                self.networks.entry(name.clone()).or_insert_with(|| ObservedNetwork {
                    id,
                    app: app.clone(),
                    ours: true,
                    spec_hash: Some(network.hash()),
                    connected: BTreeSet::new(),
                });
                Ok(())
            }
            Step::Engine(EngineStep::RemoveNetwork { name }) => self.remove_network(name),
            Step::Engine(EngineStep::CreateVolume { app, name, volume }) => {
                let seen = ObservedVolume { app: Some(app.clone()), in_app_folder: volume.folder.is_some() };
                self.volumes.entry(name.clone()).or_insert(seen);
                Ok(())
            }
            Step::Engine(EngineStep::RemoveVolume { name }) => {
                self.volumes.remove(name);
                Ok(())
            }
            Step::Engine(EngineStep::CreateContainer { .. }) => self.create(step),
            Step::Engine(EngineStep::StartContainer { name }) => {
                if let Some(container) = self.containers.get(name) {
                    self.prepared.remove(&container.seen.app);
                }
                self.start(name)
            }
            Step::Engine(EngineStep::StopContainer { name }) => {
                if let Some(container) = self.containers.get_mut(name) {
                    container.stop(self.now);
                }
                Ok(())
            }
            Step::Engine(EngineStep::RemoveContainer { name }) => self.remove_container(name),
            Step::Data(DataStep::KeepVolumes { app, service, container, .. }) => {
                self.keep_volumes(app, service, container)
            }
            Step::Data(DataStep::SnapshotData { app, name }) => {
                self.check_nothing_writes(step, app);
                self.disk.snapshot(app, name, self.now);
                Ok(())
            }
            Step::Data(DataStep::RestoreData { app, name }) => {
                self.check_nothing_writes(step, app);
                if self.disk.restore(app, name) {
                    Ok(())
                } else {
                    Err(Reason::new(ReasonCode::FileError, format!("there is no snapshot {name}")))
                }
            }
            Step::Data(DataStep::RemoveSnapshot { app, name }) => {
                self.disk.remove_snapshot(app, name);
                Ok(())
            }
            Step::Data(DataStep::RemoveData { app }) => {
                self.check_nothing_writes(step, app);
                self.disk.remove(app);
                Ok(())
            }
        }
    }

    fn pull(&mut self, image: &ImageRef) -> Result<(), Reason> {
        if self.not_in_registry.contains(image) {
            let message = format!("The registry has no image {}.", image.familiar());
            return Err(Reason::new(ReasonCode::ImageNotFound, message));
        }
        self.images.insert(image.clone());
        Ok(())
    }

    fn remove_network(&mut self, name: &str) -> Result<(), Reason> {
        let id = self.networks.get(name).map(|network| &network.id);
        let uses =
            |one: &SimContainer| one.is_running() && id.is_some() && one.seen.network_ids.get(name) == id;
        if self.containers.values().any(uses) {
            return Err(refused(format!("network {name} has active endpoints")));
        }
        self.networks.remove(name);
        Ok(())
    }

    fn create(&mut self, step: &Step) -> Result<(), Reason> {
        let Step::Engine(EngineStep::CreateContainer {
            app,
            service,
            package_digest,
            restarts,
            container: spec,
        }) = step
        else {
            return Err(refused("not a step that creates".to_owned()));
        };
        let hash = spec.hash();
        if let Some(known) = self.containers.get(&spec.name) {
            let same = known.seen.app == *app && known.seen.spec_hash == hash;
            return if same { Ok(()) } else { Err(refused(format!("the name {} is in use", spec.name))) };
        }
        if self.foreign_containers.contains(&spec.name) {
            return Err(refused(format!("the name {} is in use", spec.name)));
        }
        if !self.images.contains(&spec.image) {
            return Err(refused(format!("no such image: {}", spec.image.familiar())));
        }
        if let Some(network) = networks(spec).into_iter().find(|name| !self.networks.contains_key(*name)) {
            return Err(refused(format!("network {network} not found")));
        }
        let seen = ObservedContainer {
            id: self.next_id(),
            app: app.clone(),
            service: service.clone(),
            spec_hash: hash,
            package_digest: package_digest.clone(),
            restarts: *restarts,
            state: ContainerState::Created { error: None },
            health: None,
            restart_count: 0,
            started_at: None,
            addresses: BTreeMap::new(),
            network_ids: BTreeMap::new(),
            networks: networks(spec).into_iter().cloned().collect(),
            ports: spec.ports.iter().filter_map(socket).collect(),
            outside_volumes: self.outside_volumes(),
        };
        let behaviour = self.behaviours.get(&spec.image.familiar()).cloned().unwrap_or_default();
        let container = SimContainer { seen, spec: (**spec).clone(), behaviour, outside: Vec::new() };
        self.containers.insert(spec.name.clone(), container);
        Ok(())
    }

    fn start(&mut self, name: &str) -> Result<(), Reason> {
        let Some(container) = self.containers.get(name) else {
            return Err(refused(format!("no such container: {name}")));
        };
        if container.is_running() {
            return Ok(());
        }
        let (app, service) = (container.seen.app.clone(), container.seen.service.clone());
        let image = container.spec.image.familiar();
        let others = self.containers.values().filter(|other| other.is_running());
        let taken: BTreeSet<_> =
            others.flat_map(|other| &other.seen.ports).chain(self.foreign_ports.keys()).collect();
        let is_taken = |own: &&HostSocket| taken.iter().any(|taken| taken.overlaps(**own));
        if let Some(HostSocket { port, .. }) = container.seen.ports.iter().find(is_taken) {
            return Err(Reason::new(ReasonCode::PortTaken, format!("Port {port} is already allocated.")));
        }
        if self.disk.state(&app) != DataState::Present {
            self.violations.push(format!("{name} started without the data of {app}"));
        }
        if let Some(error) = container.behaviour.start_error.clone() {
            return Err(refused(error));
        }
        let joined = self.join_networks(name)?;
        self.disk.write(&app, service.as_str(), &image);
        let now = self.now;
        let in_folder =
            self.containers.get(name).is_some_and(|container| container.seen.outside_volumes.is_empty());
        if in_folder {
            self.disk.write_volume(&app, service.as_str(), &image);
        }
        if let Some(container) = self.containers.get_mut(name) {
            container.seen.addresses =
                joined.keys().map(|name| (name.clone(), IpAddr::V4(Ipv4Addr::new(172, 18, 0, 2)))).collect();
            container.seen.network_ids = joined;
            if !in_folder {
                note(&mut container.outside, &image);
            }
            container.start(now);
        }
        Ok(())
    }

    /// Returns the ids of a container's networks by name. A network that it joined once is looked for by its id.
    fn join_networks(&self, name: &str) -> Result<BTreeMap<String, String>, Reason> {
        let Some(container) = self.containers.get(name) else { return Ok(BTreeMap::new()) };
        let join = |network: &String| {
            let known = self.networks.get(network);
            let remembered = container.seen.network_ids.get(network);
            known
                .filter(|known| remembered.is_none_or(|id| *id == known.id))
                .map(|known| (network.clone(), known.id.clone()))
                .ok_or_else(|| refused(format!("network {network} not found")))
        };
        container.seen.networks.iter().map(join).collect()
    }

    fn outside_volumes(&self) -> BTreeMap<String, OutsideVolume> {
        if !self.keeps_volumes_outside {
            return BTreeMap::new();
        }
        let name = Digest::of(&self.ids.to_le_bytes()).as_str()[7..].to_owned();
        let path = format!("/var/lib/docker/volumes/{name}/_data");
        BTreeMap::from([("/data".to_owned(), OutsideVolume { name, path })])
    }

    fn keep_volumes(&mut self, app: &AppId, service: &ServiceName, container: &str) -> Result<(), Reason> {
        if self.disk.state(app) != DataState::Present {
            return Err(Reason::new(ReasonCode::DataMissing, "the folder of the app is not there"));
        }
        let Some(container) = self.containers.get(container) else {
            return Err(Reason::new(ReasonCode::FileError, "the volume is not there"));
        };
        if container.is_running() {
            self.violations
                .push(format!("the volume of {service} of {app} is copied while it is written to"));
        }
        self.disk.keep_volume(app, service.as_str(), container.outside.clone());
        Ok(())
    }

    fn remove_container(&mut self, name: &str) -> Result<(), Reason> {
        match self.containers.get(name) {
            Some(container) if crate::world::is_active(&container.seen) => {
                Err(refused(format!("container {name} is running: stop it first")))
            }
            Some(_) | None => {
                self.containers.remove(name);
                Ok(())
            }
        }
    }

    fn check_nothing_writes(&mut self, step: &Step, app: &hearth_model::AppId) {
        if self.containers.values().any(|container| container.seen.app == *app && container.is_running()) {
            self.violations.push(format!("{} while a container of it runs", step.describe()));
        }
    }
}

fn socket(binding: &PortBinding) -> Option<HostSocket> {
    let address = HostAddress::of(binding.host_ip.as_deref());
    Some(HostSocket { protocol: binding.protocol, port: binding.host_port?, address })
}

fn refused(message: String) -> Reason {
    Reason::new(ReasonCode::EngineRefused, message)
}
