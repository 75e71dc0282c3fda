use hearth_model::ContainerSpec;
use hearth_model::container::{NetworkMode, RestartPolicy};
use hearth_model::observed::{ContainerState, Health, ObservedContainer};
use jiff::{SignedDuration, Timestamp};

use crate::retry::later;

/// How containers of an image behave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// The engine's words when it refuses to start one.
    pub start_error: Option<String>,
    /// What its health check says.
    pub health: HealthCheck,
    /// When and how it ends by itself.
    pub ends: Option<Ending>,
    /// When its page answers, if it serves one.
    pub page: PageAnswers,
}

/// When a page answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageAnswers {
    /// As soon as the container runs.
    #[default]
    AtOnce,
    /// So many seconds after the start, and from then on.
    After(i64),
    /// Until so many seconds after the start, and never again.
    Until(i64),
}

/// What a health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealthCheck {
    /// Healthy after 2 s when the spec has a check, else there is none.
    #[default]
    OfSpec,
    /// Healthy so many seconds after the start.
    HealthyAfter(i64),
    /// Unhealthy so many seconds after the start.
    UnhealthyAfter(i64),
    /// Healthy a second after the start, and unhealthy so many seconds after it.
    HealthyUntil(i64),
}

/// How a container ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Seconds after its start.
    pub after_secs: i64,
    /// Its exit code.
    pub exit_code: i64,
    /// Killed for want of memory.
    pub out_of_memory: bool,
}

/// A container with what makes it move.
#[derive(Debug, Clone)]
pub(super) struct SimContainer {
    pub(super) seen: ObservedContainer,
    pub(super) spec: ContainerSpec,
    pub(super) behaviour: Behaviour,
    /// What it holds outside the app's folder.
    pub(super) outside: Vec<String>,
}

impl SimContainer {
    pub(super) fn start(&mut self, now: Timestamp) {
        self.seen.restart_count = 0;
        self.run(now);
    }

    pub(super) fn stop(&mut self, now: Timestamp) {
        if crate::world::is_active(&self.seen) {
            self.end(now, 0, false);
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.seen.state, ContainerState::Running)
    }

    pub(super) fn reboot(&mut self, now: Timestamp) {
        if !crate::world::is_active(&self.seen) {
            return;
        }
        self.end(now, 255, false);
        if self.spec.restart != RestartPolicy::No {
            self.run(now);
        }
    }

    /// Lets time pass. Returns whether something about the container changed that the agent hears of.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        let before = (self.seen.state.clone(), self.seen.health.clone(), self.seen.restart_count);
        self.come_to(now);
        let page_changes = self.behaviour.page != PageAnswers::AtOnce && self.is_running();
        page_changes || before != (self.seen.state.clone(), self.seen.health.clone(), self.seen.restart_count)
    }

    fn come_to(&mut self, now: Timestamp) {
        if let ContainerState::Restarting { .. } = self.seen.state {
            self.restart_by_engine(now);
            return;
        }
        if !self.is_running() {
            return;
        }
        let Some(started_at) = self.seen.started_at else { return };
        let ran = |secs: i64| later(started_at, SignedDuration::from_secs(secs)) <= now;
        if let Some(ending) = self.behaviour.ends.filter(|ending| ran(ending.after_secs)) {
            self.end(now, ending.exit_code, ending.out_of_memory);
            if self.engine_restarts(ending.exit_code) {
                self.seen.state = ContainerState::Restarting { exit_code: ending.exit_code };
            }
            return;
        }
        match self.behaviour.health {
            HealthCheck::OfSpec if self.has_check() && ran(2) => self.seen.health = Some(Health::Healthy),
            HealthCheck::HealthyAfter(secs) if ran(secs) => self.seen.health = Some(Health::Healthy),
            HealthCheck::UnhealthyAfter(secs) if ran(secs) => {
                self.seen.health = Some(Health::Unhealthy { output: "connection refused".to_owned() });
            }
            HealthCheck::HealthyUntil(secs) if ran(secs) => {
                self.seen.health = Some(Health::Unhealthy { output: "connection refused".to_owned() });
            }
            HealthCheck::HealthyUntil(_) if ran(1) => self.seen.health = Some(Health::Healthy),
            HealthCheck::OfSpec
            | HealthCheck::HealthyAfter(_)
            | HealthCheck::UnhealthyAfter(_)
            | HealthCheck::HealthyUntil(_) => {}
        }
    }

    pub(super) fn restart_by_engine(&mut self, now: Timestamp) {
        self.seen.restart_count += 1;
        self.run(now);
    }

    /// Why its page does not answer, while it runs.
    pub(super) fn page_problem(&self, now: Timestamp) -> Option<String> {
        let ran = |secs: i64| {
            let at = self.seen.started_at.map(|at| later(at, SignedDuration::from_secs(secs)));
            at.is_some_and(|at| at <= now)
        };
        let answers = match self.behaviour.page {
            PageAnswers::AtOnce => true,
            PageAnswers::After(secs) => ran(secs),
            PageAnswers::Until(secs) => !ran(secs),
        };
        (!answers).then(|| "connection refused".to_owned())
    }

    fn run(&mut self, now: Timestamp) {
        self.seen.state = ContainerState::Running;
        self.seen.started_at = Some(now);
        let checked = self.has_check() || self.behaviour.health != HealthCheck::OfSpec;
        self.seen.health = checked.then_some(Health::Starting);
    }

    fn end(&mut self, now: Timestamp, exit_code: i64, oom_killed: bool) {
        self.seen.state =
            ContainerState::Exited { exit_code, oom_killed, finished_at: Some(now), error: None };
        self.seen.health = None;
    }

    fn engine_restarts(&self, exit_code: i64) -> bool {
        match self.spec.restart {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure(most) => {
                exit_code != 0 && (most == 0 || self.seen.restart_count < u64::from(most))
            }
        }
    }

    fn has_check(&self) -> bool {
        let check = self.spec.healthcheck.as_ref();
        check.is_some_and(|check| check.test.first().is_some_and(|kind| kind != "NONE"))
    }
}

/// Returns the networks that a spec connects to, by name.
pub(super) fn networks(spec: &ContainerSpec) -> Vec<&String> {
    match &spec.network {
        NetworkMode::Networks(networks) => networks.keys().collect(),
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => {
            Vec::new()
        }
    }
}
