use std::collections::{BTreeMap, BTreeSet};

use hearth_model::observed::ContainerState;
use hearth_model::plan::Waiting;
use hearth_model::spec::{Dependency, DependencyCondition};
use hearth_model::{EngineStep, Reason, ServiceName, Step};
use jiff::Timestamp;

use super::{Converge, Stages, waiting};
use crate::health::{Again, earliest, start_again};
use crate::wait::{Readiness, readiness};

/// What starts now, and what has to wait.
#[derive(Default)]
pub(super) struct Started<'a> {
    pub(super) stages: Stages,
    pub(super) waiting: Vec<Waiting>,
    /// The first dependency that failed.
    pub(super) failed: Option<Reason>,
    pub(super) look_again_at: Option<Timestamp>,
    /// Services that do not start in this plan although they should.
    pub(super) held: BTreeSet<&'a ServiceName>,
}

/// The stage in which each service starts.
type StageOf<'a> = BTreeMap<&'a ServiceName, usize>;

/// How one dependency stands for a service that is to be started in this plan.
enum Standing {
    /// It is far enough, once this stage is over.
    After(Option<usize>),
    Wait {
        until: &'static str,
        look_again_at: Option<Timestamp>,
    },
    Failed(Reason),
}

impl<'a> Converge<'a> {
    /// Starts what should run, each service in the stage after those that it depends on.
    pub(super) fn start(&self) -> Started<'a> {
        let mut started = Started::default();
        let mut stage_of = StageOf::new();
        for service in &self.order.services {
            match self.needs_start(service) {
                Again::No => {}
                Again::At(at) => started.look_again_at = earliest(started.look_again_at, Some(at)),
                Again::Now => self.start_one(service, &mut stage_of, &mut started),
            }
        }
        for (service, stage) in stage_of {
            if started.stages.len() <= stage {
                started.stages.resize_with(stage + 1, Vec::new);
            }
            let name = self.spec.services[service].container.name.clone();
            started.stages[stage].push(Step::Engine(EngineStep::StartContainer { name }));
        }
        started
    }

    fn needs_start(&self, service: &ServiceName) -> Again {
        let Some(container) = self.kept(service).filter(|_| !self.restarted.contains_key(service)) else {
            return Again::Now;
        };
        let input = &self.world.input;
        match &container.state {
            ContainerState::Created { .. } => Again::Now,
            ContainerState::Exited { .. } => {
                let wanted_since = input.wanted_since.get(&self.spec.app).copied();
                start_again(&self.spec.services[service], container, wanted_since, &input.timing, input.now)
            }
            ContainerState::Running
            | ContainerState::Paused
            | ContainerState::Restarting { .. }
            | ContainerState::Removing
            | ContainerState::Dead
            | ContainerState::Other(_) => Again::No,
        }
    }

    fn start_one(&self, service: &'a ServiceName, stage_of: &mut StageOf<'a>, started: &mut Started<'a>) {
        let mut stage = 0;
        let mut held = false;
        for (on, dependency) in &self.order.dependencies[service] {
            match self.standing(service, on, *dependency, stage_of, &started.held) {
                Standing::After(None) => {}
                Standing::After(Some(other)) => stage = stage.max(other + 1),
                Standing::Wait { until, look_again_at } => {
                    held = true;
                    started.waiting.push(waiting(service, on, until));
                    started.look_again_at = earliest(started.look_again_at, look_again_at);
                }
                // A dependency that is not required only has a say while it is well.
                Standing::Failed(_) if !dependency.required => {}
                Standing::Failed(reason) => {
                    held = true;
                    started.failed.get_or_insert(reason);
                }
            }
        }
        if held {
            started.held.insert(service);
        } else {
            stage_of.insert(service, stage);
        }
    }

    fn standing(
        &self,
        service: &ServiceName,
        on: &ServiceName,
        dependency: Dependency,
        stage_of: &StageOf<'_>,
        held: &BTreeSet<&ServiceName>,
    ) -> Standing {
        let wait = |until| Standing::Wait { until, look_again_at: None };
        if let Some(stage) = stage_of.get(on) {
            return match dependency.condition {
                DependencyCondition::ServiceStarted => Standing::After(Some(*stage)),
                DependencyCondition::ServiceHealthy => wait("to be healthy"),
                DependencyCondition::ServiceCompletedSuccessfully => wait("to be done"),
            };
        }
        let Some(container) = self.kept(on).filter(|_| !held.contains(on)) else {
            return wait("to be started");
        };
        match readiness(&self.world.input, service, (on, &self.spec.services[on]), container, dependency) {
            Readiness::Ready => Standing::After(None),
            Readiness::Wait { until, deadline } => Standing::Wait { until, look_again_at: deadline },
            Readiness::Failed(reason) => Standing::Failed(reason),
        }
    }
}
