//! What must hold of every plan, whatever it was made from: each rule here has cost somebody data, or an app that did
//! not come back. Tests run them on every plan.

/// Rules about single steps in their order.
mod steps;

use std::collections::BTreeSet;

use hearth_model::container::Protocol;
use hearth_model::desired::Run;
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::observed::{DataState, EngineState};
use hearth_model::plan::AppPlan;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppId, AppState, DataStep, EngineStep, Plan, Step};

use crate::Input;

/// Returns every rule that a plan breaks, a sentence each; none for every plan of [`crate::plan`].
pub fn problems(plan: &Plan, input: &Input<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    if !matches!(input.observed.engine, EngineState::Ready { .. }) && !plan.is_empty() {
        problems.push("steps are planned although the engine does not answer".to_owned());
    }
    shared(&mut problems, plan, input);
    let mut created: BTreeSet<&str> = BTreeSet::new();
    for (app, app_plan) in &plan.apps {
        let mut own = Vec::new();
        whole_app(&mut own, app, app_plan, input);
        steps::walk(&mut own, app, app_plan, input);
        for step in app_plan.stages.iter().flatten() {
            if let Step::Engine(EngineStep::CreateContainer { container, .. }) = step
                && !created.insert(&container.name)
            {
                own.push(format!("container {} is created twice", container.name));
            }
        }
        problems.extend(own.into_iter().map(|problem| format!("{app}: {problem}")));
    }
    ports(&mut problems, plan, input);
    problems
}

/// Only networks that belong to no single app, and none that anything is connected to.
fn shared(problems: &mut Vec<String>, plan: &Plan, input: &Input<'_>) {
    for step in &plan.shared {
        let fine = match step {
            EngineStep::CreateNetwork { app: None, network, .. } => network.shared && !network.external,
            EngineStep::RemoveNetwork { name } => {
                let seen = input.observed.networks.get(name);
                seen.is_some_and(|seen| seen.ours && seen.app.is_none() && seen.connected.is_empty())
            }
            _ => false,
        };
        if !fine {
            problems.push(format!("a shared step must not be: {}", step.describe()));
        }
    }
}

/// What holds of an app's plan as a whole.
fn whole_app(problems: &mut Vec<String>, app: &AppId, plan: &AppPlan, input: &Input<'_>) {
    let steps = || plan.stages.iter().flatten();
    let starts = steps().any(|step| matches!(step, Step::Engine(EngineStep::StartContainer { .. })));
    let makes = steps().any(|step| {
        matches!(
            step,
            Step::Engine(EngineStep::CreateContainer { .. })
                | Step::Data(DataStep::CreateData { .. } | DataStep::WriteFiles { .. })
        )
    });
    if plan.stages.iter().any(Vec::is_empty) {
        problems.push("a stage is empty".to_owned());
    }
    if plan.state == AppState::Failed && plan.reason.is_none() {
        problems.push("it failed without a reason".to_owned());
    }
    let entry = input.desired.apps.get(app);
    if starts && entry.is_none_or(|entry| entry.run == Run::Stopped) {
        problems.push("a container is started that should not run".to_owned());
    }
    if (starts || makes) && !matches!(input.observed.data.get(app), Some(DataState::New | DataState::Present))
    {
        problems.push("something is made although the app's data is missing".to_owned());
    }
    if (starts || makes) && !matches!(input.specs.get(app), Some(Ok(_))) {
        problems.push("something is made although the app's spec is not known".to_owned());
    }
    let update = input.updates.get(app).filter(|_| entry.is_some());
    if update.is_some_and(|update| update.phase == UpdatePhase::Fetching)
        && steps().any(|step| !matches!(step, Step::Engine(EngineStep::PullImage { .. })))
    {
        problems.push("the old version is touched while the new one is fetched".to_owned());
    }
    for step in steps() {
        let fine = match step {
            Step::Data(DataStep::SnapshotData { name, .. }) => update
                .is_some_and(|update| update.phase == UpdatePhase::Switching && update.snapshot == *name),
            Step::Data(DataStep::RestoreData { name, .. }) => update.is_some_and(|update| {
                matches!(update.phase, UpdatePhase::Reverting { .. }) && update.snapshot == *name
            }),
            Step::Data(DataStep::RemoveSnapshot { name, .. }) => {
                update.is_some_and(|update| update.phase.is_over() && update.snapshot != *name)
            }
            Step::Data(DataStep::RemoveData { .. }) => {
                entry.is_none() && input.desired.deleted_data.contains(app)
            }
            _ => true,
        };
        if !fine {
            problems.push(format!("nobody asked for it: {}", step.describe()));
        }
    }
}

/// No two containers that run once the plan is executed publish the same port.
fn ports(problems: &mut Vec<String>, plan: &Plan, input: &Input<'_>) {
    let mut holders: Vec<(HostSocket, &AppId)> = Vec::new();
    for container in input.observed.containers.values().filter(|container| crate::world::is_active(container))
    {
        holders.extend(container.ports.iter().map(|port| (*port, &container.app)));
    }
    let door = |port: u16| HostSocket { protocol: Protocol::Tcp, port, address: HostAddress::Any };
    holders.extend(input.observed.doors.iter().map(|(port, app)| (door(*port), app)));
    for (app, step) in plan.steps() {
        let Step::Engine(EngineStep::StartContainer { name }) = step else { continue };
        let spec = input.spec(app).and_then(|spec| {
            spec.services.values().map(|service| &service.container).find(|container| container.name == *name)
        });
        for port in spec.into_iter().flat_map(|spec| &spec.ports) {
            let Some(host_port) = port.host_port else { continue };
            let address = HostAddress::of(port.host_ip.as_deref());
            let socket = HostSocket { protocol: port.protocol, port: host_port, address };
            let other = holders.iter().find(|(held, holder)| *holder != app && held.overlaps(socket));
            if let Some((_, holder)) = other {
                problems.push(format!("{app}: {name} starts although {holder} has port {host_port}"));
            }
            holders.push((socket, app));
        }
    }
}
