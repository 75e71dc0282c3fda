use std::collections::{BTreeMap, BTreeSet};

use hearth_model::container::{NetworkMode, PullPolicy};
use hearth_model::observed::{DataState, Health, ObservedContainer};
use hearth_model::plan::AppPlan;
use hearth_model::spec::DependencyCondition;
use hearth_model::{AppId, ContainerSpec, DataStep, EngineStep, ServiceName, Step};

use crate::Input;
use crate::order::Order;
use crate::world::is_active;

/// What is there after the stages so far.
struct Walk<'a> {
    app: &'a AppId,
    input: &'a Input<'a>,
    order: Option<Order<'a>>,
    /// The app's containers, and in which stage each was stopped, removed, created, started.
    seen: BTreeMap<&'a str, &'a ObservedContainer>,
    stopped: BTreeMap<&'a str, usize>,
    removed: BTreeMap<&'a str, usize>,
    created: BTreeMap<&'a str, usize>,
    started: BTreeMap<&'a str, usize>,
    /// Containers whose volumes outside the app's folder were kept.
    kept: BTreeSet<&'a str>,
    networks: BTreeSet<&'a str>,
    images: BTreeSet<String>,
    has_data: bool,
}

/// Walks through the stages of one app. Steps of one stage may run in any order, so a step only counts on earlier stages.
pub(super) fn walk(problems: &mut Vec<String>, app: &AppId, plan: &AppPlan, input: &Input<'_>) {
    let containers = input.observed.containers.iter().filter(|(_, container)| container.app == *app);
    let mut walk = Walk {
        app,
        input,
        order: input.spec(app).and_then(|spec| crate::order::of(spec).ok()),
        seen: containers.map(|(name, container)| (name.as_str(), container)).collect(),
        stopped: BTreeMap::new(),
        removed: BTreeMap::new(),
        created: BTreeMap::new(),
        started: BTreeMap::new(),
        kept: BTreeSet::new(),
        networks: input.observed.networks.keys().map(String::as_str).collect(),
        images: input.observed.images.iter().map(ToString::to_string).collect(),
        has_data: input.observed.data.get(app) == Some(&DataState::Present),
    };
    for (stage, steps) in plan.stages.iter().enumerate() {
        for step in steps {
            if let Err(problem) = walk.allow(stage, step) {
                problems.push(format!("{}: {problem}", step.describe()));
            }
        }
        for step in steps {
            walk.note(stage, step);
        }
    }
    walk.stop_order(problems);
}

impl<'a> Walk<'a> {
    fn allow(&self, stage: usize, step: &'a Step) -> Result<(), String> {
        match step {
            Step::Engine(EngineStep::PullImage { policy, .. }) => {
                rule(*policy != PullPolicy::Never, "its policy forbids that")
            }
            Step::Data(
                DataStep::CreateData { app }
                | DataStep::SnapshotData { app, .. }
                | DataStep::RemoveSnapshot { app, .. },
            ) => {
                rule(app == self.app, "it is another app's")?;
                let running = self.running();
                rule(
                    !matches!(step, Step::Data(DataStep::SnapshotData { .. })) || running.is_empty(),
                    "a container still runs",
                )?;
                let left_out = self.seen.iter().find(|(name, container)| {
                    !container.outside_volumes.is_empty()
                        && !self.kept.contains(*name)
                        && !self.removed.contains_key(*name)
                });
                rule(
                    !matches!(step, Step::Data(DataStep::SnapshotData { .. })) || left_out.is_none(),
                    "what a container holds outside the folder would be left out",
                )
            }
            Step::Data(DataStep::KeepVolumes { app, container, volumes, started_at, .. }) => {
                rule(app == self.app, "it is another app's")?;
                let seen = self.ours(container)?;
                rule(!self.running().contains(&container.as_str()), "it still runs")?;
                rule(
                    seen.outside_volumes == *volumes && seen.started_at == *started_at,
                    "it is not what the container holds",
                )
            }
            Step::Data(DataStep::WriteFiles { app, .. }) | Step::RunHook { app, .. } => {
                rule(app == self.app, "it is another app's")?;
                rule(self.has_data, "the app's folder is not there yet")
            }
            Step::Engine(EngineStep::CreateNetwork { app, name, network }) => {
                rule(app.as_ref() == Some(self.app), "it is not this app's")?;
                rule(!network.external && !network.shared, "the app must not make it")?;
                rule(!self.networks.contains(name.as_str()), "it is there")
            }
            Step::Engine(EngineStep::RemoveNetwork { name }) => self.allow_remove_network(name),
            Step::Engine(EngineStep::CreateVolume { app, volume, .. }) => {
                rule(app == self.app && !volume.external, "the app must not make it")
            }
            Step::Engine(EngineStep::RemoveVolume { name }) => {
                let seen =
                    self.input.observed.volumes.get(name).filter(|seen| seen.app.as_ref() == Some(self.app));
                let seen = seen.ok_or("it is not this app's")?;
                let deleted = self.input.desired.deleted_data.contains(self.app);
                rule(seen.in_app_folder || deleted, "its data would go and nobody asked for that")
            }
            Step::Engine(EngineStep::CreateContainer { app, container, .. }) => {
                rule(app == self.app, "it is another app's")?;
                self.allow_create(container)
            }
            Step::Engine(EngineStep::StartContainer { name }) => self.allow_start(name),
            Step::Engine(EngineStep::StopContainer { name }) => self.ours(name).map(|_| ()),
            Step::Engine(EngineStep::RemoveContainer { name }) => {
                let container = self.ours(name)?;
                rule(
                    !is_active(container) || self.stopped.contains_key(name.as_str()),
                    "it was not stopped before",
                )?;
                let deleted = self.input.desired.deleted_data.contains(self.app);
                rule(
                    container.outside_volumes.is_empty() || self.kept.contains(name.as_str()) || deleted,
                    "what it holds outside the app's folder would go",
                )
            }
            Step::Data(DataStep::RestoreData { app, .. } | DataStep::RemoveData { app }) => {
                rule(app == self.app, "it is another app's")?;
                rule(stage > 0 || self.seen.is_empty(), "containers come first")?;
                let left = self.seen.keys().find(|name| !self.removed.contains_key(*name));
                left.map_or(Ok(()), |name| Err(format!("container {name} is still there")))
            }
        }
    }

    fn note(&mut self, stage: usize, step: &'a Step) {
        match step {
            Step::Engine(EngineStep::PullImage { image, .. }) => {
                self.images.insert(image.to_string());
            }
            Step::Data(DataStep::CreateData { .. }) => self.has_data = true,
            Step::Engine(EngineStep::CreateNetwork { name, .. }) => {
                self.networks.insert(name);
            }
            Step::Engine(EngineStep::RemoveNetwork { name }) => {
                self.networks.remove(name.as_str());
            }
            Step::Engine(EngineStep::CreateContainer { container, .. }) => {
                self.created.insert(&container.name, stage);
            }
            Step::Engine(EngineStep::StartContainer { name }) => {
                self.started.insert(name, stage);
            }
            Step::Engine(EngineStep::StopContainer { name }) => {
                self.stopped.insert(name, stage);
            }
            Step::Engine(EngineStep::RemoveContainer { name }) => {
                self.removed.insert(name, stage);
            }
            Step::Data(DataStep::KeepVolumes { container, .. }) => {
                self.kept.insert(container);
            }
            Step::Data(DataStep::WriteFiles { .. })
            | Step::RunHook { .. }
            | Step::Engine(EngineStep::CreateVolume { .. } | EngineStep::RemoveVolume { .. })
            | Step::Data(
                DataStep::SnapshotData { .. }
                | DataStep::RestoreData { .. }
                | DataStep::RemoveSnapshot { .. }
                | DataStep::RemoveData { .. },
            ) => {}
        }
    }

    fn ours(&self, name: &str) -> Result<&'a ObservedContainer, String> {
        let container = self.seen.get(name).copied().ok_or("it is not a container of this app")?;
        rule(!self.removed.contains_key(name), "it was removed before")?;
        Ok(container)
    }

    /// Containers that still run after the stages so far.
    fn running(&self) -> Vec<&str> {
        let active = self.seen.iter().filter(|(name, container)| {
            is_active(container) && !self.stopped.contains_key(*name) || self.started.contains_key(*name)
        });
        active.map(|(name, _)| *name).collect()
    }

    fn allow_remove_network(&self, name: &str) -> Result<(), String> {
        let network = self.input.observed.networks.get(name).ok_or("it is not there")?;
        rule(network.ours && network.app.as_ref() == Some(self.app), "it is not this app's")?;
        let connected = self.seen.iter().filter(|(_, container)| network.connected.contains(&container.id));
        let mut gone = 0;
        for (container, _) in connected {
            rule(self.removed.contains_key(container), &format!("{container} is still connected"))?;
            gone += 1;
        }
        rule(gone == network.connected.len(), "a container of others is connected")
    }

    fn allow_create(&self, container: &ContainerSpec) -> Result<(), String> {
        let name = container.name.as_str();
        rule(!self.seen.contains_key(name) || self.removed.contains_key(name), "it is there")?;
        rule(!self.input.observed.foreign_containers.contains(name), "the name is taken")?;
        rule(self.has_data, "the app's folder is not there yet")?;
        rule(self.images.contains(&container.image.to_string()), "its image is not there yet")?;
        if let NetworkMode::Networks(networks) = &container.network {
            // Shared ones are made before any app's steps.
            let spec = self.input.spec(self.app).map(|spec| &spec.networks);
            let shared =
                |name: &String| spec.and_then(|all| all.get(name)).is_some_and(|network| network.shared);
            let missing =
                networks.keys().find(|name| !self.networks.contains(name.as_str()) && !shared(name));
            rule(missing.is_none(), "a network is not there yet")?;
        }
        for (service, host) in self.hosts(name) {
            let there = self.created.contains_key(host.as_str())
                || self.seen.contains_key(host.as_str()) && !self.removed.contains_key(host.as_str());
            rule(there, &format!("the container of {service} is not there yet"))?;
        }
        Ok(())
    }

    fn service_of(&self, container: &str) -> Option<&'a ServiceName> {
        let spec = self.input.spec(self.app)?;
        spec.services.iter().find(|(_, service)| service.container.name == container).map(|(name, _)| name)
    }

    fn hosts(&self, container: &str) -> Vec<(&'a ServiceName, &'a String)> {
        let (Some(order), Some(service)) = (&self.order, self.service_of(container)) else {
            return Vec::new();
        };
        let Some(spec) = self.input.spec(self.app) else { return Vec::new() };
        order.hosts[service].iter().map(|host| (*host, &spec.services[*host].container.name)).collect()
    }

    fn allow_start(&self, name: &str) -> Result<(), String> {
        rule(!self.started.contains_key(name), "it was started before")?;
        let is_new = self.created.contains_key(name);
        rule(is_new || self.ours(name).is_ok(), "it is not a container of this app")?;
        let service = self.service_of(name).ok_or("it is not of the spec")?;
        let (Some(order), Some(spec)) = (&self.order, self.input.spec(self.app)) else {
            return Err("its order is not known".to_owned());
        };
        for (on, dependency) in
            order.dependencies[service].iter().filter(|(_, dependency)| dependency.required)
        {
            let other = spec.services[*on].container.name.as_str();
            let kept = self.seen.get(other).filter(|_| !self.removed.contains_key(other));
            let far_enough = match dependency.condition {
                DependencyCondition::ServiceStarted => {
                    self.started.contains_key(other) || kept.is_some_and(|seen| seen.started_at.is_some())
                }
                DependencyCondition::ServiceHealthy => {
                    kept.is_some_and(|seen| is_active(seen) && seen.health == Some(Health::Healthy))
                }
                DependencyCondition::ServiceCompletedSuccessfully => kept.is_some_and(|seen| {
                    matches!(seen.state, hearth_model::observed::ContainerState::Exited { exit_code: 0, .. })
                }),
            };
            rule(far_enough, &format!("{on} has not come so far"))?;
        }
        Ok(())
    }

    /// What depends on another is stopped before it, or with it when there is no order.
    fn stop_order(&self, problems: &mut Vec<String>) {
        let (Some(order), Some(spec)) = (&self.order, self.input.spec(self.app)) else { return };
        for (service, dependencies) in &order.dependencies {
            let Some(own) = self.stopped.get(spec.services[*service].container.name.as_str()) else {
                continue;
            };
            for on in dependencies.keys() {
                let other = self.stopped.get(spec.services[*on].container.name.as_str());
                if other.is_some_and(|other| other <= own) {
                    problems.push(format!("{on} is stopped before {service}, which depends on it"));
                }
            }
        }
    }
}

fn rule(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
