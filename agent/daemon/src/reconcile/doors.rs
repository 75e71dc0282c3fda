use std::collections::BTreeMap;
use std::net::SocketAddr;

use hearth_gateway::Route;
use hearth_model::door::Door;
use hearth_model::observed::EngineState;
use hearth_model::{AppSpec, Observed};
use hearth_reconciler::Turn;

use crate::hearth::Hearth;

/// Says where to listen for apps and what is behind, from what was seen.
pub(super) fn publish(hearth: &Hearth, turn: &Turn) {
    let last = hearth.doors.routes();
    let mut routes = BTreeMap::new();
    for app in turn.current.desired.apps.keys() {
        let spec = turn.specs.get(app);
        let route = match spec {
            Some(Ok(spec)) => spec.door.as_ref().map(|door| route(spec, door, &turn.observed, last.get(app))),
            // What runs is left as it is, and so is the way to it.
            Some(Err(_)) | None => last.get(app).cloned(),
        };
        routes.extend(route.map(|route| (app.clone(), route)));
    }
    hearth.doors.set_routes(routes);
    // Without a look at the engine nobody knows who has which port.
    if matches!(turn.observed.engine, EngineState::Ready { .. }) {
        hearth.doors.set_wanted(hearth_planner::door::wanted(&turn.input(hearth.options.timing)));
    }
}

fn route(spec: &AppSpec, door: &Door, observed: &Observed, last: Option<&Route>) -> Route {
    let target = match &observed.engine {
        EngineState::Ready { .. } => {
            let address = hearth_planner::page::address(spec, &door.service, &observed.containers);
            address.map(|address| SocketAddr::new(address, door.port))
        }
        // Apps go on while the engine does not answer.
        EngineState::Unreachable { .. } | EngineState::Starting | EngineState::Unknown => {
            last.and_then(|last| last.target)
        }
    };
    Route { gate: door.gate.clone(), target, scheme: door.scheme }
}
