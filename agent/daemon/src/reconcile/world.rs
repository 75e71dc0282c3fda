use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::desired::{Actor, DesiredApp};
use hearth_model::event::Event;
use hearth_model::observed::EngineState;
use hearth_model::update::AppUpdate;
use hearth_model::{AppId, AppSpec, EngineStep, Observed, Reason, Step};
use hearth_reconciler::{Change, CurrentGeneration, ResolveInput, Specs, Turn, World};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::look::Ports;
use super::specs::ResolvedFrom;
use super::{doors, evidence, look, pages, run, specs, start};
use crate::error::{Error, Result};
use crate::hearth::Hearth;

/// This box, as the loop needs it.
#[derive(Clone)]
pub(crate) struct ThisBox(pub(crate) Hearth);

impl World for ThisBox {
    type Input = ResolvedFrom;
    type Error = Error;

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn inputs(&self, current: &CurrentGeneration) -> BTreeMap<AppId, ResolveInput<ResolvedFrom>> {
        specs::inputs(&self.0, current).await
    }

    async fn resolve(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        input: &ResolvedFrom,
    ) -> std::result::Result<AppSpec, Reason> {
        specs::resolve(&self.0, app, wanted, input).await
    }

    async fn observe(&self, current: &CurrentGeneration, specs: &Specs) -> Observed {
        let hearth = &self.0;
        let mut observed = look::observe(hearth, current, specs, Ports::WhenNeeded).await;
        observed.pages = pages::observe(hearth, current, specs, &observed.containers);
        hearth.scripts.forget_prepared(&observed.containers);
        note_engine(hearth, &observed.engine);
        if matches!(observed.engine, EngineState::Ready { .. }) {
            start::resume_left_paused(hearth).await;
        }
        observed
    }

    async fn execute(
        &self,
        app: &AppId,
        step: &Step,
        cancel: &CancellationToken,
    ) -> std::result::Result<(), Reason> {
        run::one(&self.0, app, step, cancel).await
    }

    async fn execute_shared(&self, step: &EngineStep) -> std::result::Result<(), Reason> {
        self.0.engine.execute(step, &|_| {}).await.map_err(|error| error.reason())
    }

    fn stage_begins(&self, app: &AppId, stage: &[Step]) {
        self.0.set_progress_text(app, &run::describe(stage));
    }

    fn steps_ended(&self, app: &AppId) {
        self.0.clear_progress(app);
    }

    async fn last_lines(&self, app: &AppId, service: Option<&str>, observed: &Observed) -> Vec<String> {
        evidence::of_app(&self.0, app, service, observed).await
    }

    async fn set_update(&self, app: &AppId, update: AppUpdate) -> Result<()> {
        self.0.set_update(app, Some(update)).await
    }

    async fn take_update_back(
        &self,
        app: &AppId,
        reason: &str,
        change: impl FnOnce(&CurrentGeneration) -> Change + Send,
    ) -> Result<()> {
        let name = self.0.name_and_package(app).await.map_or_else(|_| app.to_string(), |(name, _)| name);
        let why = format!("Take the update of {name} back: {reason}");
        self.0.record(&Actor::Hearth, &why, |current| Ok(change(&current))).await?;
        Ok(())
    }

    async fn forget_data(&self, app: &AppId) -> Result<()> {
        let _editing = self.0.editing.lock().await;
        // Installed again meanwhile: what is remembered belongs to the new install.
        if !self.0.in_force().desired.deleted_data.contains(app) {
            return Ok(());
        }
        self.0.forget_data(app).await
    }

    fn publish(&self, turn: Turn) {
        let hearth = &self.0;
        hearth.scripts.retain(|app| turn.plan.apps.contains_key(app));
        doors::publish(hearth, &turn);
        hearth.turns.send_replace(Some(Arc::new(turn)));
    }
}

/// Records that the engine came or went, and tells listeners.
fn note_engine(hearth: &Hearth, engine: &EngineState) {
    let changed = hearth.engine_state.send_if_modified(|last| {
        let changed = last != engine;
        last.clone_from(engine);
        changed
    });
    if !changed {
        return;
    }
    match engine {
        EngineState::Ready { version, api_version } => {
            tracing::info!("Docker {version} answers (API {api_version})");
        }
        EngineState::Unreachable { reason } => tracing::warn!("Docker does not answer: {reason}"),
        EngineState::Starting => tracing::info!("Docker is starting"),
        EngineState::Unknown => {}
    }
    hearth.tell(Event::Engine { engine: engine.clone() });
}
