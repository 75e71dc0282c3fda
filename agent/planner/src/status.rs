use std::collections::BTreeMap;

use hearth_model::condition::ServiceStatus;
use hearth_model::observed::ObservedContainer;
use hearth_model::plan::Waiting;
use hearth_model::{AppSpec, ServiceName};
use jiff::Timestamp;

use crate::Timing;
use crate::health::{ServiceHealth, of_service};

/// Returns the state of each service of an app, for its page. `waiting` is what the app's plan says of services that
/// wait; `containers` are those of [`hearth_model::Observed`].
pub fn services(
    spec: &AppSpec,
    containers: &BTreeMap<String, ObservedContainer>,
    waiting: &[Waiting],
    timing: &Timing,
    now: Timestamp,
) -> Vec<ServiceStatus> {
    let one = |(name, service): (&ServiceName, &hearth_model::spec::ServiceSpec)| {
        let container = containers.get(&service.container.name).filter(|container| container.app == spec.app);
        let health = of_service(service, container, timing, now);
        let waits_for = waiting.iter().find(|waiting| waiting.service == *name);
        ServiceStatus {
            service: name.to_string(),
            image: service.container.image.familiar(),
            state: match waits_for {
                Some(waiting) => format!("waits for {}", waiting.on),
                None => words(&health),
            },
            ok: is_ok(&health),
            started_at: container.and_then(|container| container.started_at),
        }
    };
    spec.services.iter().map(one).collect()
}

fn words(health: &ServiceHealth) -> String {
    match health {
        ServiceHealth::Missing => "not made".to_owned(),
        ServiceHealth::NotStarted(None) => "not started".to_owned(),
        ServiceHealth::NotStarted(Some(_)) => "could not start".to_owned(),
        ServiceHealth::Starting => "starting".to_owned(),
        ServiceHealth::Running => "running".to_owned(),
        ServiceHealth::Healthy => "healthy".to_owned(),
        ServiceHealth::Unhealthy(_) => "unhealthy".to_owned(),
        ServiceHealth::Restarting(exit_code) => format!("restarting ({exit_code})"),
        ServiceHealth::CrashLoop(times) => format!("crashed {times} times"),
        ServiceHealth::Done => "done".to_owned(),
        ServiceHealth::Ended { out_of_memory: true, .. } => "out of memory".to_owned(),
        ServiceHealth::Ended { exit_code, .. } => format!("exited ({exit_code})"),
        ServiceHealth::Paused => "paused".to_owned(),
        ServiceHealth::Unclear => "changing".to_owned(),
    }
}

fn is_ok(health: &ServiceHealth) -> bool {
    matches!(
        health,
        ServiceHealth::Starting | ServiceHealth::Running | ServiceHealth::Healthy | ServiceHealth::Done
    )
}
