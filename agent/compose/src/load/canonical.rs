//! Short forms to long ones, so that everything after this knows only one form.

use super::merge::started;
use crate::path;
use crate::short::{port, volume};
use crate::source::{At, Problems};
use crate::yaml::{Key, Map, Node, Value};

/// Writes out every short form of a file.
pub(super) fn model(model: &mut Map, problems: &mut Problems) {
    for (key, section) in model.iter_mut() {
        let Some(entries) = section.as_map_mut() else { continue };
        for entry in entries.values_mut().filter_map(Node::as_map_mut) {
            match key.text.as_str() {
                "services" => service(entry, problems),
                "networks" | "volumes" | "secrets" | "configs" => external(entry, problems),
                _ => {}
            }
        }
    }
}

fn service(service: &mut Map, problems: &mut Problems) {
    for (key, value) in service.iter_mut() {
        match key.text.as_str() {
            "depends_on" => depends_on(value),
            "networks" => names_to_map(value, |_| Value::Null),
            "env_file" => list_of(value, env_file),
            "label_file" | "dns" => text_to_list(value),
            "gpus" => gpus(value),
            "devices" => each(value, |item| device(item, problems)),
            "secrets" | "configs" => each(value, file_reference),
            "volumes" => each(value, |item| mount(item, problems)),
            "ports" => ports(value, problems),
            _ => {}
        }
    }
    if let Some(dns) = service.get_mut("dns").and_then(Node::as_list_mut) {
        dns.retain(|server| server.as_text() != Some(""));
    }
}

fn map_of<const N: usize>(at: At, entries: [(&str, Option<Value>); N]) -> Value {
    let entries =
        entries.into_iter().filter_map(|(key, value)| Some((Key::new(key, at), Node::new(value?, at))));
    Value::Map(entries.collect())
}

fn some(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

fn each(list: &mut Node, mut change: impl FnMut(&mut Node)) {
    if let Some(items) = list.as_list_mut() {
        items.iter_mut().for_each(&mut change);
    }
}

fn text_to_list(node: &mut Node) {
    if matches!(node.value, Value::Text(_)) {
        let value = std::mem::replace(&mut node.value, Value::Null);
        node.value = Value::List(vec![Node::new(value, node.at)]);
    }
}

fn list_of(node: &mut Node, change: fn(&mut Node)) {
    text_to_list(node);
    each(node, change);
}

fn names_to_map(node: &mut Node, value: fn(At) -> Value) {
    if let Value::List(names) = &node.value {
        let entries = names.iter().filter_map(|name| {
            Some((Key::new(name.as_text()?, name.at), Node::new(value(name.at), name.at)))
        });
        node.value = Value::Map(entries.collect());
    }
}

fn depends_on(node: &mut Node) {
    names_to_map(node, started);
    for dependency in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
        let at = dependency.at;
        if let Some(map) = dependency.as_map_mut() {
            map.entry(Key::new("required", at)).or_insert_with(|| Node::new(Value::Bool(true), at));
        }
    }
}

fn env_file(node: &mut Node) {
    if let Value::Text(path) = &node.value {
        node.value = map_of(node.at, [("path", some(path))]);
    }
    let at = node.at;
    if let Some(map) = node.as_map_mut() {
        map.entry(Key::new("required", at)).or_insert_with(|| Node::new(Value::Bool(true), at));
    }
}

fn gpus(node: &mut Node) {
    if node.as_text() == Some("all") {
        let all = map_of(node.at, [("count", some("all"))]);
        node.value = Value::List(vec![Node::new(all, node.at)]);
    }
}

fn file_reference(node: &mut Node) {
    if let Value::Text(name) = &node.value {
        node.value = map_of(node.at, [("source", some(name))]);
    }
}

fn device(node: &mut Node, problems: &mut Problems) {
    let Some(text) = node.as_text() else { return };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => {
            problems.error(
                node.at,
                format!("`{text}` has more than `source:target:permissions`; use the long form"),
            );
            return;
        }
    };
    let target = if target.is_empty() { source } else { target };
    node.value = map_of(
        node.at,
        [("source", some(source)), ("target", some(target)), ("permissions", some(permissions))],
    );
}

fn mount(node: &mut Node, problems: &mut Problems) {
    let Some(text) = node.as_text() else { return };
    let short = match volume::parse(text) {
        Ok(short) => short,
        Err(why) => {
            problems.error(node.at, why);
            return;
        }
    };
    for option in &short.ignored {
        // Written for Docker Desktop on other systems, in many files.
        if !["cached", "delegated", "consistent"].contains(&option.as_str()) {
            problems.warning(
                node.at,
                format!("the option `{option}` of this volume is unknown and has no effect"),
            );
        }
    }
    let at = node.at;
    let bind = short.is_bind();
    let options = |wanted: bool, entries: [(&str, Option<Value>); 3]| wanted.then(|| map_of(at, entries));
    let yes = |flag: bool| flag.then_some(Value::Bool(true));
    let (propagation, selinux) = (some(&short.propagation), some(&short.selinux));
    let wants_bind = bind || propagation.is_some() || selinux.is_some();
    node.value = map_of(
        at,
        [
            ("type", some(if bind { "bind" } else { "volume" })),
            ("source", some(&short.source)),
            ("target", some(&path::clean(&short.target))),
            ("read_only", yes(short.read_only)),
            (
                "bind",
                options(
                    wants_bind,
                    [("propagation", propagation), ("selinux", selinux), ("create_host_path", yes(bind))],
                ),
            ),
            (
                "volume",
                options(!bind || short.nocopy, [("nocopy", yes(short.nocopy)), ("", None), ("", None)]),
            ),
        ],
    );
}

fn ports(node: &mut Node, problems: &mut Problems) {
    let Some(list) = node.as_list_mut() else { return };
    let mut long = Vec::with_capacity(list.len());
    for item in std::mem::take(list) {
        let text = match &item.value {
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            _ => {
                long.push(item);
                continue;
            }
        };
        match port::parse(&text) {
            Ok(ports) => long.extend(ports.into_iter().map(|port| {
                let value = map_of(
                    item.at,
                    [
                        ("mode", some("ingress")),
                        ("host_ip", some(&port.host_ip)),
                        ("target", Some(Value::Int(port.target.into()))),
                        ("published", some(&port.published)),
                        ("protocol", some(&port.protocol)),
                    ],
                );
                Node::new(value, item.at)
            })),
            Err(why) => problems.error(item.at, format!("`{text}` is not a port mapping: {why}")),
        }
    }
    *list = long;
}

/// `external: {name: x}` is the old way to write `name: x` and `external: true`.
fn external(resource: &mut Map, problems: &mut Problems) {
    let Some(external) = resource.get_mut("external") else { return };
    let at = external.at;
    let Some(inner) = external.as_map_mut() else { return };
    let name = inner.remove("name");
    external.value = Value::Bool(true);
    let Some(name) = name else { return };
    problems.warning(at, "`external.name` is the old form; write `name` and `external: true`");
    match resource.get("name") {
        Some(existing) if !existing.same_as(&name) => {
            problems.error(at, "`name` and `external.name` differ; keep `name` alone");
        }
        Some(_) => {}
        None => {
            resource.insert(Key::new("name", at), name);
        }
    }
}
