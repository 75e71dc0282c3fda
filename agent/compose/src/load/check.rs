use std::collections::BTreeMap;

use crate::project::{Project, Service};
use crate::source::Problems;

/// Finds what no service alone can tell: references to what does not exist, circles, and keys that contradict.
pub(super) fn consistency(project: &Project, problems: &mut Problems) {
    for (name, service) in &project.services {
        if service.image.is_empty() {
            problems.error(service.at, format!("the service `{name}` has no `image`"));
        }
        references(project, name, service, problems);
        contradictions(name, service, problems);
    }
    for (name, secret) in &project.secrets {
        if !secret.external
            && secret.file.is_empty()
            && secret.environment.is_empty()
            && secret.driver.is_empty()
        {
            problems.error(
                secret.at,
                format!("the secret `{name}` needs one of `file`, `environment` and `external`"),
            );
        }
    }
    for (name, config) in &project.configs {
        let sources = [&config.file, &config.environment, &config.content];
        match sources.iter().filter(|source| !source.is_empty()).count() {
            0 if !config.external && config.driver.is_empty() => problems.error(
                config.at,
                format!("the config `{name}` needs one of `file`, `environment`, `content` and `external`"),
            ),
            0 | 1 => {}
            _ => problems.error(
                config.at,
                format!("the config `{name}` has more than one of `file`, `environment` and `content`"),
            ),
        }
    }
    circles(project, problems);
}

fn references(project: &Project, name: &str, service: &Service, problems: &mut Problems) {
    for network in service.networks.keys().filter(|network| !project.networks.contains_key(*network)) {
        let message =
            format!("the service `{name}` uses the network `{network}`, which is not under `networks:`");
        problems.error(service.place("networks"), message);
    }
    for (other, dependency) in &service.depends_on {
        if project.services.contains_key(other) {
            continue;
        }
        let message = match (project.disabled.get(other), dependency.required) {
            (Some(_), false) => continue,
            (Some(disabled), true) => format!(
                "the service `{name}` depends on `{other}`, which runs only with the profile `{}`",
                disabled.profiles.join("` or `")
            ),
            (None, _) => format!("the service `{name}` depends on `{other}`, which does not exist"),
        };
        problems.error(dependency.at, message);
    }
    for (key, other) in shared_with(service) {
        // Whatever else is wrong with it was said of the dependency that sharing implies.
        let is_optional = service.depends_on.get(other).is_none_or(|dependency| !dependency.required);
        let Some(disabled) = project.disabled.get(other).filter(|_| is_optional) else { continue };
        let message = format!(
            "`{key}` of the service `{name}` names `{other}`, which runs only with the profile `{}`",
            disabled.profiles.join("` or `")
        );
        problems.error(service.place(key), message);
    }
    for mount in service.volumes.iter().filter(|mount| mount.r#type == "volume" && !mount.source.is_empty()) {
        if !project.volumes.contains_key(&mount.source) {
            let source = &mount.source;
            let message =
                format!("the service `{name}` uses the volume `{source}`, which is not under `volumes:`");
            problems.error(mount.at, message);
        }
    }
    let files =
        [("config", &service.configs, &project.configs), ("secret", &service.secrets, &project.secrets)];
    for (kind, used, declared) in files {
        for file in used.iter().filter(|file| !declared.contains_key(&file.source)) {
            let source = &file.source;
            let message =
                format!("the service `{name}` uses the {kind} `{source}`, which is not under `{kind}s:`");
            problems.error(file.at, message);
        }
    }
}

/// Returns the other services that a service cannot be without, each with the key that names it.
fn shared_with(service: &Service) -> Vec<(&'static str, &str)> {
    let namespaces = [
        ("network_mode", &service.network_mode),
        ("pid", &service.pid),
        ("ipc", &service.ipc),
        ("uts", &service.uts),
    ];
    let namespaces =
        namespaces.into_iter().filter_map(|(key, mode)| Some((key, mode.strip_prefix("service:")?)));
    let lists = [("volumes_from", &service.volumes_from), ("links", &service.links)];
    let listed = lists.into_iter().flat_map(|(key, entries)| {
        let entries = entries.iter().filter(|entry| !entry.starts_with("container:"));
        entries.map(move |entry| (key, entry.split(':').next().unwrap_or(entry)))
    });
    namespaces.chain(listed).collect()
}

fn contradictions(name: &str, service: &Service, problems: &mut Problems) {
    if !service.network_mode.is_empty() && !service.networks.is_empty() {
        let message = format!("the service `{name}` has both `network_mode` and `networks`; keep one");
        problems.error(service.place("network_mode"), message);
    }
    if let Some(first) = service.healthcheck.as_ref().and_then(|check| check.test.first())
        && !["CMD", "CMD-SHELL", "NONE"].contains(&first.as_str())
    {
        let message = format!(
            "the health check begins with `{first}`; a list begins with `CMD`, `CMD-SHELL` or `NONE`"
        );
        problems.error(service.place("healthcheck"), message);
    }
    let Some(deploy) = &service.deploy else { return };
    let mut both = |key: &str, other: &str| {
        problems.error(
            service.place(key),
            format!("`{key}` and `{other}` of the service `{name}` differ; keep one"),
        );
    };
    if service.scale.is_some() && deploy.replicas.is_some() && service.scale != deploy.replicas {
        both("scale", "deploy.replicas");
    }
    if let Some(limits) = &deploy.resources.limits {
        if service.cpus.0 != 0.0 && limits.cpus != service.cpus {
            both("cpus", "deploy.resources.limits.cpus");
        }
        if service.mem_limit.0 != 0 && limits.memory != service.mem_limit {
            both("mem_limit", "deploy.resources.limits.memory");
        }
        if service.pids_limit != 0 && limits.pids != service.pids_limit {
            both("pids_limit", "deploy.resources.limits.pids");
        }
    }
    if let Some(reservations) = &deploy.resources.reservations
        && service.mem_reservation.0 != 0
        && reservations.memory != service.mem_reservation
    {
        both("mem_reservation", "deploy.resources.reservations.memory");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    OnTheWay,
    Done,
}

/// Finds one circle of `depends_on`, and names the services on it.
fn circles(project: &Project, problems: &mut Problems) {
    let mut marks: BTreeMap<&str, Mark> = BTreeMap::new();
    for start in project.services.keys() {
        // A stack of our own: hundreds of services in a row must not overflow the thread's.
        let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
        let enter = |name: &str| -> Vec<&str> {
            project
                .services
                .get(name)
                .map(|service| service.depends_on.keys().map(String::as_str).collect())
                .unwrap_or_default()
        };
        if marks.contains_key(start.as_str()) {
            continue;
        }
        marks.insert(start, Mark::OnTheWay);
        way.push((start, enter(start)));
        while let Some((name, rest)) = way.last_mut() {
            let Some(next) = rest.pop() else {
                marks.insert(name, Mark::Done);
                way.pop();
                continue;
            };
            match marks.get(next) {
                Some(Mark::Done) => {}
                Some(Mark::OnTheWay) => {
                    let begin = way.iter().position(|(name, _)| *name == next).unwrap_or(0);
                    let names: Vec<&str> = way[begin..].iter().map(|(name, _)| *name).chain([next]).collect();
                    let place = project.services[names[0]].place("depends_on");
                    problems.error(place, format!("`depends_on` goes in a circle: {}", names.join(" → ")));
                    return;
                }
                None => {
                    marks.insert(next, Mark::OnTheWay);
                    way.push((next, enter(next)));
                }
            }
        }
    }
}
