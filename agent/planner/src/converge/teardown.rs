use std::cmp::Reverse;
use std::collections::BTreeSet;

use hearth_model::condition::ReasonCode;
use hearth_model::observed::{ContainerState, DataState};
use hearth_model::{AppId, AppSpec, DataStep, EngineStep, Reason, ServiceName, Step};

use super::{Converge, Stages};
use crate::order::Order;
use crate::world::{Seen, World, is_active};

impl<'a> Converge<'a> {
    /// Networks of the app that are there and differ from their spec.
    pub(super) fn networks_to_remake(&self) -> Result<BTreeSet<&'a str>, Reason> {
        let observed = self.world.input.observed;
        let mut remade = BTreeSet::new();
        for (name, spec) in &self.spec.networks {
            let Some(seen) = observed.networks.get(name) else { continue };
            if spec.external || spec.shared || !seen.ours || seen.app.as_ref() != Some(&self.spec.app) {
                continue;
            }
            if seen.spec_hash.as_ref() == Some(&spec.hash()) {
                continue;
            }
            if !seen.connected.iter().all(|id| self.world.app_of_container(id) == Some(&self.spec.app)) {
                return Err(Reason::new(
                    ReasonCode::EngineRefused,
                    format!(
                        "The network `{name}` has to be made anew, but a container that is not this app's is connected to it. Disconnect it (`docker network inspect {name}` names it), then try again."
                    ),
                ));
            }
            remade.insert(name.as_str());
        }
        Ok(remade)
    }

    /// Stops containers that go or are started again, dependents first.
    pub(super) fn stops(&self) -> Stages {
        let mut stages = stop_stages(&newest_first(&self.orphans));
        for layer in self.order.layers.iter().rev() {
            let stopped = layer
                .iter()
                .filter(|service| self.replaced.contains(*service) || self.restarted.contains_key(*service));
            let active = stopped.filter(|service| self.container(service).is_some_and(is_active));
            stages.push(
                active
                    .map(|service| Step::Engine(EngineStep::StopContainer { name: self.name(service) }))
                    .collect(),
            );
        }
        stages.retain(|stage| !stage.is_empty());
        stages
    }

    /// Brings what containers that go hold outside the app's folder into it, before a copy of the folder is made.
    pub(super) fn keeps_volumes(&self) -> Stages {
        let replaced = self.replaced.iter().filter_map(|service| {
            let name = &self.spec.services[*service].container.name;
            Some(Seen { name, container: self.container(service)? })
        });
        let going: Vec<Seen<'_>> = self.orphans.iter().copied().chain(replaced).collect();
        let keeps = keep_steps(&going);
        if keeps.is_empty() {
            return Stages::new();
        }
        let mut stages = Stages::new();
        if self.data_state() == Some(DataState::New) {
            stages.push(vec![Step::Data(DataStep::CreateData { app: self.spec.app.clone() })]);
        }
        stages.push(keeps);
        stages
    }

    /// Removes containers that go, dependents first, then networks and volumes that nothing uses any more.
    pub(super) fn removes(&self) -> Stages {
        let mut stages = vec![remove_steps(&self.orphans)];
        for layer in self.going_layers() {
            stages.push(
                layer
                    .iter()
                    .map(|service| Step::Engine(EngineStep::RemoveContainer { name: self.name(service) }))
                    .collect(),
            );
        }
        stages.push(self.unused());
        stages.retain(|stage| !stage.is_empty());
        stages
    }

    fn going_layers(&self) -> impl Iterator<Item = Vec<&'a ServiceName>> {
        let going = |service: &&&ServiceName| self.replaced.contains(**service);
        self.order.layers.iter().rev().map(move |layer| layer.iter().filter(going).copied().collect())
    }

    fn name(&self, service: &ServiceName) -> String {
        self.spec.services[service].container.name.clone()
    }

    /// Networks and volumes that go once the containers are gone.
    fn unused(&self) -> Vec<Step> {
        let (world, app) = (self.world, &self.spec.app);
        let remade = self
            .remade
            .iter()
            .map(|name| Step::Engine(EngineStep::RemoveNetwork { name: (*name).to_owned() }));
        let going: BTreeSet<&str> = self
            .orphans
            .iter()
            .map(|seen| seen.container.id.as_str())
            .chain(self.replaced.iter().filter_map(|service| Some(self.container(service)?.id.as_str())))
            .collect();
        let networks = world.networks(app).iter().filter(|name| !self.spec.networks.contains_key(**name));
        let free = networks.filter(|name| {
            world.input.observed.networks[**name].connected.iter().all(|id| going.contains(id.as_str()))
        });
        let volumes = world.volumes(app).iter().filter(|name| {
            !self.spec.volumes.contains_key(**name) && world.input.observed.volumes[**name].in_app_folder
        });
        remade
            .chain(free.map(|name| Step::Engine(EngineStep::RemoveNetwork { name: (*name).to_owned() })))
            .chain(volumes.map(|name| Step::Engine(EngineStep::RemoveVolume { name: (*name).to_owned() })))
            .collect()
    }
}

/// Returns stages that stop every container of an app, dependents first, and the latest started first where the spec
/// says nothing.
pub(crate) fn stop_all(world: &World<'_>, app: &AppId, spec: Option<&AppSpec>) -> Stages {
    let order = spec.and_then(|spec| Some((spec, crate::order::of(spec).ok()?)));
    let Some((spec, order)) = order else {
        return stop_stages(&newest_first(world.containers(app)));
    };
    let (known, unknown) = split(world.containers(app), spec);
    let mut stages = stop_stages(&newest_first(&unknown));
    stages.extend(stop_known(&order, spec, &known));
    stages
}

/// Parts containers into those of the spec, by name, and others.
fn split<'a>(seen: &[Seen<'a>], spec: &AppSpec) -> (Vec<Seen<'a>>, Vec<Seen<'a>>) {
    let names: BTreeSet<&str> =
        spec.services.values().map(|service| service.container.name.as_str()).collect();
    seen.iter().partition(|seen| names.contains(seen.name))
}

fn stop_known(order: &Order<'_>, spec: &AppSpec, known: &[Seen<'_>]) -> Stages {
    let active: BTreeSet<&str> =
        known.iter().filter(|seen| is_active(seen.container)).map(|seen| seen.name).collect();
    let layers = order.layers.iter().rev().map(|layer| {
        let names = layer.iter().map(|service| &spec.services[*service].container.name);
        let stops = names.filter(|name| active.contains(name.as_str()));
        stops.map(|name| Step::Engine(EngineStep::StopContainer { name: name.clone() })).collect::<Vec<_>>()
    });
    layers.filter(|stage| !stage.is_empty()).collect()
}

/// Sorts containers so that the latest started comes first: the nearest there is to dependents first without a spec.
pub(crate) fn newest_first<'a>(seen: &[Seen<'a>]) -> Vec<Seen<'a>> {
    let mut sorted = seen.to_vec();
    sorted.sort_by_key(|seen| (Reverse(seen.container.started_at), seen.name));
    sorted
}

/// Returns stages that stop containers one after another.
pub(crate) fn stop_stages(seen: &[Seen<'_>]) -> Stages {
    let active = seen.iter().filter(|seen| is_active(seen.container));
    active.map(|seen| vec![Step::Engine(EngineStep::StopContainer { name: seen.name.to_owned() })]).collect()
}

/// Returns steps that keep what stopped containers hold in volumes outside the app's folder; they may run at the same time.
pub(crate) fn keep_steps(seen: &[Seen<'_>]) -> Vec<Step> {
    let holding = seen.iter().filter(|seen| !seen.container.outside_volumes.is_empty());
    holding
        .map(|seen| {
            Step::Data(DataStep::KeepVolumes {
                app: seen.container.app.clone(),
                service: seen.container.service.clone(),
                container: seen.name.to_owned(),
                started_at: seen.container.started_at,
                volumes: seen.container.outside_volumes.clone(),
            })
        })
        .collect()
}

/// Returns steps that remove containers which were stopped before; they may run at the same time.
pub(crate) fn remove_steps(seen: &[Seen<'_>]) -> Vec<Step> {
    let there = seen.iter().filter(|seen| !matches!(seen.container.state, ContainerState::Removing));
    there.map(|seen| Step::Engine(EngineStep::RemoveContainer { name: seen.name.to_owned() })).collect()
}
