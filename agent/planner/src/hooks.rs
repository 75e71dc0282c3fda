use hearth_model::{AppSpec, DataStep, EngineStep, Hook, Step};

use crate::decision::Decision;
use crate::world::{World, is_active};

/// Puts the package's scripts where they belong in an app's stages.
///
/// What comes after [`Hook::PreStart`] is left to the next look: the script may change what the app is made of.
pub(crate) fn add(world: &World<'_>, spec: &AppSpec, decision: &mut Decision) {
    if spec.hooks.is_empty() {
        return;
    }
    if decision.plan.stages.is_empty() {
        // Not only once its page answers: that may be what the script is for.
        if decision.all_up {
            after_all_runs(world, spec, decision);
        }
        return;
    }
    let prepared = world.input.observed.prepared.contains(&spec.app);
    let stages = &mut decision.plan.stages;
    let first_made = stages.iter().position(|stage| stage.iter().any(makes));
    let goes = |name: &str| stages.iter().flatten().any(|step| stops(step, name));
    let active = world.containers(&spec.app).iter().filter(|seen| is_active(seen.container));
    let (mut runs_on, mut ends) = (false, false);
    for seen in active {
        if goes(seen.name) {
            ends = true;
        } else {
            runs_on = true;
        }
    }
    match first_made {
        Some(at) if !runs_on && !prepared && spec.hooks.contains(&Hook::PreStart) => {
            stages.truncate(at);
            leave_mounted_folders(stages);
            if !done(world, spec, Hook::PreInstall) && spec.hooks.contains(&Hook::PreInstall) {
                stages.push(vec![run(spec, Hook::PreInstall)]);
            }
            stages.push(vec![run(spec, Hook::PreStart)]);
            decision.plan.waiting.clear();
        }
        _ => {
            let starts = stages
                .iter()
                .flatten()
                .any(|step| matches!(step, Step::Engine(EngineStep::StartContainer { .. })));
            if starts && decision.plan.waiting.is_empty() && spec.hooks.contains(&Hook::PostStart) {
                stages.push(vec![run(spec, Hook::PostStart)]);
            }
        }
    }
    around_snapshot(spec, stages);
    if ends && !runs_on {
        around_stop(spec, stages);
    }
}

/// Leaves out folders that only a mount asks for: the script that runs first may make a file there.
fn leave_mounted_folders(stages: &mut Vec<Vec<Step>>) {
    for step in stages.iter_mut().flatten() {
        if let Step::Data(DataStep::WriteFiles { folders, .. }) = step {
            folders.retain(|_, folder| !folder.mounted);
        }
    }
    let writes = |step: &Step| match step {
        Step::Data(DataStep::WriteFiles { folders, files, .. }) => !(folders.is_empty() && files.is_empty()),
        _ => true,
    };
    stages.iter_mut().for_each(|stage| stage.retain(writes));
    stages.retain(|stage| !stage.is_empty());
}

fn after_all_runs(world: &World<'_>, spec: &AppSpec, decision: &mut Decision) {
    let due = [Hook::PostInstall, Hook::PostUpdate].into_iter().find(|hook| {
        let wanted = match hook {
            Hook::PostUpdate => world
                .input
                .observed
                .hooks_done
                .get(&spec.app)
                .and_then(|done| done.get(hook))
                .is_some_and(|last| *last != spec.package_digest),
            _ => !done(world, spec, *hook),
        };
        spec.hooks.contains(hook) && wanted
    });
    decision.plan.stages.extend(due.map(|hook| vec![run(spec, hook)]));
}

fn around_snapshot(spec: &AppSpec, stages: &mut Vec<Vec<Step>>) {
    let copies = |stage: &Vec<Step>| {
        stage.iter().any(|step| matches!(step, Step::Data(DataStep::SnapshotData { .. })))
    };
    if spec.hooks.contains(&Hook::PreUpdate)
        && let Some(at) = stages.iter().position(copies)
    {
        stages.insert(at, vec![run(spec, Hook::PreUpdate)]);
    }
}

fn around_stop(spec: &AppSpec, stages: &mut Vec<Vec<Step>>) {
    let stops = |stage: &Vec<Step>| {
        stage.iter().any(|step| matches!(step, Step::Engine(EngineStep::StopContainer { .. })))
    };
    let (Some(first), Some(last)) = (stages.iter().position(stops), stages.iter().rposition(stops)) else {
        return;
    };
    if spec.hooks.contains(&Hook::PostStop) {
        stages.insert(last + 1, vec![run(spec, Hook::PostStop)]);
    }
    if spec.hooks.contains(&Hook::PreStop) {
        stages.insert(first, vec![run(spec, Hook::PreStop)]);
    }
}

fn run(spec: &AppSpec, hook: Hook) -> Step {
    Step::RunHook { app: spec.app.clone(), hook }
}

fn done(world: &World<'_>, spec: &AppSpec, hook: Hook) -> bool {
    world.input.observed.hooks_done.get(&spec.app).is_some_and(|done| done.contains_key(&hook))
}

fn makes(step: &Step) -> bool {
    matches!(step, Step::Engine(EngineStep::CreateContainer { .. } | EngineStep::StartContainer { .. }))
}

fn stops(step: &Step, container: &str) -> bool {
    matches!(step, Step::Engine(EngineStep::StopContainer { name }) if name == container)
}
