use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppStatus};
use jiff::tz::TimeZone;

/// What updates ask of the rest of the agent, to tell whether a release on trial works as the one before did.
pub trait HealthProbe: Send + Sync {
    /// Returns the state of the engine as it was seen last.
    fn engine_state(&self) -> EngineState;

    /// Returns the state of every app as it was published last.
    fn apps(&self) -> Arc<BTreeMap<AppId, AppStatus>>;

    /// Returns the apps that their owner wants to run, with their names.
    fn wanted_apps(&self) -> BoxFuture<'_, BTreeMap<AppId, String>>;

    /// Returns the file that says at which address the dashboard listens.
    fn address_file(&self) -> PathBuf;

    /// Returns the time zone of the box, in which the owner's window for restarts is meant.
    fn time_zone(&self) -> TimeZone;

    /// Returns a text that differs between boxes, so that they do not all ask the channel at once.
    fn seed(&self) -> String;
}
