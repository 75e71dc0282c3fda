use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearth_model::observed::{ContainerState, Health};
use jiff::Timestamp;

use crate::observe::status::{self, Status};
use crate::wire;

/// Longest output of a health check that is shown, in characters.
const HEALTH_OUTPUT_CHARS: usize = 500;

/// What a question about one container brought.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) state: ContainerState,
    pub(crate) health: Option<Health>,
    pub(crate) restart_count: u64,
    pub(crate) started_at: Option<Timestamp>,
}

/// Facts by container id, so that a look asks only about containers that have changed.
///
/// They count for as long as the list says the same about the container, and the time it names fits the start (or end)
/// that is known: a container that was restarted in between has been up for less. As many entries as there are
/// containers of ours.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    by_id: Mutex<HashMap<String, (Status, Facts)>>,
}

impl Cache {
    pub(crate) fn get(&self, id: &str, now: &Status) -> Option<Facts> {
        let entries = self.lock();
        let (then, facts) = entries.get(id)?;
        let age = |moment: Option<Timestamp>| {
            let age = Timestamp::now().duration_since(moment?);
            Some(Duration::try_from(age).unwrap_or_default())
        };
        let same = match (then, now) {
            (
                Status::Up { paused: was_paused, health: was, .. },
                Status::Up { paused, health, for_so_long },
            ) => {
                was_paused == paused
                    && was == health
                    && *health != status::Health::Unhealthy
                    && for_so_long.fits(age(facts.started_at)?)
            }
            (Status::Exited { exit_code: was, .. }, Status::Exited { exit_code, so_long_ago }) => {
                let ContainerState::Exited { finished_at, .. } = &facts.state else { return None };
                was == exit_code && so_long_ago.fits(age(*finished_at)?)
            }
            _ => false,
        };
        same.then(|| facts.clone())
    }

    pub(crate) fn put(&self, id: &str, status: Status, facts: Facts) -> Facts {
        self.lock().insert(id.to_owned(), (status, facts.clone()));
        facts
    }

    /// Forgets one container: something was done to it, or the engine told of it.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Forgets all containers but these.
    pub(crate) fn keep<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let ids: HashSet<&str> = ids.collect();
        self.lock().retain(|id, _| ids.contains(id.as_str()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Status, Facts)>> {
        // Entries are whole at every moment, so a panic elsewhere leaves nothing half done.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    pub(crate) fn from(state: wire::State, restart_count: u64) -> Self {
        let health = state.health.as_ref().and_then(health).filter(|_| state.status == "running");
        let started_at = moment(&state.started_at);
        let error = Some(state.error).filter(|error| !error.is_empty());
        let state = match state.status.as_str() {
            "created" => ContainerState::Created { error },
            "running" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            "restarting" => ContainerState::Restarting { exit_code: state.exit_code },
            "exited" => ContainerState::Exited {
                exit_code: state.exit_code,
                oom_killed: state.oom_killed,
                finished_at: moment(&state.finished_at),
                error,
            },
            "removing" => ContainerState::Removing,
            "dead" => ContainerState::Dead,
            other => ContainerState::Other(other.to_owned()),
        };
        Self { state, health, restart_count, started_at }
    }

    /// Returns what the list alone tells.
    pub(crate) fn unknown(state: &str) -> Self {
        let state = match state {
            "running" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            other => ContainerState::Other(other.to_owned()),
        };
        Self { state, health: None, restart_count: 0, started_at: None }
    }
}

fn health(health: &wire::HealthLog) -> Option<Health> {
    match health.status.as_str() {
        "starting" => Some(Health::Starting),
        "healthy" => Some(Health::Healthy),
        // The engine calls a container that was paused unhealthy until its next check, with no check that failed. Its last
        // check counts until then.
        "unhealthy" if health.failing_streak == Some(0) => match health.log.last() {
            Some(last) if last.exit_code == 0 => Some(Health::Healthy),
            _ => Some(Health::Starting),
        },
        "unhealthy" => {
            let output = health.log.last().map(|result| result.output.trim()).unwrap_or_default();
            Some(Health::Unhealthy { output: output.chars().take(HEALTH_OUTPUT_CHARS).collect() })
        }
        _ => None,
    }
}

/// Reads a time; Go's zero time stands for never.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|_| !text.starts_with("0001-"))
}
