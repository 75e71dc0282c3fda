use crate::yaml::{Map, Node, Tag, Value};

/// Keys from the top of a file.
pub(super) type Path = Vec<String>;

/// Takes `!reset` values out of a tree, and returns where `!reset` and `!override` stood: what earlier files say there is
/// to be forgotten.
pub(super) fn take(root: &mut Node) -> Vec<Path> {
    let mut paths = Vec::new();
    walk(root, &mut Vec::new(), &mut paths);
    paths
}

fn walk(node: &mut Node, path: &mut Path, paths: &mut Vec<Path>) {
    match &mut node.value {
        Value::Map(map) => map.retain(|key, value| {
            path.push(key.text.clone());
            let kept = keep(value, path, paths);
            path.pop();
            kept
        }),
        Value::List(list) => {
            let mut position = 0;
            list.retain_mut(|value| {
                path.push(format!("[{position}]"));
                let kept = keep(value, path, paths);
                path.pop();
                position += 1;
                kept
            });
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

fn keep(value: &mut Node, path: &mut Path, paths: &mut Vec<Path>) -> bool {
    match value.tag.take() {
        Some(tag) => {
            paths.push(path.clone());
            tag == Tag::Override
        }
        None => {
            walk(value, path, paths);
            true
        }
    }
}

/// Removes what stands at `paths`.
pub(super) fn apply(paths: &[Path], model: &mut Map) {
    for path in paths {
        remove(path, model);
    }
}

/// Removes from a service what stands at those of `paths` that are about a service of this name.
pub(super) fn apply_to_service(paths: &[Path], name: &str, service: &mut Map) {
    for path in paths {
        if let [top, of, rest @ ..] = path.as_slice()
            && top == "services"
            && of == name
        {
            remove(rest, service);
        }
    }
}

fn remove(path: &[String], map: &mut Map) {
    match path {
        [] => {}
        [last] => {
            map.remove(last.as_str());
        }
        [first, rest @ ..] => {
            if let Some(inner) = map.get_mut(first.as_str()).and_then(Node::as_map_mut) {
                remove(rest, inner);
            }
        }
    }
}
