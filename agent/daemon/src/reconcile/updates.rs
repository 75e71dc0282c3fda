use hearth_model::desired::{Actor, DesiredApp};
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, Chain, Desired};
use jiff::Timestamp;

use crate::error::Result;
use crate::hearth::InForce;
use crate::hearth::edits::Change;
use crate::reconcile::look::{self, View};
use crate::reconcile::{Loop, evidence};

/// Takes every update one phase further where it can be. Returns whether anything changed, so that a new look is due.
pub(super) async fn advance(state: &mut Loop, now: &InForce, view: &View) -> bool {
    let mut changed = false;
    for (app, update) in now.updates.iter() {
        let input = look::input(&state.hearth, now, view, &state.failures, &state.wanted_since);
        let Some(phase) = hearth_planner::app_update::next(app, update, &input) else { continue };
        match step(state, now, view, app, update, phase).await {
            Ok(()) => changed = true,
            Err(error) => {
                tracing::error!(app.id = %app, "the update could not be recorded: {}", Chain(&error));
            }
        }
    }
    changed
}

async fn step(
    state: &mut Loop,
    now: &InForce,
    view: &View,
    app: &AppId,
    update: &AppUpdate,
    phase: UpdatePhase,
) -> Result<()> {
    // That a new version has begun or ceased to be well is no new phase.
    if std::mem::discriminant(&update.phase) != std::mem::discriminant(&phase) {
        tracing::info!(app.id = %app, phase = ?phase, "the update came further");
        // Each phase begins with a clean slate: what failed in the last one says nothing of this one.
        state.failures.remove(app);
        state.wanted_since.insert(app.clone(), Timestamp::now());
    }
    let UpdatePhase::Reverting { reason, log } = phase else {
        let update = AppUpdate { phase, ..update.clone() };
        return state.hearth.set_update(app, Some(update)).await;
    };
    // What is wanted goes back first: from then on every look leads to the old version.
    let log = if log.is_empty() {
        let input = look::input(&state.hearth, now, view, &state.failures, &state.wanted_since);
        let service = hearth_planner::app_update::culprit(app, update, &input);
        evidence::of_app(&state.hearth, app, service.as_ref().map(AsRef::as_ref), &view.observed).await
    } else {
        log
    };
    let back = AppUpdate { phase: UpdatePhase::Reverting { reason: reason.clone(), log }, ..update.clone() };
    let name = state.hearth.name_and_package(app).await.map_or_else(|_| app.to_string(), |(name, _)| name);
    let why = format!("Take the update of {name} back: {reason}");
    let generation = now.generation;
    state
        .hearth
        .edit(&Actor::Hearth, &why, |now| {
            let mut desired: Desired = (*now.desired).clone();
            // Somebody changed the app meanwhile: the next look decides anew.
            if now.generation != generation {
                return Ok(Change { desired, updates: Vec::new() });
            }
            // Whether it should run is the owner's word, whichever version it is.
            let run = desired.apps.get(app).map_or(update.from.run, |wanted| wanted.run);
            desired.apps.insert(app.clone(), DesiredApp { run, ..update.from.clone() });
            Ok(Change { desired, updates: vec![(app.clone(), Some(back))] })
        })
        .await?;
    Ok(())
}
