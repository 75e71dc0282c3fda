use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use hearth_model::desired::DesiredApp;
use hearth_model::update::AppUpdate;
use hearth_model::{AppId, AppSpec, Desired, EngineStep, Generation, Observed, Reason, Step};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::reconciler::Turn;

/// What the owner wants, with its number, and how far updates are.
#[derive(Debug, Clone, Default)]
pub struct CurrentGeneration {
    /// Its number.
    pub generation: Generation,
    /// What the owner wants.
    pub desired: Arc<Desired>,
    /// Updates on their way, and each app's last one.
    pub updates: Arc<BTreeMap<AppId, AppUpdate>>,
}

/// One change: what is wanted afterwards, and the updates that begin or end with it.
#[derive(Debug)]
pub struct Change {
    /// What is wanted afterwards.
    pub desired: Desired,
    /// Updates that are recorded or, with `None`, forgotten.
    pub updates: Vec<(AppId, Option<AppUpdate>)>,
}

/// What each desired app is made of, or why that cannot be told. An app is missing while a script works it out.
pub type Specs = BTreeMap<AppId, Result<AppSpec, Reason>>;

/// What an app is resolved from, besides the owner's entry for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveInput<I> {
    /// Everything that goes into the app: when it changes, the app is resolved anew.
    pub input: I,
    /// Whether a script of a package has to run for it, which takes its time.
    pub runs_scripts: bool,
}

/// Everything outside of the loop.
///
/// Every method that returns a future may be dropped half-way, at a shutdown for instance; what it had begun is seen by the
/// next observation. Methods for different apps are called at the same time.
pub trait World: Clone + Send + Sync + 'static {
    /// What an app is resolved from, besides the owner's entry for it.
    type Input: Clone + Debug + PartialEq + Send + Sync + 'static;
    /// Why something could not be recorded.
    type Error: Error + Send;

    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Returns what each desired app is resolved from.
    fn inputs(
        &self,
        current: &CurrentGeneration,
    ) -> impl Future<Output = BTreeMap<AppId, ResolveInput<Self::Input>>> + Send;

    /// Resolves an app: from a package and the owner's settings to containers. It runs scripts of packages where
    /// [`ResolveInput::runs_scripts`] says so.
    ///
    /// # Errors
    /// Why it cannot be told what the app is made of.
    fn resolve(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        input: &Self::Input,
    ) -> impl Future<Output = Result<AppSpec, Reason>> + Send;

    /// Observes the engine and the host. What cannot be seen is said in [`Observed::engine`].
    fn observe(&self, current: &CurrentGeneration, specs: &Specs) -> impl Future<Output = Observed> + Send;

    /// Does one step for an app. The token ends one that fetches or runs a script, which is no failure.
    ///
    /// # Errors
    /// Why it failed.
    fn execute(
        &self,
        app: &AppId,
        step: &Step,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), Reason>> + Send;

    /// Does one step that belongs to no single app.
    ///
    /// # Errors
    /// Why it failed.
    fn execute_shared(&self, step: &EngineStep) -> impl Future<Output = Result<(), Reason>> + Send;

    /// Hears that a stage of an app's steps begins.
    fn stage_begins(&self, app: &AppId, stage: &[Step]);

    /// Hears that an app's steps have ended, or were cut off.
    fn steps_ended(&self, app: &AppId);

    /// Returns the last lines of the log of a service, or of the container of the app that does worst.
    fn last_lines(
        &self,
        app: &AppId,
        service: Option<&str>,
        observed: &Observed,
    ) -> impl Future<Output = Vec<String>> + Send;

    /// Records how far an app's update is; what is wanted stays.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn set_update(
        &self,
        app: &AppId,
        update: AppUpdate,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Changes what is wanted, in Hearth's own name, because an update of an app is taken back. `change` is given what is in
    /// force then.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn take_update_back(
        &self,
        app: &AppId,
        reason: &str,
        change: impl FnOnce(&CurrentGeneration) -> Change + Send,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Forgets what is remembered of the data of an app, unless the app was installed again meanwhile.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn forget_data(&self, app: &AppId) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Publishes what a turn saw and decided. It must not wait: the next turn only begins afterwards.
    fn publish(&self, turn: Turn);
}
