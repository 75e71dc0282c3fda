use hearth_model::observed::{ContainerState, ObservedContainer};
use hearth_model::spec::{Dependency, DependencyCondition, ServiceSpec};
use hearth_model::{Reason, ServiceName};
use jiff::Timestamp;

use crate::health::{self, ServiceHealth, verdict_within};
use crate::retry::later;
use crate::{Input, words};

/// How far a dependency is for a service that wants to start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Readiness {
    /// Far enough.
    Ready,
    /// Not yet.
    Wait {
        /// For what, in words.
        until: &'static str,
        /// When waiting becomes a failure.
        deadline: Option<Timestamp>,
    },
    /// It failed; it may still recover, but nothing says so.
    Failed(Reason),
}

/// Tells whether `on` has come as far as `service` needs. Its container is the one observed, which stays.
pub(crate) fn readiness(
    input: &Input<'_>,
    service: &ServiceName,
    on: (&ServiceName, &ServiceSpec),
    container: &ObservedContainer,
    dependency: Dependency,
) -> Readiness {
    let (on, on_spec) = on;
    let health = health::of_service(on_spec, Some(container), &input.timing, input.now);
    let failed = |what: String| Readiness::Failed(words::dependency_failed(service, on, &what));
    match dependency.condition {
        DependencyCondition::ServiceStarted => match container.started_at {
            Some(_) => Readiness::Ready,
            None => Readiness::Wait { until: "to be started", deadline: None },
        },
        DependencyCondition::ServiceHealthy => match health {
            ServiceHealth::Healthy => Readiness::Ready,
            ServiceHealth::Starting | ServiceHealth::Restarting(_) => {
                until_deadline(input, container, on_spec, "to be healthy", failed)
            }
            ServiceHealth::Running | ServiceHealth::Done => {
                failed("has no health check, and waiting for one is what the package asks for".to_owned())
            }
            ServiceHealth::NotStarted(_) | ServiceHealth::Missing | ServiceHealth::Unclear => {
                Readiness::Wait { until: "to be healthy", deadline: None }
            }
            other => failed(what_failed(&other)),
        },
        DependencyCondition::ServiceCompletedSuccessfully => match &container.state {
            ContainerState::Exited { exit_code: 0, .. } => Readiness::Ready,
            ContainerState::Exited { .. } => failed(what_failed(&health)),
            // A migration may take hours: its end is not bounded.
            _ => Readiness::Wait { until: "to be done", deadline: None },
        },
    }
}

fn until_deadline(
    input: &Input<'_>,
    container: &ObservedContainer,
    spec: &ServiceSpec,
    until: &'static str,
    failed: impl Fn(String) -> Readiness,
) -> Readiness {
    let patience = verdict_within(spec.container.healthcheck.as_ref()).max(input.timing.dependency_min);
    match container.started_at.map(|at| later(at, patience)) {
        Some(deadline) if deadline <= input.now => {
            failed(format!("did not get healthy within {} seconds", patience.as_secs()))
        }
        deadline => Readiness::Wait { until, deadline },
    }
}

fn what_failed(health: &ServiceHealth) -> String {
    match health {
        ServiceHealth::Unhealthy(output) => match words::first_line(output) {
            "" => "fails its health check".to_owned(),
            line => format!("fails its health check ({line})"),
        },
        ServiceHealth::CrashLoop(times) => format!("was started again {times} times"),
        ServiceHealth::Ended { out_of_memory: true, .. } => "needed more memory than there was".to_owned(),
        ServiceHealth::Ended { exit_code, .. } => words::ended(*exit_code),
        ServiceHealth::Paused => "was paused by somebody outside Hearth".to_owned(),
        _ => "did not start".to_owned(),
    }
}
