use std::collections::BTreeSet;

use crate::project::Project;

/// Puts aside the services that belong to profiles of which none is active
/// ([Compose profiles](https://github.com/compose-spec/compose-spec/blob/main/15-profiles.md)).
pub(super) fn apply(project: &mut Project, active: &[String]) {
    let runs = |profiles: &[String]| {
        profiles.is_empty() || active.iter().any(|profile| profile == "*" || profiles.contains(profile))
    };
    let (enabled, disabled) =
        std::mem::take(&mut project.services).into_iter().partition(|(_, service)| runs(&service.profiles));
    project.services = enabled;
    project.disabled = disabled;
}

/// Drops the networks, volumes, configs and secrets that no service uses.
pub(super) fn drop_unused(project: &mut Project) {
    let services = || project.services.values();
    let networks: BTreeSet<&String> = services().flat_map(|service| service.networks.keys()).collect();
    let volumes: BTreeSet<&String> = services()
        .flat_map(|service| &service.volumes)
        .filter(|mount| mount.r#type == "volume")
        .map(|mount| &mount.source)
        .collect();
    let configs: BTreeSet<&String> =
        services().flat_map(|service| &service.configs).map(|config| &config.source).collect();
    let secrets: BTreeSet<&String> =
        services().flat_map(|service| &service.secrets).map(|secret| &secret.source).collect();
    project.networks.retain(|name, _| networks.contains(name));
    project.volumes.retain(|name, _| volumes.contains(name));
    project.configs.retain(|name, _| configs.contains(name));
    project.secrets.retain(|name, _| secrets.contains(name));
}
