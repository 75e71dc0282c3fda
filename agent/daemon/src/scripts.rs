//! Scripts that packages of other stores bring: for their variables, and for points of an app's life.

/// What scripts ask of the platform while they run.
pub(crate) mod calls;
/// Variables that apps export.
mod exports;
/// Scripts at points of an app's life.
mod hooks;
/// What a script sees of the box.
mod platform;
/// A reader of the app's Compose file.
mod yq;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hearth_model::observed::{ContainerState, ObservedContainer};
use hearth_model::{AppId, Reason};

pub(crate) use exports::runs as run_exports;
pub(crate) use platform::Folder;

use crate::resolve::Circle;

/// What is remembered of scripts while the agent runs.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Apps that were prepared and have not run since.
    prepared: BTreeSet<AppId>,
    /// The last failure of a script of an app, until the same script does well.
    trouble: BTreeMap<AppId, Trouble>,
    /// What each app was told by the exports, and in which circle.
    exported: BTreeMap<AppId, (Circle, BTreeMap<String, String>)>,
}

#[derive(Debug)]
struct Trouble {
    script: &'static str,
    reason: Reason,
}

impl Scripts {
    /// Returns the apps that were prepared for a start and have not run since.
    pub(crate) fn prepared(&self, containers: &BTreeMap<String, ObservedContainer>) -> BTreeSet<AppId> {
        let running = running(containers);
        self.lock().prepared.iter().filter(|app| !running.contains(app)).cloned().collect()
    }

    /// Forgets that apps were prepared which run by now: before their next start they are prepared again.
    pub(crate) fn forget_prepared(&self, containers: &BTreeMap<String, ObservedContainer>) {
        let running = running(containers);
        self.lock().prepared.retain(|app| !running.contains(app));
    }

    /// Makes an app be prepared again before its next start.
    pub(crate) fn prepare_again(&self, app: &AppId) {
        self.lock().prepared.remove(app);
    }

    /// Returns what went wrong in a script of an app.
    pub(crate) fn trouble(&self, app: &AppId) -> Option<Reason> {
        self.lock().trouble.get(app).map(|trouble| trouble.reason.clone())
    }

    /// Forgets apps that are not installed any more.
    pub(crate) fn retain(&self, installed: impl Fn(&AppId) -> bool) {
        let mut memory = self.lock();
        memory.prepared.retain(&installed);
        memory.trouble.retain(|app, _| installed(app));
        memory.exported.retain(|app, _| installed(app));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(containers: &BTreeMap<String, ObservedContainer>) -> BTreeSet<&AppId> {
    let runs = |container: &&ObservedContainer| match container.state {
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting { .. } => true,
        ContainerState::Created { .. }
        | ContainerState::Exited { .. }
        | ContainerState::Removing
        | ContainerState::Dead
        | ContainerState::Other(_) => false,
    };
    containers.values().filter(runs).map(|container| &container.app).collect()
}
