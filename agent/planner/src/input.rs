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
    /// A new version of an app with a page has so long until the page answers, at most [`Timing::probation_max`]:
    /// migrations of large libraries take minutes.
    pub page_probation: SignedDuration,
    /// A service that cannot say how it is (no health check, not the one whose page answers) runs once it was up for so
    /// long without a restart, and a new version once everything of it was well for so long. It is the time after which
    /// the engine itself
    /// [counts a start as a success](https://docs.docker.com/engine/containers/start-containers-automatically/).
    pub settle: SignedDuration,
    /// The same for a service beside a page that answers: most of what the page needs is up by then, so this only has to be
    /// longer than a program needs to end at once.
    pub settle_with_page: SignedDuration,
    /// A page that does not answer so long after its container was started is called a fault; until then the app starts.
    pub page_patience: SignedDuration,
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
            page_probation: SignedDuration::from_mins(10),
            settle: SignedDuration::from_secs(10),
            settle_with_page: SignedDuration::from_secs(3),
            page_patience: SignedDuration::from_mins(5),
            dependency_min: SignedDuration::from_mins(2),
            restart_pause: SignedDuration::from_secs(10),
            crash_loop_window: SignedDuration::from_mins(1),
        }
    }
}

impl Timing {
    /// Returns the default with another bound on how long a new version may take until it is healthy and its page answers.
    pub fn with_update_patience(patience: SignedDuration) -> Self {
        let Self { probation_min, .. } = Self::default();
        Self {
            probation_min: probation_min.min(patience),
            probation_max: patience,
            page_probation: patience,
            ..Self::default()
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
