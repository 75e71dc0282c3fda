use std::collections::BTreeMap;

use hearth_model::update::AppUpdate;
use hearth_model::{AppId, AppSpec, Desired, Digest, Observed, Reason};
use jiff::{SignedDuration, Timestamp};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What the owner wants.
    pub desired: &'a Desired,
    /// What each desired app is made of, or why that cannot be told; an app whose spec is an error is left as it is.
    pub specs: &'a BTreeMap<AppId, Result<AppSpec, Reason>>,
    /// What was seen. [`Observed::data`] must have an entry for each desired app and each of `deleted_data`.
    pub observed: &'a Observed,
    /// Updates on their way, and each app's last one.
    pub updates: &'a BTreeMap<AppId, AppUpdate>,
    /// What failed last, by app.
    pub failures: &'a BTreeMap<AppId, Failure>,
    /// Since when Hearth wants each app to be as it should: the latest of the agent's start, the engine's return, the
    /// owner's last wish about the app (install, start, restart, retry, configure) and its update's last change of phase.
    ///
    /// A container that ended before that is started again whatever its restart policy says; one that ended after it
    /// ended by itself. Without an entry an ended container is started again, [`Timing::restart_pause`] after its end.
    pub wanted_since: &'a BTreeMap<AppId, Timestamp>,
    /// How patient to be.
    pub timing: Timing,
    /// The time of the look.
    pub now: Timestamp,
}

/// A step that failed, kept until the app's next success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, for the owner.
    pub reason: Reason,
    /// Failures in a row, from 1.
    pub attempts: u32,
    /// Nothing is tried before then: [`crate::retry::after`].
    pub retry_at: Timestamp,
    /// What was attempted, as [`crate::retry::attempt`] says it: when that changed, the new thing is tried at once.
    pub spec: Digest,
}

/// How patient to be. The default is for real boxes; tests may be in a hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A new version of an app has at least so long to get healthy.
    pub probation_min: SignedDuration,
    /// A new version of an app has at most so long to get healthy, whatever its health checks say of their start.
    pub probation_max: SignedDuration,
    /// A service without a health check counts as healthy once it ran for so long without a restart.
    pub settle: SignedDuration,
    /// A service that another waits for has at least so long to get healthy before that is called a failure.
    pub dependency_min: SignedDuration,
    /// The pause before an ended container is started again when nobody said since when it is wanted.
    pub restart_pause: SignedDuration,
    /// A container that the engine restarted often counts as crashing until it ran for so long.
    pub crash_loop_window: SignedDuration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            probation_min: SignedDuration::from_mins(2),
            probation_max: SignedDuration::from_mins(10),
            settle: SignedDuration::from_secs(10),
            dependency_min: SignedDuration::from_mins(2),
            restart_pause: SignedDuration::from_secs(10),
            crash_loop_window: SignedDuration::from_mins(1),
        }
    }
}

impl Input<'_> {
    /// Returns the spec of a desired app, when it has one.
    pub(crate) fn spec(&self, app: &AppId) -> Option<&AppSpec> {
        self.specs.get(app)?.as_ref().ok()
    }

    /// Returns the last failure of an app, unless something else is attempted by now.
    pub(crate) fn failure(&self, app: &AppId) -> Option<&Failure> {
        let failure = self.failures.get(app)?;
        (failure.spec == crate::retry::attempt(self.desired, self.specs, app)).then_some(failure)
    }
}
