//! In some lists a later entry replaces an earlier one with the same key
//! ([Compose merge, unique resources](https://github.com/compose-spec/compose-spec/blob/main/13-merge.md#unique-resources)).

use std::collections::BTreeMap;

use crate::short::volume;
use crate::yaml::{Map, Node, Value};

/// Replaces earlier entries of such lists, at their place, by later ones.
pub(super) fn enforce(model: &mut Map) {
    for (key, section) in model.iter_mut() {
        let Some(entries) = section.as_map_mut() else { continue };
        for entry in entries.values_mut().filter_map(Node::as_map_mut) {
            match key.text.as_str() {
                "services" => service(entry),
                "networks" => replace(entry.get_mut("labels"), key_of_pair),
                _ => {}
            }
        }
    }
}

fn service(service: &mut Map) {
    for (key, value) in service.iter_mut() {
        let key_of: fn(&Node) -> Option<String> = match key.text.as_str() {
            "annotations" | "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search" | "environment"
            | "labels" | "links" | "profiles" | "sysctls" | "tmpfs" => key_of_pair,
            "configs" => |node| key_of_file(node, ""),
            "secrets" => |node| key_of_file(node, "/run/secrets"),
            "devices" => key_of_device,
            "env_file" => |node| text_of(node, "path"),
            "expose" => Node::scalar,
            "ports" => key_of_port,
            "volumes" => key_of_volume,
            "networks" => {
                let networks = value.as_map_mut().into_iter().flat_map(Map::values_mut);
                for network in networks.filter_map(Node::as_map_mut) {
                    replace(network.get_mut("aliases"), key_of_pair);
                    replace(network.get_mut("link_local_ips"), key_of_pair);
                }
                continue;
            }
            "deploy" => {
                replace(value.as_map_mut().and_then(|deploy| deploy.get_mut("labels")), key_of_pair);
                continue;
            }
            _ => continue,
        };
        replace(Some(value), key_of);
    }
}

fn replace(list: Option<&mut Node>, key_of: fn(&Node) -> Option<String>) {
    let Some(list) = list.and_then(Node::as_list_mut) else { return };
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(list.len());
    for item in std::mem::take(list) {
        match key_of(&item) {
            Some(key) => match places.get(&key) {
                Some(place) => kept[*place] = item,
                None => {
                    places.insert(key, kept.len());
                    kept.push(item);
                }
            },
            // Of a wrong kind: it is reported where the list is read.
            None => kept.push(item),
        }
    }
    *list = kept;
}

fn key_of_pair(node: &Node) -> Option<String> {
    let text = node.as_text()?;
    Some(text.split_once('=').map_or(text, |(key, _)| key).to_owned())
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    match &node.value {
        Value::Map(map) => map.get(key)?.as_text().map(str::to_owned),
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn key_of_file(node: &Node, folder: &str) -> Option<String> {
    match &node.value {
        Value::Map(map) => match map.get("target") {
            Some(target) => target.as_text().map(str::to_owned),
            None => Some(format!("{folder}/{}", map.get("source")?.as_text()?)),
        },
        Value::Text(name) => Some(format!("{folder}/{name}")),
        _ => None,
    }
}

fn key_of_device(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => {
            let mut parts = text.split(':');
            let source = parts.next()?;
            Some(parts.next().unwrap_or(source).to_owned())
        }
        _ => text_of(node, "target"),
    }
}

fn key_of_port(node: &Node) -> Option<String> {
    let Value::Map(map) = &node.value else { return node.scalar() };
    let scalar =
        |key: &str, default: &str| map.get(key).and_then(Node::scalar).unwrap_or_else(|| default.to_owned());
    let (host, published) = (scalar("host_ip", "0.0.0.0"), scalar("published", ""));
    Some(format!("{host}:{published}:{}/{}", scalar("target", ""), scalar("protocol", "tcp")))
}

fn key_of_volume(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => volume::parse(text).ok().map(|volume| volume.target),
        _ => text_of(node, "target"),
    }
}
