use crate::yaml::{Key, Map, Node, Value};

/// Adds values that Docker Compose shows even when they were not written.
pub(super) fn set(model: &mut Map) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
        for secret in items(service.get_mut("secrets")) {
            if let Some(source) = secret.get("source").and_then(Node::scalar) {
                default(secret, "target", &format!("/run/secrets/{source}"));
            }
        }
        for port in items(service.get_mut("ports")) {
            default(port, "protocol", "tcp");
            default(port, "mode", "ingress");
        }
        items(service.get_mut("gpus")).for_each(count);
        let devices = ["deploy", "resources", "reservations"]
            .iter()
            .try_fold(service, |map, key| map.get_mut(*key).and_then(Node::as_map_mut));
        items(devices.and_then(|reservations| reservations.get_mut("devices"))).for_each(count);
    }
}

fn items(list: Option<&mut Node>) -> impl Iterator<Item = &mut Map> {
    list.and_then(Node::as_list_mut).into_iter().flatten().filter_map(Node::as_map_mut)
}

fn default(map: &mut Map, key: &str, text: &str) {
    if !map.contains_key(key) {
        let at = map.values().next().map(|node| node.at).unwrap_or_default();
        map.insert(Key::new(key, at), Node::new(Value::Text(text.to_owned()), at));
    }
}

/// A request for devices that says neither how many nor which asks for all.
fn count(request: &mut Map) {
    if !request.contains_key("device_ids") {
        default(request, "count", "all");
    }
}
