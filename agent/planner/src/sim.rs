//! An in-memory box: it executes steps as the engine and the host would, time passes when a test says so, and things
//! go wrong on request. The data of an app is a value, so that a test can see that it came back.

/// Containers that run, end, get healthy.
mod container;
/// Folders and snapshots.
mod data;
/// What each step does.
mod execute;

use std::collections::{BTreeMap, BTreeSet};

use hearth_model::host_port::HostSocket;
use hearth_model::observed::{
    EngineState, HostFacts, Observed, ObservedContainer, ObservedNetwork, ObservedPage, ObservedVolume,
};
use hearth_model::{AppId, AppSpec, Digest, Hook, ImageRef, Reason, Step};
use jiff::{SignedDuration, Timestamp};

use crate::page::Target;

use container::SimContainer;
pub use container::{Behaviour, Ending, HealthCheck, PageAnswers};
use data::Disk;

/// The box.
#[derive(Debug, Clone)]
pub struct Sim {
    /// The time on it.
    pub now: Timestamp,
    /// Its engine.
    pub engine: EngineState,
    /// What it has.
    pub host: HostFacts,
    /// Images that no registry has.
    pub not_in_registry: BTreeSet<ImageRef>,
    /// How containers of an image behave, by the image's name for people; others run and get healthy after 2 s when
    /// their spec has a health check.
    pub behaviours: BTreeMap<String, Behaviour>,
    /// Steps that fail.
    pub faults: Vec<Fault>,
    /// Containers of others.
    pub foreign_containers: BTreeSet<String>,
    /// Listeners of others.
    pub foreign_ports: BTreeMap<HostSocket, String>,
    /// Ports that the agent listens on for apps.
    pub doors: BTreeMap<u16, AppId>,
    /// What must never happen and did: a container that started without its app's data, say.
    pub violations: Vec<String>,
    /// Whether containers are made as an earlier version of Hearth made them: what a service keeps in a volume that nobody
    /// named then lies outside the app's folder.
    pub keeps_volumes_outside: bool,
    /// Scripts that ran, in their order.
    pub hooks_run: Vec<(AppId, Hook)>,
    prepared: BTreeSet<AppId>,
    images: BTreeSet<ImageRef>,
    containers: BTreeMap<String, SimContainer>,
    networks: BTreeMap<String, ObservedNetwork>,
    volumes: BTreeMap<String, ObservedVolume>,
    disk: Disk,
    ids: u64,
}

/// A step that fails.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which steps: those whose [`Step::describe`] begins so.
    pub step: String,
    /// What the executor says.
    pub reason: Reason,
    /// How many times more.
    pub times: u32,
}

impl Default for Sim {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            engine: EngineState::Ready { version: "29.0.0".to_owned(), api_version: "1.52".to_owned() },
            host: HostFacts::default(),
            not_in_registry: BTreeSet::new(),
            behaviours: BTreeMap::new(),
            faults: Vec::new(),
            foreign_containers: BTreeSet::new(),
            foreign_ports: BTreeMap::new(),
            doors: BTreeMap::new(),
            violations: Vec::new(),
            keeps_volumes_outside: false,
            hooks_run: Vec::new(),
            prepared: BTreeSet::new(),
            images: BTreeSet::new(),
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            disk: Disk::default(),
            ids: 0,
        }
    }
}

impl Sim {
    /// Returns a box with nothing on it, whose clock stands at the epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at everything. The folders of `apps` are looked at too, there or not.
    pub fn observe<'a>(&self, apps: impl IntoIterator<Item = &'a AppId>) -> Observed {
        if !matches!(self.engine, EngineState::Ready { .. }) {
            return Observed { engine: self.engine.clone(), ..Observed::default() };
        }
        let containers: BTreeMap<String, ObservedContainer> =
            self.containers.iter().map(|(name, container)| (name.clone(), container.seen.clone())).collect();
        let mut networks = self.networks.clone();
        for (name, network) in &mut networks {
            let connected = containers.values().filter(|container| {
                container.networks.contains(name)
                    && container.network_ids.get(name).is_none_or(|id| *id == network.id)
            });
            network.connected.extend(connected.map(|container| container.id.clone()));
        }
        Observed {
            engine: self.engine.clone(),
            containers,
            foreign_containers: self.foreign_containers.clone(),
            networks,
            volumes: self.volumes.clone(),
            images: self.images.clone(),
            data: apps.into_iter().map(|app| (app.clone(), self.disk.state(app))).collect(),
            snapshots: self.disk.snapshots(),
            restored_from: self.disk.restored_from(),
            prepared: self.prepared.clone(),
            hooks_done: self.hooks_done(),
            foreign_ports: self.foreign_ports.clone(),
            doors: self.doors.clone(),
            pages: BTreeMap::new(),
            host: self.host.clone(),
        }
    }

    /// Asks the page of each app that has one, as its container behaves.
    pub fn pages<'a>(&self, specs: impl IntoIterator<Item = &'a AppSpec>) -> BTreeMap<AppId, ObservedPage> {
        let containers: BTreeMap<String, ObservedContainer> =
            self.containers.iter().map(|(name, container)| (name.clone(), container.seen.clone())).collect();
        let ask = |spec: &'a AppSpec| {
            let target = crate::page::target(spec, &containers)?;
            let name = &spec.services.get(&target.service)?.container.name;
            let problem = self.containers.get(name)?.page_problem(self.now);
            let Target { container, started_at, .. } = target;
            Some((spec.app.clone(), ObservedPage { container, started_at, problem }))
        };
        specs.into_iter().filter_map(ask).collect()
    }

    fn hooks_done(&self) -> BTreeMap<AppId, BTreeMap<Hook, Digest>> {
        let mut done: BTreeMap<AppId, BTreeMap<Hook, Digest>> = BTreeMap::new();
        for (app, hook) in &self.hooks_run {
            done.entry(app.clone()).or_default().insert(*hook, Digest::of(b""));
        }
        done
    }

    /// Executes one step.
    ///
    /// # Errors
    /// As the engine or the host would say it, or as a [`Fault`] says it.
    pub fn execute(&mut self, step: &Step) -> Result<(), Reason> {
        let described = step.describe();
        let fault =
            self.faults.iter_mut().find(|fault| fault.times > 0 && described.starts_with(&fault.step));
        if let Some(fault) = fault {
            fault.times -= 1;
            return Err(fault.reason.clone());
        }
        self.execute_faithfully(step)
    }

    /// Lets time pass, second by second: containers end, are started again by the engine, get healthy. Returns whether the
    /// engine or an app's page has something to tell.
    pub fn tick(&mut self, duration: SignedDuration) -> bool {
        let end = crate::retry::later(self.now, duration);
        let mut has_changed = false;
        while self.now < end {
            self.now = crate::retry::later(self.now, SignedDuration::from_secs(1)).min(end);
            for container in self.containers.values_mut() {
                has_changed |= container.tick(self.now);
            }
        }
        has_changed
    }

    /// Switches the box off and on: containers end, and those whose restart policy says so are started again.
    pub fn reboot(&mut self) {
        for container in self.containers.values_mut() {
            container.reboot(self.now);
        }
    }

    /// Returns what an app's folder holds: one line for each version of a service that wrote to it, in order.
    pub fn data(&self, app: &AppId) -> Option<&[String]> {
        self.disk.content(app)
    }

    /// Returns what a service keeps in a volume that nobody named, wherever that is: a line for each version that ran.
    pub fn volume(&self, app: &AppId, service: &str) -> &[String] {
        let outside = self.containers.values().find(|container| {
            container.seen.app == *app
                && container.seen.service.as_str() == service
                && !container.seen.outside_volumes.is_empty()
        });
        match outside {
            Some(container) => &container.outside,
            None => self.disk.volume(app, service),
        }
    }

    /// Takes the disk with an app's folder away, or brings it back.
    pub fn set_data_away(&mut self, app: &AppId, away: bool) {
        self.disk.set_away(app, away);
    }

    /// Puts an image on the box.
    pub fn add_image(&mut self, image: ImageRef) {
        self.images.insert(image);
    }

    /// Changes what is seen of a container, as somebody outside Hearth might.
    pub fn change_container(&mut self, name: &str, change: impl FnOnce(&mut ObservedContainer)) {
        if let Some(container) = self.containers.get_mut(name) {
            change(&mut container.seen);
        }
    }

    /// Removes a container behind Hearth's back.
    pub fn lose_container(&mut self, name: &str) {
        self.containers.remove(name);
    }

    /// Removes a network behind Hearth's back, as `docker network prune` does: containers that do not run remember it.
    /// One that runs keeps it from being removed unless it is `cut_off` from it before.
    pub fn lose_network(&mut self, name: &str, cut_off: bool) {
        let uses = |container: &SimContainer| container.seen.networks.contains(name);
        if cut_off {
            for container in self.containers.values_mut().filter(|one| one.is_running() && uses(one)) {
                container.seen.networks.remove(name);
                container.seen.network_ids.remove(name);
                container.seen.addresses.remove(name);
            }
        }
        if !self.containers.values().any(|container| container.is_running() && uses(container)) {
            self.networks.remove(name);
        }
    }

    /// Lets a container end, and the engine start it again at once.
    pub fn restart_container(&mut self, name: &str) {
        let now = self.now;
        if let Some(container) = self.containers.get_mut(name).filter(|container| container.is_running()) {
            container.restart_by_engine(now);
        }
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        Digest::of(&self.ids.to_le_bytes()).as_str()[7..].to_owned()
    }

    /// Adds a network that is not Hearth's.
    pub fn add_foreign_network(&mut self, name: &str) {
        let network = ObservedNetwork {
            id: self.next_id(),
            app: None,
            ours: false,
            spec_hash: None,
            connected: BTreeSet::new(),
        };
        self.networks.insert(name.to_owned(), network);
    }
}
