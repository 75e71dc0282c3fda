/// Fetch and create what is missing.
mod build;
/// Start in dependency order, as far as can be seen.
mod start;
/// Stop and remove what must go.
mod teardown;

use std::collections::{BTreeMap, BTreeSet};

use hearth_model::desired::DesiredApp;
use hearth_model::observed::{ContainerState, DataState, ObservedContainer};
use hearth_model::plan::{AppPlan, Waiting};
use hearth_model::{AppSpec, AppState, DataStep, Digest, EngineStep, Reason, ServiceName, Step};
use jiff::SignedDuration;

use crate::changed::{is_changed, is_done};
use crate::decision::Decision;
use crate::health::{self, ServiceHealth, earliest};
use crate::order::Order;
use crate::retry::later;
use crate::words;
use crate::world::{Seen, World};

pub(crate) use build::fetch;
pub(crate) use teardown::{keep_steps, remove_steps, stop_all};

/// One look at one app that has a spec, on its way to that spec.
pub(crate) struct Converge<'a> {
    world: &'a World<'a>,
    entry: &'a DesiredApp,
    spec: &'a AppSpec,
    order: Order<'a>,
    /// Services whose container is removed and made anew.
    replaced: BTreeSet<&'a ServiceName>,
    /// Services whose container stays and is started again, each with the service whose namespace it has lost.
    restarted: BTreeMap<&'a ServiceName, &'a ServiceName>,
    /// Networks that are removed and made anew.
    remade: BTreeSet<&'a str>,
    /// Containers of services that the spec no longer has.
    orphans: Vec<Seen<'a>>,
    starts: Starts,
    /// Stages once everything that goes is stopped.
    after_stop: Stages,
    /// Stages once everything that goes is removed.
    after_remove: Stages,
}

/// Whether containers are only made, or started too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starts {
    Yes,
    No,
}

/// Which containers may stay when they equal their spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep<'a> {
    All,
    OfPackage(&'a Digest),
    None,
}

impl Keep<'_> {
    fn allows(self, package: &Digest) -> bool {
        match self {
            Keep::All => true,
            Keep::OfPackage(only) => package == only,
            Keep::None => false,
        }
    }
}

/// Steps of one kind, stage by stage.
type Stages = Vec<Vec<Step>>;

impl<'a> Converge<'a> {
    /// Looks at what has to change.
    ///
    /// # Errors
    /// Says what stands in the way for good: services without an order, a network that others use.
    pub(crate) fn new(
        world: &'a World<'a>,
        entry: &'a DesiredApp,
        spec: &'a AppSpec,
        starts: Starts,
        keep: Keep<'_>,
    ) -> Result<Self, Reason> {
        let order = crate::order::of(spec).map_err(|error| words::of_order(spec, &error))?;
        let names: BTreeSet<&str> =
            spec.services.values().map(|service| service.container.name.as_str()).collect();
        let orphans =
            world.containers(&spec.app).iter().filter(|seen| !names.contains(seen.name)).copied().collect();
        let mut converge = Self {
            world,
            entry,
            spec,
            order,
            replaced: BTreeSet::new(),
            restarted: BTreeMap::new(),
            remade: BTreeSet::new(),
            orphans,
            starts,
            after_stop: Stages::new(),
            after_remove: Stages::new(),
        };
        converge.remade = converge.networks_to_remake()?;
        converge.replaced = converge.services_to_replace(keep);
        if starts == Starts::Yes {
            converge.restarted = converge.services_to_restart();
        }
        Ok(converge)
    }

    /// Adds the copy of the data that an update goes back to; made while everything of the old version is stopped.
    pub(crate) fn with_snapshot(mut self, name: &str) -> Self {
        if self.data_state() == Some(DataState::New) {
            self.after_stop.push(vec![Step::Data(DataStep::CreateData { app: self.spec.app.clone() })]);
        }
        self.after_stop.push(vec![Step::Data(DataStep::SnapshotData {
            app: self.spec.app.clone(),
            name: name.to_owned(),
        })]);
        self
    }

    /// Adds the return of the data, once no container is left that could write to it or be taken for one that
    /// ended by itself.
    pub(crate) fn with_restore(mut self, name: &str) -> Self {
        self.after_remove.push(vec![Step::Data(DataStep::RestoreData {
            app: self.spec.app.clone(),
            name: name.to_owned(),
        })]);
        self
    }

    /// Returns what to do, and the state that the owner sees meanwhile.
    pub(crate) fn decide(self) -> Decision {
        let input = self.world.input;
        let start = match self.starts {
            Starts::Yes => self.start(),
            Starts::No => start::Started::default(),
        };
        let build = match self.build(!start.stages.is_empty()) {
            Ok(build) => build,
            Err(reason) => return Decision::failed(reason),
        };
        let settles = self.settles_soon();
        let clash =
            self.world.clash(&self.spec.app).filter(|_| !start.stages.is_empty() || !build.is_empty());
        let mut stages = build.fetch;
        stages.extend(self.stops());
        stages.extend(self.keeps_volumes());
        stages.extend(self.after_stop.iter().cloned());
        stages.extend(self.removes());
        stages.extend(self.after_remove.iter().cloned());
        let mut reason =
            self.restarted.iter().next().map(|(service, host)| words::restarted_with(service, host));
        match clash {
            Some(clash) if !clash.passing => return Decision::failed(clash.reason.clone()),
            // What this app itself lets go of may be what the other waits for.
            Some(clash) => reason = Some(clash.reason.clone()),
            None if settles => {}
            None => {
                stages.extend(build.make);
                stages.extend(start.stages);
            }
        }
        let mut look_again_at = start.look_again_at;
        if settles {
            look_again_at = earliest(look_again_at, Some(later(input.now, SignedDuration::from_secs(1))));
        }
        let waits = clash.is_some() || settles;
        let plan = AppPlan { stages, ..AppPlan::default() };
        let mut decision = Decision { plan, look_again_at, all_up: false };
        decision.plan.waiting = start.waiting;
        self.state(&mut decision, waits, reason, start.failed, &start.held);
        decision
    }

    /// Tells whether every service has its container, equal to its spec, and nothing else is left of another.
    pub(crate) fn is_made(&self) -> bool {
        self.replaced.is_empty()
            && self.orphans.is_empty()
            && self.order.services.iter().all(|service| self.container(service).is_some())
    }

    fn state(
        &self,
        decision: &mut Decision,
        waits: bool,
        reason: Option<Reason>,
        failed: Option<Reason>,
        held: &BTreeSet<&ServiceName>,
    ) {
        let plan = &mut decision.plan;
        let health = health::of_app(self.world, self.spec, held);
        decision.look_again_at = earliest(decision.look_again_at, health.look_again_at);
        let rests = plan.stages.is_empty() && !waits && failed.is_none();
        decision.all_up = rests && plan.waiting.is_empty() && health.all_up;
        (plan.state, plan.reason) = if !plan.stages.is_empty() || waits {
            (self.busy_state(&plan.stages), reason)
        } else if let Some(failed) = failed {
            (AppState::Failed, Some(failed))
        } else if matches!(health.state, AppState::Starting | AppState::Running) && !plan.waiting.is_empty() {
            (AppState::Starting, plan.waiting.first().map(words::waiting))
        } else {
            (health.state, health.reason)
        };
    }

    fn busy_state(&self, stages: &Stages) -> AppState {
        let ran =
            self.world.containers(&self.spec.app).iter().any(|seen| seen.container.started_at.is_some());
        let is_first = stages.iter().flatten().any(|step| {
            matches!(
                step,
                Step::Engine(EngineStep::PullImage { .. }) | Step::Data(DataStep::CreateData { .. })
            )
        });
        if is_first && !ran { AppState::Installing } else { AppState::Starting }
    }

    /// Returns the container of a service.
    fn container(&self, service: &ServiceName) -> Option<&'a ObservedContainer> {
        let name = &self.spec.services[service].container.name;
        self.world.input.observed.containers.get(name).filter(|container| container.app == self.spec.app)
    }

    /// Returns the container of a service, if that is still there after this plan's teardown.
    fn kept(&self, service: &ServiceName) -> Option<&'a ObservedContainer> {
        self.container(service).filter(|_| !self.replaced.contains(service))
    }

    /// Tells whether the engine is removing a container whose name is needed: nothing can be made until it is gone.
    fn settles_soon(&self) -> bool {
        self.world
            .containers(&self.spec.app)
            .iter()
            .any(|seen| matches!(seen.container.state, ContainerState::Removing))
    }

    /// Services whose container differs from its spec, and those whose container is made around one that goes.
    fn services_to_replace(&self, keep: Keep<'_>) -> BTreeSet<&'a ServiceName> {
        let networks = &self.world.input.observed.networks;
        let mut replaced: BTreeSet<&ServiceName> = BTreeSet::new();
        for service in &self.order.services {
            let Some(container) = self.container(service) else { continue };
            let spec = &self.spec.services[*service];
            if matches!(container.state, ContainerState::Removing) {
                continue;
            }
            let changed = is_changed(spec, container, self.entry.restarts, networks)
                || !keep.allows(&container.package_digest)
                || container.networks.iter().any(|network| self.remade.contains(network.as_str()));
            // The engine ties a shared namespace to the id of a container, and a dependent that asks for it is to be
            // restarted: both are made anew, so that a kill half-way leaves no container that only looks right.
            let around = !is_done(spec, container)
                && self.order.dependencies[service].iter().any(|(on, dependency)| {
                    let goes = replaced.contains(on) || self.container(on).is_none();
                    goes && (dependency.restart || self.order.hosts[service].contains(on))
                });
            if changed || around {
                replaced.insert(service);
            }
        }
        replaced
    }

    /// Services that run in a namespace of another's container that is gone: the other was started again after them, by
    /// itself or by the engine. They are offline, and nothing but a new start of theirs brings them back.
    fn services_to_restart(&self) -> BTreeMap<&'a ServiceName, &'a ServiceName> {
        let mut restarted: BTreeMap<&ServiceName, &ServiceName> = BTreeMap::new();
        for service in &self.order.services {
            let Some(container) = self.kept(service) else { continue };
            if is_done(&self.spec.services[*service], container) {
                continue;
            }
            let lost = self.order.namespaces[service]
                .iter()
                .copied()
                .find(|host| restarted.contains_key(host) || self.has_outlived(container, host));
            if let Some(host) = lost {
                restarted.insert(service, host);
            }
        }
        restarted
    }

    /// Tells whether a container ran when the container of `host` was started the last time. One that crashes over and
    /// over is waited for.
    fn has_outlived(&self, container: &ObservedContainer, host: &ServiceName) -> bool {
        let input = &self.world.input;
        let Some(other) = self.kept(host).filter(|other| other.state == ContainerState::Running) else {
            return false;
        };
        let health = health::of_service(&self.spec.services[host], Some(other), &input.timing, input.now);
        if matches!(health, ServiceHealth::CrashLoop(_)) || container.started_at >= other.started_at {
            return false;
        }
        match &container.state {
            ContainerState::Running => true,
            ContainerState::Exited { finished_at, .. } => *finished_at >= other.started_at,
            ContainerState::Created { .. }
            | ContainerState::Paused
            | ContainerState::Restarting { .. }
            | ContainerState::Removing
            | ContainerState::Dead
            | ContainerState::Other(_) => false,
        }
    }

    fn data_state(&self) -> Option<DataState> {
        self.world.input.observed.data.get(&self.spec.app).copied()
    }
}

/// Returns a service that waits, for the plan.
fn waiting(service: &ServiceName, on: &ServiceName, until: &str) -> Waiting {
    Waiting { service: service.clone(), on: on.clone(), until: until.to_owned() }
}
