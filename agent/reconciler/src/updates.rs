use hearth_model::desired::DesiredApp;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, Chain, Desired, Generation, Observed};

use crate::reconciler::Reconciler;
use crate::world::{Change, CurrentGeneration, Specs, World};

impl<W: World> Reconciler<W> {
    /// Takes every update one phase further where it can be. Returns whether anything changed, so that the box has to be
    /// observed again.
    pub(crate) async fn advance_updates(
        &mut self,
        current: &CurrentGeneration,
        specs: &Specs,
        observed: &Observed,
    ) -> bool {
        let mut changed = false;
        for (app, update) in current.updates.iter() {
            let input = self.input(current, specs, observed);
            let Some(phase) = hearth_planner::app_update::next(app, update, &input) else { continue };
            match self.enter_phase(current, specs, observed, app, update, phase).await {
                Ok(()) => changed = true,
                Err(error) => {
                    tracing::error!(app.id = %app, "the update could not be recorded: {}", Chain(&error));
                }
            }
        }
        changed
    }

    async fn enter_phase(
        &mut self,
        current: &CurrentGeneration,
        specs: &Specs,
        observed: &Observed,
        app: &AppId,
        update: &AppUpdate,
        phase: UpdatePhase,
    ) -> Result<(), W::Error> {
        // That a new version has begun or ceased to be well is no new phase.
        if std::mem::discriminant(&update.phase) != std::mem::discriminant(&phase) {
            tracing::info!(app.id = %app, phase = ?phase, "the update came further");
            // Each phase begins with a clean slate: what failed in the last one says nothing of this one.
            self.try_now(app);
        }
        let UpdatePhase::Reverting { reason, log } = phase else {
            return self.world.set_update(app, AppUpdate { phase, ..update.clone() }).await;
        };
        // What is wanted goes back first: from then on every turn leads to the old version.
        let log = if log.is_empty() {
            let input = self.input(current, specs, observed);
            let service = hearth_planner::app_update::culprit(app, update, &input);
            self.world.last_lines(app, service.as_ref().map(AsRef::as_ref), observed).await
        } else {
            log
        };
        let back =
            AppUpdate { phase: UpdatePhase::Reverting { reason: reason.clone(), log }, ..update.clone() };
        let planned_from = current.generation;
        let change = |current: &CurrentGeneration| take_back(current, planned_from, app, back);
        self.world.take_update_back(app, &reason, change).await
    }
}

/// Returns the change that makes the version before the update wanted again; none when something else was wanted meanwhile,
/// so that the next turn decides anew.
fn take_back(current: &CurrentGeneration, planned_from: Generation, app: &AppId, back: AppUpdate) -> Change {
    let mut desired: Desired = (*current.desired).clone();
    if current.generation != planned_from {
        return Change { desired, updates: Vec::new() };
    }
    // Whether it should run is for the owner to say, whichever version it is.
    let run = desired.apps.get(app).map_or(back.from.run, |wanted| wanted.run);
    desired.apps.insert(app.clone(), DesiredApp { run, ..back.from.clone() });
    Change { desired, updates: vec![(app.clone(), Some(back))] }
}
