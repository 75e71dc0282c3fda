use hearth_model::condition::ReasonCode;
use hearth_model::observed::{ContainerState, DataState};
use hearth_model::plan::AppPlan;
use hearth_model::{AppId, AppState, DataStep, EngineStep, Observed, Reason, Step};

use crate::converge::stop_all;
use crate::decision::Decision;
use crate::world::{Seen, World};

/// Takes an app away that is no longer desired: containers, then networks and volumes, its data last and only if the
/// owner asked for that.
pub(crate) fn decide(world: &World<'_>, app: &AppId) -> Decision {
    let observed = world.input.observed;
    let mut stages = stop_all(world, app, world.input.spec(app));
    let deletes = world.input.desired.deleted_data.contains(app);
    let mut reason = None;
    let mut going = world.containers(app).to_vec();
    if !deletes {
        if matches!(observed.data.get(app), Some(DataState::New | DataState::Missing)) {
            reason = going.iter().find(|seen| !seen.container.outside_volumes.is_empty()).map(holds_data);
            going.retain(|seen| seen.container.outside_volumes.is_empty());
        } else {
            stages.push(crate::converge::keep_steps(&going));
        }
    }
    stages.push(crate::converge::remove_steps(&going));
    let mut unused = Vec::new();
    for name in world.networks(app) {
        if observed.networks[*name].connected.iter().all(|id| world.app_of_container(id) == Some(app)) {
            unused.push(Step::Engine(EngineStep::RemoveNetwork { name: (*name).to_owned() }));
        } else {
            reason = Some(Reason::new(
                ReasonCode::EngineRefused,
                format!(
                    "The network `{name}` cannot be removed while a container that is not this app's is connected to it. Disconnect it (`docker network inspect {name}` names it)."
                ),
            ));
        }
    }
    // A volume outside the app's folder is data too.
    let volumes = world.volumes(app).iter().filter(|name| deletes || observed.volumes[**name].in_app_folder);
    unused.extend(volumes.map(|name| Step::Engine(EngineStep::RemoveVolume { name: (*name).to_owned() })));
    stages.push(unused);
    let settles =
        world.containers(app).iter().any(|seen| matches!(seen.container.state, ContainerState::Removing));
    if deletes && !settles && has_data(observed, app) {
        stages.push(vec![Step::Data(DataStep::RemoveData { app: app.clone() })]);
    }
    stages.retain(|stage| !stage.is_empty());
    Decision {
        plan: AppPlan { stages, state: AppState::Removing, reason, waiting: Vec::new() },
        look_again_at: None,
        all_up: false,
    }
}

/// Why a container stays for now: what it holds has no folder to go to.
fn holds_data(seen: &Seen<'_>) -> Reason {
    Reason::of_service(
        ReasonCode::DataMissing,
        seen.container.service.as_str(),
        format!(
            "The container {} holds data that belongs in the app's folder, and the folder is not where it was. Connect the disk that it is on, or remove the app with its data.",
            seen.name
        ),
    )
}

/// Tells whether there is a folder or a snapshot to delete.
pub(crate) fn has_data(observed: &Observed, app: &AppId) -> bool {
    observed.data.get(app) == Some(&DataState::Present)
        || observed.snapshots.get(app).is_some_and(|snapshots| !snapshots.is_empty())
}
