use hearth_model::condition::ReasonCode;
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::plan::AppPlan;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, AppState, DataStep, EngineStep, Reason, Step};

use super::without_data;
use crate::converge::{Converge, Keep, Starts, fetch};
use crate::decision::Decision;
use crate::health::earliest;
use crate::world::World;
use crate::{Input, app_update};

/// Decides for an app whose update is not over.
pub(super) fn decide(world: &World<'_>, app: &AppId, entry: &DesiredApp, update: &AppUpdate) -> Decision {
    let reverts = matches!(update.phase, UpdatePhase::Reverting { .. });
    let busy = if reverts { AppState::Reverting } else { AppState::Updating };
    let spec = match world.input.specs.get(app) {
        None => return Decision::of_state(AppState::Unknown, None),
        Some(Err(reason)) => return Decision::failed(reason.clone()),
        Some(Ok(spec)) => spec,
    };
    if let Some(decision) = without_data(world, app) {
        return decision;
    }
    let mut decision = match &update.phase {
        UpdatePhase::Fetching => fetching(world, spec),
        UpdatePhase::Switching => switching(world, entry, spec, update),
        // The old version is not the desired one yet: nothing may start on data that is about to be exchanged.
        UpdatePhase::Reverting { .. } if entry.digest == update.to && update.from.digest != update.to => {
            Decision::default()
        }
        UpdatePhase::Reverting { .. } => reverting(world, entry, spec, update),
        UpdatePhase::Probation { .. } | UpdatePhase::Done { .. } | UpdatePhase::Reverted { .. } => {
            made(Converge::new(world, entry, spec, starts(entry), Keep::All))
        }
    };
    decision.plan.state = busy;
    decision.all_up = false;
    if let UpdatePhase::Reverting { reason, log } = &update.phase {
        let message =
            format!("The new version was not kept: {reason} The version before comes back with its data.");
        decision.plan.reason =
            Some(Reason { log: log.clone(), ..Reason::new(ReasonCode::UpdateReverted, message) });
    }
    decision.look_again_at = earliest(decision.look_again_at, app_update::look_again_at(world, spec, update));
    decision
}

fn starts(entry: &DesiredApp) -> Starts {
    match entry.run {
        Run::Running => Starts::Yes,
        Run::Stopped => Starts::No,
    }
}

fn made(converge: Result<Converge<'_>, Reason>) -> Decision {
    match converge {
        Ok(converge) => converge.decide(),
        Err(reason) => Decision::failed(reason),
    }
}

/// The old version runs on; images that have to be asked for again are, once the switch begins.
fn fetching(world: &World<'_>, spec: &AppSpec) -> Decision {
    let observed = world.input.observed;
    let mut pulls = match fetch(spec, spec.services.keys(), observed) {
        Ok(pulls) => pulls,
        Err(reason) => return Decision::failed(reason),
    };
    pulls.retain(|step| !matches!(step, Step::Engine(EngineStep::PullImage { image, .. }) if observed.images.contains(image)));
    let stages = if pulls.is_empty() { Vec::new() } else { vec![pulls] };
    Decision { plan: AppPlan { stages, ..AppPlan::default() }, look_again_at: None, all_up: false }
}

fn switching(world: &World<'_>, entry: &DesiredApp, spec: &AppSpec, update: &AppUpdate) -> Decision {
    let converge = Converge::new(world, entry, spec, starts(entry), Keep::OfPackage(&update.to));
    // Once the new version ran, what is in the folder is no longer what the old one left.
    let ran = world
        .containers(&spec.app)
        .iter()
        .any(|seen| seen.container.package_digest == update.to && seen.container.started_at.is_some());
    let needs_snapshot = !ran && !app_update::has_snapshot(&world.input, &spec.app, update);
    made(
        converge
            .map(|converge| if needs_snapshot { converge.with_snapshot(&update.snapshot) } else { converge }),
    )
}

fn reverting(world: &World<'_>, entry: &DesiredApp, spec: &AppSpec, update: &AppUpdate) -> Decision {
    if app_update::needs_restore(&world.input, &spec.app, update) {
        let converge = Converge::new(world, entry, spec, starts(entry), Keep::None);
        return made(converge.map(|converge| converge.with_restore(&update.snapshot)));
    }
    made(Converge::new(world, entry, spec, starts(entry), Keep::All))
}

/// Snapshots of earlier updates: only the last one can be taken back.
pub(super) fn old_snapshots(input: &Input<'_>, app: &AppId, update: &AppUpdate) -> Option<Vec<Step>> {
    let old: Vec<Step> = input
        .observed
        .snapshots
        .get(app)?
        .iter()
        .filter(|snapshot| !snapshot.name.starts_with(&update.snapshot))
        .map(|snapshot| {
            Step::Data(DataStep::RemoveSnapshot { app: app.clone(), name: snapshot.name.clone() })
        })
        .collect();
    (!old.is_empty()).then_some(old)
}
