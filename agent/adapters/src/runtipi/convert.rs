use std::collections::BTreeMap;

use hearth_model::package::Architecture;
use serde_json::{Map, Value, json};

use super::{Compose, Main};
use crate::Refused;
use crate::adapted::architectures;
use crate::document::{flag, scalar, text};
use crate::overlay::Overlay;

/// Keys whose meaning and form are Compose's own under a name in its own spelling.
const RENAMED: [(&str, &str); 27] = [
    ("image", "image"),
    ("command", "command"),
    ("entrypoint", "entrypoint"),
    ("user", "user"),
    ("networkMode", "network_mode"),
    ("privileged", "privileged"),
    ("hostname", "hostname"),
    ("stopGracePeriod", "stop_grace_period"),
    ("stopSignal", "stop_signal"),
    ("capAdd", "cap_add"),
    ("capDrop", "cap_drop"),
    ("devices", "devices"),
    ("securityOpt", "security_opt"),
    ("sysctls", "sysctls"),
    ("tty", "tty"),
    ("stdinOpen", "stdin_open"),
    ("logging", "logging"),
    ("pid", "pid"),
    ("ulimits", "ulimits"),
    ("shmSize", "shm_size"),
    ("workingDir", "working_dir"),
    ("readOnly", "read_only"),
    ("extraHosts", "extra_hosts"),
    ("dns", "dns"),
    ("dependsOn", "depends_on"),
    ("deploy", "deploy"),
    ("extraLabels", "labels"),
];

/// Keys that are read in another way, or say what Hearth works out itself.
const READ_ELSEWHERE: [&str; 9] = [
    "name",
    "isMain",
    "internalPort",
    "addToMainNetwork",
    "environment",
    "volumes",
    "addPorts",
    "healthCheck",
    "$schema",
];

/// Turns the services of a `docker-compose.json` into a Compose file.
pub(super) fn compose(json: &Value) -> Result<Compose, Refused> {
    let mut services = Map::new();
    let mut main = None;
    let written = json.get("services").and_then(Value::as_array);
    for service in written.into_iter().flatten() {
        let name =
            text(service, "name").ok_or_else(|| Refused::new(super::JSON, "a service has no `name`"))?;
        if flag(service, "isMain") {
            main = Some(Main {
                service: name.clone(),
                port: text(service, "internalPort"),
                on_host: text(service, "networkMode").as_deref() == Some("host"),
            });
        }
        let converted = convert(service, &name)?;
        if services.insert(name.clone(), converted).is_some() {
            return Err(Refused::new(super::JSON, format!("two services are called `{name}`")));
        }
    }
    if services.is_empty() {
        return Err(Refused::new(super::JSON, "it has no `services`"));
    }
    let text = serde_json::to_string_pretty(&json!({ "services": services }))
        .expect("a tree with string keys can be written");
    let by_architecture = overrides(json.get("overrides"))?;
    Ok(Compose { text, overlay: Overlay::default(), by_architecture, main })
}

/// Returns what is different on some processors: services in a list as `docker-compose.json` has them, or in a map as
/// Compose has them.
pub(super) fn overrides(written: Option<&Value>) -> Result<BTreeMap<Architecture, String>, Refused> {
    let mut texts = BTreeMap::new();
    for entry in written.and_then(Value::as_array).into_iter().flatten() {
        let [architecture] = architectures(&[text(entry, "architecture").unwrap_or_default()])[..] else {
            continue;
        };
        let services = match entry.get("services") {
            Some(Value::Array(services)) => services
                .iter()
                .map(|service| {
                    let name = text(service, "name")
                        .ok_or_else(|| Refused::new(super::JSON, "a service of `overrides` has no `name`"))?;
                    let mut converted = convert(service, &name)?;
                    if let Some(keys) = converted.as_object_mut() {
                        keys.remove("restart");
                    }
                    Ok((name, converted))
                })
                .collect::<Result<Map<String, Value>, Refused>>()?,
            Some(Value::Object(services)) => services.clone(),
            _ => continue,
        };
        texts.insert(architecture, json!({ "services": services }).to_string());
    }
    Ok(texts)
}

fn convert(service: &Value, name: &str) -> Result<Value, Refused> {
    let mut compose = Map::new();
    compose.insert("restart".to_owned(), json!("unless-stopped"));
    for (key, value) in service.as_object().into_iter().flatten() {
        if READ_ELSEWHERE.contains(&key.as_str()) || value.is_null() {
            continue;
        }
        let Some((_, renamed)) = RENAMED.iter().find(|(theirs, _)| theirs == key) else {
            let reason = format!("`{key}` of the service `{name}` is no key that Hearth knows");
            return Err(Refused::new(super::JSON, reason));
        };
        let value = if *renamed == "labels" { plain_labels(value) } else { snake_case_limits(key, value) };
        compose.insert((*renamed).to_owned(), value);
    }
    if let Some(environment) = service.get("environment") {
        compose.insert("environment".to_owned(), environment_of(environment));
    }
    insert_list(&mut compose, "volumes", service.get("volumes"), volume);
    insert_list(&mut compose, "ports", service.get("addPorts"), port);
    if let Some(Value::Object(check)) = service.get("healthCheck") {
        let renamed = check.iter().map(|(key, value)| {
            let key = match key.as_str() {
                "startPeriod" => "start_period",
                "startInterval" => "start_interval",
                other => other,
            };
            (key.to_owned(), value.clone())
        });
        compose.insert("healthcheck".to_owned(), Value::Object(renamed.collect()));
    }
    Ok(Value::Object(compose))
}

fn insert_list(
    compose: &mut Map<String, Value>,
    key: &str,
    written: Option<&Value>,
    convert: fn(&Value) -> Vec<String>,
) {
    let list: Vec<Value> = written
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(convert)
        .map(Value::String)
        .collect();
    if !list.is_empty() {
        compose.insert(key.to_owned(), Value::Array(list));
    }
}

/// Returns `deploy` with the reservations' names in Compose's spelling; any other value as it stands.
fn snake_case_limits(key: &str, value: &Value) -> Value {
    let mut value = value.clone();
    let devices = value.pointer_mut("/resources/reservations/devices").and_then(Value::as_array_mut);
    if key == "deploy" {
        for device in devices.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(ids) = device.remove("deviceIds") {
                device.insert("device_ids".to_owned(), ids);
            }
        }
    }
    value
}

/// Returns the labels without those for Runtipi's own proxy.
fn plain_labels(labels: &Value) -> Value {
    let entries = labels.as_object().into_iter().flatten();
    let plain = entries.filter(|(name, _)| !name.starts_with("traefik."));
    Value::Object(
        plain.map(|(name, value)| (name.clone(), json!(scalar(value).unwrap_or_default()))).collect(),
    )
}

fn environment_of(environment: &Value) -> Value {
    match environment {
        Value::Array(entries) => {
            let pairs = entries.iter().filter_map(|entry| {
                Some((text(entry, "key")?, json!(entry.get("value").and_then(scalar).unwrap_or_default())))
            });
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}

fn volume(volume: &Value) -> Vec<String> {
    let (Some(source), Some(target)) = (text(volume, "hostPath"), text(volume, "containerPath")) else {
        return Vec::new();
    };
    let mode = if flag(volume, "readOnly") { ":ro" } else { "" };
    vec![format!("{source}:{target}{mode}")]
}

/// Returns a port, once for each protocol: without a flag it is Docker's default, TCP, as at Runtipi's run time.
fn port(port: &Value) -> Vec<String> {
    let (Some(host), Some(container)) = (text(port, "hostPort"), text(port, "containerPort")) else {
        return Vec::new();
    };
    let interface = text(port, "interface").map(|interface| format!("{interface}:")).unwrap_or_default();
    let protocols: &[&str] = match (flag(port, "tcp"), flag(port, "udp")) {
        (true, true) => &["", "/udp"],
        (false, true) => &["/udp"],
        (_, false) => &[""],
    };
    protocols.iter().map(|protocol| format!("{interface}{host}:{container}{protocol}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_both_protocols_is_two() {
        let both = json!({ "hostPort": 53, "containerPort": 5353, "tcp": true, "udp": true });
        assert_eq!(port(&both), ["53:5353", "53:5353/udp"]);
        assert_eq!(port(&json!({ "hostPort": 53, "containerPort": 53, "udp": true })), ["53:53/udp"]);
        assert_eq!(port(&json!({ "hostPort": 80, "containerPort": 80 })), ["80:80"]);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let json = json!({ "services": [{ "name": "web", "image": "a", "flyingCarpet": true }] });
        let refused = compose(&json).err().map(|refused| refused.to_string()).unwrap_or_default();
        assert!(refused.contains("`flyingCarpet` of the service `web`"), "{refused}");
    }
}
