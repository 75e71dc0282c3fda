use std::collections::BTreeMap;
use std::net::SocketAddr;

use hearth_gateway::Route;
use hearth_model::AppSpec;
use hearth_model::door::Door;
use hearth_model::observed::EngineState;

use crate::hearth::InForce;
use crate::reconcile::Loop;
use crate::reconcile::look::{self, View};

/// Says where to listen for apps and what is behind, from what was seen.
pub(super) fn publish(state: &Loop, now: &InForce, view: &View) {
    let hearth = &state.hearth;
    let last = hearth.doors.routes();
    let mut routes = BTreeMap::new();
    for app in now.desired.apps.keys() {
        let spec = view.specs.get(app);
        let route = match spec {
            Some(Ok(spec)) => spec.door.as_ref().map(|door| route(spec, door, view, last.get(app))),
            // What runs is left as it is, and so is the way to it.
            Some(Err(_)) | None => last.get(app).cloned(),
        };
        routes.extend(route.map(|route| (app.clone(), route)));
    }
    hearth.doors.set_routes(routes);
    // Without a look at the engine nobody knows who has which port.
    if matches!(view.observed.engine, EngineState::Ready { .. }) {
        let input = look::input(hearth, now, view, &state.failures, &state.wanted_since);
        hearth.doors.set_wanted(hearth_planner::door::wanted(&input));
    }
}

fn route(spec: &AppSpec, door: &Door, view: &View, last: Option<&Route>) -> Route {
    let target = match &view.observed.engine {
        EngineState::Ready { .. } => {
            let address = hearth_planner::page::address(spec, &door.service, &view.observed.containers);
            address.map(|address| SocketAddr::new(address, door.port))
        }
        // Apps go on while the engine does not answer.
        EngineState::Unreachable { .. } | EngineState::Starting | EngineState::Unknown => {
            last.and_then(|last| last.target)
        }
    };
    Route { gate: door.gate.clone(), target, scheme: door.scheme }
}
