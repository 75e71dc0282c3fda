use hearth_model::{AppSpec, Reason, ServiceName};
use jiff::Timestamp;

use crate::health::{self, Again, CRASH_LOOP_RESTARTS, ServiceHealth, start_again};
use crate::retry::later;
use crate::words;
use crate::world::World;

/// Whether the new version proved itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Every service with a health check is healthy, the others ran for a while.
    Healthy,
    /// There is no verdict yet.
    NotYet {
        /// The first service without one.
        waits_for: Option<ServiceName>,
    },
    /// There is hard evidence that it will not get healthy.
    Fails(Reason),
}

/// Looks at every service: one that fails outweighs those that are healthy or wait.
pub(super) fn verdict(world: &World<'_>, spec: &AppSpec) -> Verdict {
    let input = &world.input;
    let mut waits_for = None;
    for (name, service) in &spec.services {
        let container = input.observed.containers.get(&service.container.name);
        let container = container.filter(|container| container.spec_hash == service.container.hash());
        let mut health = health::of_service(service, container, &input.timing, input.now);
        if let Some(container) = container
            && container.restart_count >= CRASH_LOOP_RESTARTS
        {
            health = ServiceHealth::CrashLoop(container.restart_count);
        }
        let is_ready = match &health {
            ServiceHealth::Healthy | ServiceHealth::Done => true,
            ServiceHealth::Running => container
                .and_then(|container| container.started_at)
                .is_some_and(|at| later(at, input.timing.settle) <= input.now),
            ServiceHealth::Unhealthy(_) | ServiceHealth::CrashLoop(_) => return fails(name, &health),
            ServiceHealth::Ended { exit_code, out_of_memory } => {
                let wanted_since = input.wanted_since.get(&spec.app).copied();
                let again = container
                    .map_or(Again::Now, |c| start_again(service, c, wanted_since, &input.timing, input.now));
                if again == Again::No && (*exit_code != 0 || *out_of_memory) {
                    return fails(name, &health);
                }
                again == Again::No
            }
            ServiceHealth::Missing
            | ServiceHealth::NotStarted(_)
            | ServiceHealth::Starting
            | ServiceHealth::Restarting(_)
            | ServiceHealth::Paused
            | ServiceHealth::Unclear => false,
        };
        if !is_ready {
            waits_for.get_or_insert_with(|| name.clone());
        }
    }
    if waits_for.is_none() { Verdict::Healthy } else { Verdict::NotYet { waits_for } }
}

/// Returns when the last service without a health check will have run long enough, if that lies ahead.
pub(super) fn settled_at(world: &World<'_>, spec: &AppSpec) -> Option<Timestamp> {
    let input = &world.input;
    let moments = spec.services.values().filter_map(|service| {
        let container = input.observed.containers.get(&service.container.name)?;
        let health = health::of_service(service, Some(container), &input.timing, input.now);
        let at = container.started_at.filter(|_| health == ServiceHealth::Running)?;
        Some(later(at, input.timing.settle))
    });
    moments.max().filter(|at| *at > input.now)
}

fn fails(service: &ServiceName, health: &ServiceHealth) -> Verdict {
    match words::of_health(service, health) {
        Some(reason) => Verdict::Fails(reason),
        None => Verdict::NotYet { waits_for: Some(service.clone()) },
    }
}
