use std::collections::{BTreeMap, BTreeSet};

use hearth_model::condition::ReasonCode;
use hearth_model::{AppId, AppSpec, Reason};
use jiff::Timestamp;

use super::Origin;

/// Apps for which scripts of packages run, and those for which they failed.
#[derive(Debug)]
pub(super) struct Scripts<I> {
    running: BTreeSet<AppId>,
    failed: BTreeMap<AppId, Failed<I>>,
}

/// A script of an app failed: it is run again later.
#[derive(Debug)]
struct Failed<I> {
    origin: Origin<I>,
    reason: Reason,
    attempts: u32,
    retry_at: Timestamp,
}

/// The state of the scripts of an app that has to be resolved.
pub(super) enum State {
    /// They run.
    Running,
    /// They failed, and are not run again yet.
    Failed(Reason),
    /// They have to run now.
    Due,
}

impl<I> Default for Scripts<I> {
    fn default() -> Self {
        Self { running: BTreeSet::new(), failed: BTreeMap::new() }
    }
}

impl<I: Clone + PartialEq> Scripts<I> {
    pub(super) fn state(&self, app: &AppId, origin: &Origin<I>, now: Timestamp) -> State {
        if self.running.contains(app) {
            return State::Running;
        }
        match self.failed.get(app).filter(|failed| failed.origin == *origin && failed.retry_at > now) {
            Some(failed) => State::Failed(failed.reason.clone()),
            None => State::Due,
        }
    }

    pub(super) fn begun(&mut self, app: &AppId) {
        self.running.insert(app.clone());
    }

    /// Records that an app was resolved. Returns what it is made of, unless its script failed.
    pub(super) fn ended(
        &mut self,
        app: &AppId,
        origin: &Origin<I>,
        spec: Result<AppSpec, Reason>,
        now: Timestamp,
    ) -> Option<Result<AppSpec, Reason>> {
        self.running.remove(app);
        match spec {
            Err(reason) if reason.code == ReasonCode::ScriptFailed => {
                tracing::warn!(app.id = %app, "a script of the package failed: {}", reason.message);
                let before = self.failed.get(app).filter(|failed| failed.origin == *origin);
                let attempts = before.map_or(0, |failed| failed.attempts) + 1;
                let retry_at = hearth_planner::retry::after(attempts, now);
                let failed = Failed { origin: origin.clone(), reason, attempts, retry_at };
                self.failed.insert(app.clone(), failed);
                None
            }
            spec => {
                self.failed.remove(app);
                Some(spec)
            }
        }
    }

    /// Forgets that an app's scripts failed, so that they run at the next turn.
    pub(super) fn retry(&mut self, app: &AppId) {
        self.failed.remove(app);
    }

    /// Forgets apps that are not wanted any more. A run that is under way comes to its end and is then forgotten.
    pub(super) fn retain(&mut self, wanted: impl Fn(&AppId) -> bool) {
        self.failed.retain(|app, _| wanted(app));
    }

    /// Returns when the first of the scripts that failed has to run again.
    pub(super) fn next_retry(&self) -> Option<Timestamp> {
        let waits = self.failed.iter().filter(|(app, _)| !self.running.contains(*app));
        waits.map(|(_, failed)| failed.retry_at).min()
    }

    /// Returns what an app waits for, or what failed.
    pub(super) fn problem(&self, app: &AppId) -> Option<Reason> {
        if let Some(failed) = self.failed.get(app) {
            return Some(failed.reason.clone());
        }
        self.running.contains(app).then(|| {
            let message = "Waits for the script exports.sh of its package, or of an app that it depends on.";
            Reason::new(ReasonCode::Waiting, message.to_owned())
        })
    }
}
