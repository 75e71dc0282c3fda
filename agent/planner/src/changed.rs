use std::collections::BTreeMap;

use hearth_model::container::NetworkMode;
use hearth_model::observed::{ContainerState, ObservedContainer, ObservedNetwork};
use hearth_model::spec::ServiceSpec;

/// Tells whether a container has to be made anew to equal its spec.
///
/// `restarts` is the number of restarts that the owner asked for so far: the engine cannot change a label, so a
/// restart is a new container too. A one-shot service that is done is not run again for that.
pub(crate) fn is_changed(
    service: &ServiceSpec,
    container: &ObservedContainer,
    restarts: u64,
    networks: &BTreeMap<String, ObservedNetwork>,
) -> bool {
    if matches!(container.state, ContainerState::Dead) {
        return true;
    }
    if container.spec_hash != service.container.hash() {
        return true;
    }
    if is_done(service, container) {
        return false;
    }
    container.restarts != restarts || !is_connected(service, container, networks)
}

/// Tells whether a one-shot service ended well: it is not started again for the same spec.
pub(crate) fn is_done(service: &ServiceSpec, container: &ObservedContainer) -> bool {
    service.one_shot && matches!(container.state, ContainerState::Exited { exit_code: 0, .. })
}

/// A container is created first and connected to its further networks after that, so one that lacks a network was left
/// half-way. One that remembers a network by an id that is gone lacks it too: the network was removed, and what has its
/// name now is another one.
fn is_connected(
    service: &ServiceSpec,
    container: &ObservedContainer,
    networks: &BTreeMap<String, ObservedNetwork>,
) -> bool {
    let is_there = |name: &String| {
        let remembered = container.network_ids.get(name);
        container.networks.contains(name)
            && remembered.is_none_or(|id| networks.get(name).is_some_and(|network| network.id == *id))
    };
    match &service.container.network {
        NetworkMode::Networks(names) => names.keys().all(is_there),
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => true,
    }
}
