/// Apps on their way to another version.
mod updating;

use hearth_model::condition::ReasonCode;
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::observed::{DataState, EngineState};
use hearth_model::plan::AppPlan;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppId, AppState, Plan, Reason};

use crate::converge::{Converge, Keep, Starts, stop_all};
use crate::decision::Decision;
use crate::health::earliest;
use crate::world::World;
use crate::{Input, app_update, hooks, remove, shared, words};

/// Decides what must happen next for every app, and says what state each is in.
///
/// Executing a plan and planning again reaches the desired state whatever was observed first, and then nothing is
/// planned any more. [`crate::checks::problems`] finds nothing in any plan.
pub fn plan(input: &Input<'_>) -> Plan {
    match &input.observed.engine {
        EngineState::Ready { .. } => {}
        EngineState::Unknown | EngineState::Starting => return every_app(input, AppState::Unknown, None),
        EngineState::Unreachable { reason } => {
            let reason = Reason::new(ReasonCode::EngineUnreachable, reason.clone());
            return every_app(input, AppState::EngineUnreachable, Some(reason));
        }
    }
    let world = World::new(input);
    let mut plan = Plan { shared: shared::steps(input), ..Plan::default() };
    for (app, entry) in &input.desired.apps {
        let mut decision = of_desired(&world, app, entry);
        if let Some(spec) = input.spec(app) {
            hooks::add(&world, spec, &mut decision);
        }
        add(&mut plan, app, hold_back(input, app, decision));
    }
    for app in world.leftovers() {
        let decision = remove::decide(&world, app);
        // Data that is kept is all that is left of an app that is gone.
        if !decision.plan.stages.is_empty() || decision.plan.reason.is_some() {
            add(&mut plan, app, hold_back(input, app, decision));
        }
    }
    plan
}

fn add(plan: &mut Plan, app: &AppId, decision: Decision) {
    plan.look_again_at = earliest(plan.look_again_at, decision.look_again_at);
    plan.apps.insert(app.clone(), decision.plan);
}

fn every_app(input: &Input<'_>, state: AppState, reason: Option<Reason>) -> Plan {
    let app = AppPlan { state, reason, ..AppPlan::default() };
    Plan { apps: input.desired.apps.keys().map(|id| (id.clone(), app.clone())).collect(), ..Plan::default() }
}

fn of_desired(world: &World<'_>, app: &AppId, entry: &DesiredApp) -> Decision {
    let input = &world.input;
    let update = input.updates.get(app);
    if let Some(update) = update.filter(|update| !update.phase.is_over()) {
        return updating::decide(world, app, entry, update);
    }
    let mut decision = match entry.run {
        Run::Stopped => stopped(world, app),
        Run::Running => running(world, app, entry),
    };
    if let Some(update) = update
        && decision.plan.stages.is_empty()
    {
        decision.plan.stages.extend(updating::old_snapshots(input, app, update));
    }
    decision
}

fn running(world: &World<'_>, app: &AppId, entry: &DesiredApp) -> Decision {
    let spec = match world.input.specs.get(app) {
        None => return Decision::of_state(AppState::Unknown, None),
        Some(Err(reason)) => return Decision::failed(reason.clone()),
        Some(Ok(spec)) => spec,
    };
    if let Some(decision) = without_data(world, app) {
        return decision;
    }
    match Converge::new(world, entry, spec, Starts::Yes, Keep::All) {
        Ok(converge) => converge.decide(),
        Err(reason) => Decision::failed(reason),
    }
}

/// Returns the decision to wait when the app's data is not where it should be: nothing may be made in its place.
fn without_data(world: &World<'_>, app: &AppId) -> Option<Decision> {
    match world.input.observed.data.get(app) {
        Some(DataState::New | DataState::Present) => None,
        Some(DataState::Missing) => Some(Decision::failed(words::data_missing())),
        None => Some(Decision::of_state(AppState::Unknown, None)),
    }
}

fn stopped(world: &World<'_>, app: &AppId) -> Decision {
    let stages = stop_all(world, app, world.input.spec(app));
    let state = if stages.is_empty() { AppState::Stopped } else { AppState::Stopping };
    Decision { plan: AppPlan { stages, state, ..AppPlan::default() }, look_again_at: None, all_up: false }
}

/// After a failed step nothing is tried before its time, unless something else is attempted by now.
fn hold_back(input: &Input<'_>, app: &AppId, mut decision: Decision) -> Decision {
    let Some(failure) = input.failure(app) else { return decision };
    if decision.plan.stages.is_empty() {
        return decision;
    }
    if failure.retry_at > input.now {
        decision.plan.stages.clear();
        decision.plan.waiting.clear();
        decision.look_again_at = earliest(decision.look_again_at, Some(failure.retry_at));
        if !matches!(decision.plan.state, AppState::Updating | AppState::Reverting) {
            decision.plan.state = AppState::Failed;
        }
    }
    // While it is tried again, the owner still reads what went wrong last.
    decision.plan.reason = Some(failure.reason.clone());
    let phase = input.updates.get(app).map(|update| &update.phase);
    if let Some(UpdatePhase::Reverting { reason, .. }) = phase
        && app_update::is_given_up(failure)
    {
        decision.plan.state = AppState::Failed;
        decision.plan.reason = Some(words::cannot_go_back(reason, &failure.reason));
    }
    decision
}
