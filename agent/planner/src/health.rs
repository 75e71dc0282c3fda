use std::collections::BTreeSet;

use hearth_model::container::{Healthcheck, RestartPolicy};
use hearth_model::observed::{ContainerState, Health, ObservedContainer};
use hearth_model::spec::ServiceSpec;
use hearth_model::{AppSpec, AppState, Reason, ServiceName};
use jiff::{SignedDuration, Timestamp};

use crate::changed::is_done;
use crate::page::{self, Page};
use crate::retry::later;
use crate::world::World;
use crate::{Input, Timing, words};

/// Restarts by the engine that count as a crash loop.
pub const CRASH_LOOP_RESTARTS: u64 = 3;
/// Docker's own interval between health checks
/// ([`HEALTHCHECK`](https://docs.docker.com/reference/dockerfile/#healthcheck)).
const DEFAULT_INTERVAL_MS: u64 = 30_000;
/// Docker's own count of failures that make a container unhealthy.
const DEFAULT_RETRIES: u32 = 3;

/// How one service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceHealth {
    /// It has no container.
    Missing,
    /// Its container was never started, or its start failed with these words of the engine.
    NotStarted(Option<String>),
    /// It runs, and its health check has no verdict yet.
    Starting,
    /// It runs and has no health check.
    Running,
    /// It runs and is healthy.
    Healthy,
    /// It runs and its health check fails, with this output.
    Unhealthy(String),
    /// It ended with this exit code, and the engine is about to start it again.
    Restarting(i64),
    /// The engine started it again that often, the last time just now.
    CrashLoop(u64),
    /// A one-shot service that ended well.
    Done,
    /// It ended.
    Ended {
        /// Its exit code.
        exit_code: i64,
        /// Killed for want of memory.
        out_of_memory: bool,
    },
    /// Somebody paused it.
    Paused,
    /// It is being removed, or in a state that Hearth has no word for.
    Unclear,
}

/// Returns how a service is.
pub fn of_service(
    service: &ServiceSpec,
    container: Option<&ObservedContainer>,
    timing: &Timing,
    now: Timestamp,
) -> ServiceHealth {
    let Some(container) = container else { return ServiceHealth::Missing };
    if is_done(service, container) {
        return ServiceHealth::Done;
    }
    let often = container.restart_count >= CRASH_LOOP_RESTARTS;
    match &container.state {
        ContainerState::Created { error } => ServiceHealth::NotStarted(error.clone()),
        ContainerState::Restarting { .. } if often => ServiceHealth::CrashLoop(container.restart_count),
        ContainerState::Restarting { exit_code } => ServiceHealth::Restarting(*exit_code),
        ContainerState::Running
            if often && crash_window_end(container, timing).is_some_and(|end| now < end) =>
        {
            ServiceHealth::CrashLoop(container.restart_count)
        }
        ContainerState::Running => match &container.health {
            None => ServiceHealth::Running,
            Some(Health::Starting) => ServiceHealth::Starting,
            Some(Health::Healthy) => ServiceHealth::Healthy,
            Some(Health::Unhealthy { output }) => ServiceHealth::Unhealthy(output.clone()),
        },
        ContainerState::Exited { exit_code, oom_killed, .. } => {
            ServiceHealth::Ended { exit_code: *exit_code, out_of_memory: *oom_killed }
        }
        ContainerState::Paused => ServiceHealth::Paused,
        ContainerState::Removing | ContainerState::Dead | ContainerState::Other(_) => ServiceHealth::Unclear,
    }
}

/// What a look at a whole app says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AppHealth {
    pub(crate) state: AppState,
    pub(crate) reason: Option<Reason>,
    /// When the answer may be another although nothing happens.
    pub(crate) look_again_at: Option<Timestamp>,
    /// Whether every service is up, whatever its page says and however short it has been up.
    pub(crate) all_up: bool,
}

/// Returns the state of an app for which nothing can be done now: the worst of its services, and of its page. Those `held`
/// back are about to start, whatever became of them the last time.
pub(crate) fn of_app(world: &World<'_>, spec: &AppSpec, held: &BTreeSet<&ServiceName>) -> AppHealth {
    let input = &world.input;
    let page = page::state(spec, input.observed);
    let mut worst =
        AppHealth { state: AppState::Running, reason: None, look_again_at: None, all_up: held.is_empty() };
    for (name, service) in &spec.services {
        let container = input.observed.containers.get(&service.container.name);
        let health = of_service(service, container, &input.timing, input.now);
        worst.all_up &=
            matches!(health, ServiceHealth::Done | ServiceHealth::Running | ServiceHealth::Healthy);
        let settles_at = container
            .filter(|_| health == ServiceHealth::Running && !speaks_for(&page, spec, name))
            .and_then(|container| settled_at(container, &page, &input.timing))
            .filter(|at| *at > input.now);
        let (state, reason) = match &health {
            _ if held.contains(name) || settles_at.is_some() => (AppState::Starting, None),
            ServiceHealth::Done | ServiceHealth::Running | ServiceHealth::Healthy => {
                (AppState::Running, None)
            }
            ServiceHealth::Missing
            | ServiceHealth::NotStarted(None)
            | ServiceHealth::Starting
            | ServiceHealth::Unclear => (AppState::Starting, None),
            // One that ends once or twice may wait for another that is not there yet.
            ServiceHealth::Restarting(_) => (AppState::Starting, words::of_health(name, &health)),
            ServiceHealth::CrashLoop(_) | ServiceHealth::Unhealthy(_) | ServiceHealth::Paused => {
                (AppState::Unhealthy, words::of_health(name, &health))
            }
            ServiceHealth::NotStarted(Some(_)) | ServiceHealth::Ended { .. } => {
                (AppState::Failed, words::of_health(name, &health))
            }
        };
        worst.look_again_at = earliest(worst.look_again_at, settles_at);
        if let (ServiceHealth::CrashLoop(_), Some(container)) = (&health, container) {
            worst.look_again_at = earliest(worst.look_again_at, crash_window_end(container, &input.timing));
        }
        worst.add(state, reason);
    }
    of_page(&mut worst, page, input);
    worst
}

/// Adds what a page that does not answer means.
fn of_page(worst: &mut AppHealth, page: Page, input: &Input<'_>) {
    let Page::Silent { target, problem } = page else { return };
    let called_a_fault_at = target.started_at.map(|at| later(at, input.timing.page_patience));
    if called_a_fault_at.is_some_and(|at| at <= input.now) {
        // A container that ran long before the agent did is asked before it is judged.
        match problem {
            Some(problem) => {
                let reason = words::page_is_silent(&target.service, target.address.port(), &problem);
                worst.add(AppState::Unhealthy, Some(reason));
            }
            None => worst.add(AppState::Starting, None),
        }
        return;
    }
    worst.look_again_at = earliest(worst.look_again_at, called_a_fault_at);
    let reason = words::waits_for_page(&target.service, target.address.port(), problem.as_deref());
    worst.add(AppState::Starting, Some(reason));
}

impl AppHealth {
    fn add(&mut self, state: AppState, reason: Option<Reason>) {
        if severity(state) > severity(self.state) {
            self.state = state;
            self.reason = reason;
        } else if state == self.state && self.reason.is_none() {
            self.reason = reason;
        }
    }
}

/// Tells whether a page that answers shows that this service is up.
fn speaks_for(page: &Page, spec: &AppSpec, service: &ServiceName) -> bool {
    *page == Page::Answers && page::service(spec).as_ref() == Some(service)
}

/// Returns when a container that cannot say how it is counts as up.
fn settled_at(container: &ObservedContainer, page: &Page, timing: &Timing) -> Option<Timestamp> {
    let settle = if *page == Page::Answers { timing.settle_with_page } else { timing.settle };
    container.started_at.map(|at| later(at, settle))
}

/// How bad a state is beside the others that [`of_app`] gives a service.
fn severity(state: AppState) -> Option<usize> {
    [AppState::Running, AppState::Starting, AppState::Unhealthy, AppState::Failed]
        .iter()
        .position(|one| *one == state)
}

/// Returns the earlier of two moments, where there are any.
pub(crate) fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn crash_window_end(container: &ObservedContainer, timing: &Timing) -> Option<Timestamp> {
    container.started_at.map(|at| later(at, timing.crash_loop_window))
}

/// Returns how long a service may need until its health check has a verdict: its start period, and as many checks as
/// must fail in a row. Zero without a health check.
pub fn verdict_within(healthcheck: Option<&Healthcheck>) -> SignedDuration {
    let Some(healthcheck) = healthcheck else { return SignedDuration::ZERO };
    let interval_ms = healthcheck.interval_ms.unwrap_or(DEFAULT_INTERVAL_MS);
    let timeout_ms = healthcheck.timeout_ms.unwrap_or(DEFAULT_INTERVAL_MS);
    let retries = u64::from(healthcheck.retries.unwrap_or(DEFAULT_RETRIES).max(1));
    let checks_ms = interval_ms.saturating_add(timeout_ms).saturating_mul(retries);
    let total_ms = healthcheck.start_period_ms.unwrap_or(0).saturating_add(checks_ms);
    SignedDuration::from_millis(i64::try_from(total_ms).unwrap_or(i64::MAX))
}

/// Returns how long a service that was healthy may fail its checks before it counts as unhealthy.
pub(crate) fn fails_within(healthcheck: &Healthcheck) -> SignedDuration {
    let interval_ms = healthcheck.interval_ms.unwrap_or(DEFAULT_INTERVAL_MS);
    let retries = u64::from(healthcheck.retries.unwrap_or(DEFAULT_RETRIES).max(1));
    SignedDuration::from_millis(i64::try_from(interval_ms.saturating_mul(retries)).unwrap_or(i64::MAX))
}

/// What is to be done about a container that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Start it.
    Now,
    /// Start it then.
    At(Timestamp),
    /// It ended by itself and its restart policy leaves it so.
    No,
}

/// Decides whether a container that ended is started again.
pub(crate) fn start_again(
    service: &ServiceSpec,
    container: &ObservedContainer,
    wanted_since: Option<Timestamp>,
    timing: &Timing,
    now: Timestamp,
) -> Again {
    let ContainerState::Exited { exit_code, finished_at, .. } = &container.state else { return Again::No };
    if is_done(service, container) {
        return Again::No;
    }
    let is_restarted = match service.container.restart {
        RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        RestartPolicy::OnFailure(most) => {
            *exit_code != 0 && (most == 0 || container.restart_count < u64::from(most))
        }
        RestartPolicy::No => false,
    };
    if is_restarted {
        // Some engines may not start these again by themselves, and then nothing else keeps a pause between two starts.
        let is_ours = service.container.mounts.iter().any(|mount| mount.beneath().is_some());
        let was_wanted = |finished: Timestamp| wanted_since.is_some_and(|since| finished <= since);
        return match finished_at {
            Some(finished) if is_ours && !was_wanted(*finished) => {
                let at = later(*finished, timing.restart_pause);
                if at <= now { Again::Now } else { Again::At(at) }
            }
            // The engine starts the others again itself unless they were stopped by hand.
            Some(_) | None => Again::Now,
        };
    }
    match (wanted_since, finished_at) {
        (Some(since), Some(finished)) if *finished <= since => Again::Now,
        (Some(_), Some(_)) => Again::No,
        (_, None) => Again::Now,
        (None, Some(finished)) => {
            let at = later(*finished, timing.restart_pause);
            if at <= now { Again::Now } else { Again::At(at) }
        }
    }
}

#[cfg(test)]
mod tests;
