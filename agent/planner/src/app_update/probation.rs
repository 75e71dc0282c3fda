use hearth_model::{AppSpec, Reason, ServiceName};
use jiff::{SignedDuration, Timestamp};

use crate::health::{self, Again, CRASH_LOOP_RESTARTS, ServiceHealth, start_again};
use crate::page::{self, Page};
use crate::retry::later;
use crate::world::{World, is_active};
use crate::{Timing, words};

/// The longest that a version that is well has to stay so before it is kept, whatever its health checks say of their
/// interval: the owner waits for it.
const PROOF_MAX: SignedDuration = SignedDuration::from_mins(1);

/// Whether the new version proved itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Every service is up, those with a health check are healthy, and the page answers.
    Healthy,
    /// There is no verdict yet.
    NotYet {
        /// What is waited for first, and why that is too late once the time is over.
        waits_for: Reason,
    },
    /// There is hard evidence that it will not get healthy.
    Fails(Reason),
}

/// Looks at every service: one that fails outweighs those that are healthy or wait.
pub(super) fn verdict(world: &World<'_>, spec: &AppSpec) -> Verdict {
    let input = &world.input;
    let mut waits_for: Option<&ServiceName> = None;
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
            ServiceHealth::Healthy | ServiceHealth::Running | ServiceHealth::Done => true,
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
            waits_for.get_or_insert(name);
        }
    }
    let waits_for = match (waits_for, page::state(spec, input.observed)) {
        (Some(service), _) => words::not_healthy_in_time(service),
        (None, Page::Silent { target, problem }) => {
            let problem = problem.as_deref().unwrap_or("it was not asked yet");
            words::page_is_silent(&target.service, target.address.port(), problem)
        }
        (None, Page::None | Page::Answers) => return Verdict::Healthy,
    };
    Verdict::NotYet { waits_for }
}

/// Returns the moment from which on a version that has been well since `well_since` is kept. A container that was started
/// again in between begins anew.
pub(super) fn proven_at(world: &World<'_>, spec: &AppSpec, well_since: Timestamp) -> Timestamp {
    let seen = world.containers(&spec.app).iter().filter(|seen| is_active(seen.container));
    let started = seen.filter_map(|seen| seen.container.started_at).max();
    later(started.map_or(well_since, |at| at.max(well_since)), proof(spec, &world.input.timing))
}

/// Returns how long a new version has to be well without a break: long enough for health checks that begin to fail to
/// count as failed.
fn proof(spec: &AppSpec, timing: &Timing) -> SignedDuration {
    let checks = spec.services.values().filter_map(|service| service.container.healthcheck.as_ref());
    let longest = checks.map(health::fails_within).max().unwrap_or(SignedDuration::ZERO);
    longest.clamp(timing.settle, PROOF_MAX.max(timing.settle))
}

fn fails(service: &ServiceName, health: &ServiceHealth) -> Verdict {
    match words::of_health(service, health) {
        Some(reason) => Verdict::Fails(reason),
        None => Verdict::NotYet { waits_for: words::not_healthy_in_time(service) },
    }
}
