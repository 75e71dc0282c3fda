use serde::{Deserialize, Serialize};

use crate::desired::DesiredApp;
use crate::id::Digest;
use crate::time::Timestamp;

/// An app's way from one package to the next, kept in the database so that it survives a kill at any instant.
///
/// While it exists, the *old* version (its entry of desired, its images, its data) can come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppUpdate {
    /// What was desired before.
    pub from: DesiredApp,
    /// Digest of the package it goes to.
    pub to: Digest,
    /// Name of the snapshot of the data, made while everything of the app was stopped.
    pub snapshot: String,
    /// How far it is.
    pub phase: UpdatePhase,
}

/// How far an app's update is. Transitions are `planner::app_update::next`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum UpdatePhase {
    /// New images are fetched; the old version runs.
    Fetching,
    /// The old version is stopped, its data copied, its containers replaced.
    Switching,
    /// The new version was started and must be healthy by then.
    Probation {
        /// The last moment.
        deadline: Timestamp,
        /// Since when everything of the new version has been well without a break; `None` while something is not.
        #[serde(default)]
        well_since: Option<Timestamp>,
    },
    /// It did not get healthy: the old version and the old data come back.
    Reverting {
        /// Why, for the owner.
        reason: String,
        /// The last lines of the log that shows it.
        log: Vec<String>,
    },
    /// The new version is healthy. The snapshot stays until the next update, for the owner to go back by hand.
    Done {
        /// When it got healthy.
        at: Timestamp,
    },
    /// The old version is back.
    Reverted {
        /// Why the new one was not kept.
        reason: String,
        /// The last lines of the log that showed it.
        log: Vec<String>,
        /// When.
        at: Timestamp,
    },
}

impl UpdatePhase {
    /// Tells whether the update has ended, one way or the other.
    pub fn is_over(&self) -> bool {
        match self {
            UpdatePhase::Fetching
            | UpdatePhase::Switching
            | UpdatePhase::Probation { .. }
            | UpdatePhase::Reverting { .. } => false,
            UpdatePhase::Done { .. } | UpdatePhase::Reverted { .. } => true,
        }
    }
}
