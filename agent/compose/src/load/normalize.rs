use std::collections::BTreeMap;

use crate::path;
use crate::source::At;
use crate::yaml::{Key, Map, Node, Value};

/// Adds what follows from what was written: the default network, names of resources, dependencies by shared namespaces.
pub(super) fn normalize(model: &mut Map, project: &str, variables: &BTreeMap<String, String>) {
    let mut uses_default = false;
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for node in services.into_iter().flat_map(Map::values_mut) {
        let at = node.at;
        let Some(service) = node.as_map_mut() else { continue };
        uses_default |= default_network(service, at);
        if let Some(policy) = service.get_mut("pull_policy")
            && policy.as_text() == Some("if_not_present")
        {
            policy.value = Value::Text("missing".to_owned());
        }
        if let Some(environment) = service.get_mut("environment") {
            known_values(environment, variables);
        }
        for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
            if let Some(Value::Text(target)) =
                mount.as_map_mut().and_then(|mount| mount.get_mut("target")).map(|target| &mut target.value)
            {
                *target = path::clean(target);
            }
        }
        implied_dependencies(service, at);
    }
    if uses_default {
        let at = At::NOWHERE;
        let networks =
            model.entry(Key::new("networks", at)).or_insert_with(|| Node::new(Value::Map(Map::new()), at));
        if let Some(networks) = networks.as_map_mut() {
            networks.entry(Key::new("default", at)).or_insert_with(|| Node::new(Value::Null, at));
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        names(model.get_mut(section), project);
    }
}

/// Connects a service without networks to the default one; tells whether the service uses it.
fn default_network(service: &mut Map, at: At) -> bool {
    if service.contains_key("network_mode") {
        return false;
    }
    let networks = service.entry(Key::new("networks", at)).or_insert_with(|| Node::new(Value::Null, at));
    if networks.is_null() || networks.as_map().is_some_and(Map::is_empty) {
        networks.value = Value::Map(Map::from([(Key::new("default", at), Node::new(Value::Null, at))]));
    }
    networks.as_map().is_some_and(|networks| networks.contains_key("default"))
}

/// Gives names without values the values that they have in the project's surroundings.
fn known_values(environment: &mut Node, variables: &BTreeMap<String, String>) {
    match &mut environment.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut().filter(|(_, value)| value.is_null()) {
                if let Some(known) = variables.get(&key.text) {
                    value.value = Value::Text(known.clone());
                }
            }
        }
        Value::List(list) => {
            for item in list {
                if let Some(known) =
                    item.as_text().and_then(|name| Some(format!("{name}={}", variables.get(name)?)))
                {
                    item.value = Value::Text(known);
                }
            }
        }
        _ => {}
    }
}

/// A service that shares something of another one depends on it.
fn implied_dependencies(service: &mut Map, at: At) {
    let mut implied: Vec<(String, bool, At)> = Vec::new();
    let texts = |node: Option<&mut Node>| -> Vec<(String, At)> {
        let items = node.and_then(Node::as_list_mut).into_iter().flatten();
        items.filter_map(|item| Some((item.as_text()?.to_owned(), item.at))).collect()
    };
    for (link, at) in texts(service.get_mut("links")) {
        implied.push((link.split(':').next().unwrap_or_default().to_owned(), true, at));
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(namespace)
            && let Some(shared) = node.as_text().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((shared.to_owned(), true, node.at));
        }
    }
    for (from, at) in texts(service.get_mut("volumes_from")) {
        if !from.starts_with("container:") {
            implied.push((from.split(':').next().unwrap_or_default().to_owned(), false, at));
        }
    }
    if implied.is_empty() {
        return;
    }
    let depends_on =
        service.entry(Key::new("depends_on", at)).or_insert_with(|| Node::new(Value::Map(Map::new()), at));
    let Some(depends_on) = depends_on.as_map_mut() else { return };
    for (name, restart, at) in implied {
        depends_on.entry(Key::new(name, at)).or_insert_with(|| {
            let flag = |flag| Node::new(Value::Bool(flag), at);
            Node::new(
                Value::Map(Map::from([
                    (Key::new("condition", at), Node::text("service_started", at)),
                    (Key::new("restart", at), flag(restart)),
                    (Key::new("required", at), flag(true)),
                ])),
                at,
            )
        });
    }
}

/// Names resources that have no name of their own after the project, or, when they exist already, after their key.
fn names(section: Option<&mut Node>, project: &str) {
    for (key, resource) in section.and_then(Node::as_map_mut).into_iter().flatten() {
        if resource.is_null() {
            resource.value = Value::Map(Map::new());
        }
        let Some(map) = resource.as_map_mut() else { continue };
        if map.get("name").is_some_and(|name| !name.is_null()) {
            continue;
        }
        let external = map.get("external").and_then(Node::scalar).is_some_and(|value| value == "true");
        let name = if external { key.text.clone() } else { format!("{project}_{}", key.text) };
        map.insert(Key::new("name", key.at), Node::text(name, key.at));
    }
}
