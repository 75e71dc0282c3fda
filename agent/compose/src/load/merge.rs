//! Several files into one ([Compose merge](https://github.com/compose-spec/compose-spec/blob/main/13-merge.md)).

use crate::source::{At, Problems, Stop};
use crate::yaml::{Key, Map, Node, Value};

/// Puts a later file over an earlier one.
pub(super) fn files(earlier: Map, later: Map, problems: &mut Problems) -> Result<Map, Stop> {
    mappings(earlier, later, &mut Vec::new(), problems)
}

/// Puts a service over the one that it extends.
pub(super) fn service(base: Map, own: Map, problems: &mut Problems) -> Result<Map, Stop> {
    mappings(base, own, &mut vec!["services".to_owned(), String::new()], problems)
}

fn mappings(mut base: Map, over: Map, path: &mut Vec<String>, problems: &mut Problems) -> Result<Map, Stop> {
    for (key, value) in over {
        let merged = match base.remove(key.text.as_str()) {
            Some(existing) if !key.text.starts_with("x-") => {
                path.push(key.text.clone());
                let merged = nodes(existing, value, path, problems);
                path.pop();
                merged?
            }
            _ => value,
        };
        base.insert(key, merged);
    }
    Ok(base)
}

fn nodes(base: Node, over: Node, path: &mut Vec<String>, problems: &mut Problems) -> Result<Node, Stop> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    match keys.as_slice() {
        ["services", _, "command" | "entrypoint"]
        | ["services", _, "healthcheck", "test"]
        | ["services", _, "ulimits", _] => return Ok(over),
        ["networks" | "volumes", _, "labels"]
        | ["services", _, "deploy", "labels"]
        | [
            "services",
            _,
            "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "environment" | "label_file"
            | "labels" | "sysctls" | "tmpfs",
        ] => return Ok(appended(base, over)),
        ["services", _, "extra_hosts"] => {
            let at = over.at;
            let mut list = entries(base);
            for entry in entries(over) {
                if !list.iter().any(|existing| existing.same_as(&entry)) {
                    list.push(entry);
                }
            }
            return Ok(Node::new(Value::List(list), at));
        }
        ["services", _, "depends_on" | "networks"] => {
            let at = over.at;
            let dependency = keys[2] == "depends_on";
            let (base, over) = (named(base, dependency), named(over, dependency));
            return Ok(Node::new(Value::Map(mappings(base, over, path, problems)?), at));
        }
        ["services", _, "logging"] if !same_driver(&base, &over) => return Ok(over),
        ["networks", _, "ipam", "config"] => return pools(base, over, path, problems),
        _ => {}
    }
    let at = over.at;
    match (base.value, over.value) {
        (value, Value::Null) => Ok(Node::new(value, base.at)),
        (Value::Map(base), Value::Map(over)) => {
            Ok(Node::new(Value::Map(mappings(base, over, path, problems)?), at))
        }
        (Value::List(mut list), Value::List(more)) => {
            list.extend(more);
            Ok(Node::new(Value::List(list), at))
        }
        (Value::Map(_), value) => Err(cannot(&Node::new(value, at), "a mapping", path, problems)),
        (Value::List(_), value) => Err(cannot(&Node::new(value, at), "a list", path, problems)),
        (_, value) => Ok(Node::new(value, at)),
    }
}

fn cannot(over: &Node, earlier: &str, path: &[String], problems: &mut Problems) -> Stop {
    let message = format!("`{}` is {earlier} in an earlier file, and {} here", path.join("."), over.kind());
    problems.stop(over.at, message)
}

fn appended(base: Node, over: Node) -> Node {
    let at = over.at;
    let mut list = entries(base);
    list.extend(entries(over));
    Node::new(Value::List(list), at)
}

/// Returns what may be a mapping, a list or one text as a list of `key=value`.
fn entries(node: Node) -> Vec<Node> {
    match node.value {
        Value::Map(map) => map
            .into_iter()
            .flat_map(|(key, value)| match value.value {
                Value::List(items) => items.into_iter().map(|item| pair(&key, &item)).collect::<Vec<_>>(),
                _ => vec![pair(&key, &value)],
            })
            .collect(),
        Value::List(list) => list,
        Value::Text(_) => vec![node],
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Vec::new(),
    }
}

fn pair(key: &Key, value: &Node) -> Node {
    match value.scalar() {
        Some(text) => Node::text(format!("{}={text}", key.text), value.at),
        None => Node::text(key.text.clone(), key.at),
    }
}

/// Returns what may be a mapping or a list of names as a mapping.
fn named(node: Node, dependency: bool) -> Map {
    match node.value {
        Value::Map(map) => map,
        Value::List(list) => list
            .into_iter()
            .filter_map(|item| {
                let name = item.as_text()?.to_owned();
                let value = if dependency { started(item.at) } else { Value::Null };
                Some((Key::new(name, item.at), Node::new(value, item.at)))
            })
            .collect(),
        _ => Map::new(),
    }
}

/// Returns what a name in a list of dependencies means.
pub(super) fn started(at: At) -> Value {
    Value::Map(Map::from([
        (Key::new("condition", at), Node::text("service_started", at)),
        (Key::new("required", at), Node::new(Value::Bool(true), at)),
    ]))
}

fn same_driver(base: &Node, over: &Node) -> bool {
    let driver = |node: &Node| node.as_map().and_then(|map| map.get("driver")).and_then(Node::scalar);
    match (driver(base), driver(over)) {
        (Some(base), Some(over)) => base == over,
        _ => true,
    }
}

/// Address ranges replace one another by subnet.
fn pools(base: Node, over: Node, path: &mut Vec<String>, problems: &mut Problems) -> Result<Node, Stop> {
    let at = over.at;
    let (Value::List(base), Value::List(over)) = (base.value, over.value) else {
        return Err(problems.stop(at, "expected a list of address ranges"));
    };
    let subnet = |node: &Node| node.as_map().and_then(|map| map.get("subnet")).and_then(Node::scalar);
    let mut merged = base;
    for pool in over {
        let same = merged.iter().position(|existing| subnet(existing) == subnet(&pool));
        match same {
            Some(position) => {
                let existing = merged.remove(position);
                let (Value::Map(existing), Value::Map(pool)) = (existing.value, pool.value) else { continue };
                let pool = Node::new(Value::Map(mappings(existing, pool, path, problems)?), at);
                merged.insert(position, pool);
            }
            None => merged.push(pool),
        }
    }
    Ok(Node::new(Value::List(merged), at))
}
