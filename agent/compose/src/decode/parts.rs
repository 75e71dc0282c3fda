use std::collections::BTreeMap;

use super::fields::{Fields, integer};
use crate::project::parts::{
    BindOptions, Blkio, CredentialSpec, Dependency, DeviceMapping, EnvFile, FileReference, Healthcheck, Hook,
    Hosts, Logging, Port, ServiceNetwork, ServiceVolume, ThrottleDevice, TmpfsOptions, Ulimit, VolumeOptions,
    WeightDevice,
};
use crate::source::{At, Problems};
use crate::value::words;
use crate::yaml::{Node, Value};

pub(super) fn command(f: &mut Fields<'_>, key: &'static str) -> Option<Vec<String>> {
    let text = match f.take(key)? {
        Node { value: Value::Text(text), at, .. } => Node::text(text, at),
        Node { value: Value::List(items), .. } => {
            let words = items.into_iter().filter_map(|item| match item.value {
                Value::Text(text) => Some(text),
                _ => {
                    f.problems
                        .error(item.at, format!("`{key}` has {}; expected texts in quotes", item.kind()));
                    None
                }
            });
            return Some(words.collect());
        }
        node => {
            f.problems
                .error(node.at, format!("`{key}` is {}; expected a text or a list of texts", node.kind()));
            return None;
        }
    };
    match words::split(text.as_text()?) {
        Ok(split) => {
            if let Some(dropped) = split.dropped {
                let message = format!(
                    "no shell reads `{key}`, so `{dropped}` is left out; write `sh -c \"…\"` when a shell is meant"
                );
                f.problems.warning(text.at, message);
            }
            Some(split.words)
        }
        Err(why) => {
            f.problems.error(text.at, format!("`{key}` cannot be taken apart: {why}"));
            None
        }
    }
}

pub(super) fn blkio(f: &mut Fields<'_>) -> Blkio {
    let throttle = |f: &mut Fields<'_>| ThrottleDevice { path: f.text("path"), rate: f.bytes("rate") };
    let weight = |f: &mut Fields<'_>| WeightDevice {
        path: f.text("path"),
        weight: f.integer("weight").unwrap_or_default(),
    };
    Blkio {
        weight: f.integer("weight").unwrap_or_default(),
        weight_device: f.mappings("weight_device", weight),
        device_read_bps: f.mappings("device_read_bps", throttle),
        device_read_iops: f.mappings("device_read_iops", throttle),
        device_write_bps: f.mappings("device_write_bps", throttle),
        device_write_iops: f.mappings("device_write_iops", throttle),
    }
}

pub(super) fn credential_spec(f: &mut Fields<'_>) -> CredentialSpec {
    CredentialSpec { config: f.text("config"), file: f.text("file"), registry: f.text("registry") }
}

pub(super) fn dependency(node: Node, at: At, name: &str, problems: &mut Problems) -> Option<Dependency> {
    let mut f = Fields::new(node, format!("the dependency on `{name}`"), problems);
    let condition =
        f.one_of("condition", &["service_started", "service_healthy", "service_completed_successfully"]);
    if condition.is_empty() && !f.problems.has_errors() {
        f.problems
            .error(at, format!("the dependency on `{name}` has no `condition`; write `service_started`"));
    }
    let dependency = Dependency {
        condition,
        restart: f.flag("restart").unwrap_or_default(),
        required: f.flag("required").unwrap_or(true),
        at,
    };
    f.finish(&[]);
    Some(dependency)
}

pub(super) fn device(f: &mut Fields<'_>) -> DeviceMapping {
    let at = f.at;
    let (source, target, permissions) = (f.text("source"), f.text("target"), f.text("permissions"));
    if source.is_empty() {
        f.problems.error(at, "this device has no `source`");
    }
    DeviceMapping { source, target, permissions, at }
}

pub(super) fn env_file(f: &mut Fields<'_>) -> EnvFile {
    let at = f.at;
    let required = f.flag("required").unwrap_or(true);
    EnvFile { path: f.text("path"), required, format: f.text("format"), at }
}

pub(super) fn file_reference(f: &mut Fields<'_>) -> FileReference {
    let at = f.at;
    let source = f.text("source");
    if source.is_empty() {
        f.problems.error(at, "expected the name of a config or secret in `source`");
    }
    let (target, uid, gid) = (f.text("target"), f.text_or_number("uid"), f.text_or_number("gid"));
    FileReference { source, target, uid, gid, mode: mode(f), at }
}

/// Takes permission bits: a number as it is, and a text with a leading zero, `0440`, as octal digits.
fn mode(f: &mut Fields<'_>) -> Option<u32> {
    let node = f.take("mode")?;
    let bits = match node.as_text() {
        Some(text) if text.starts_with('0') => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        _ => integer(&node).and_then(|bits| u32::try_from(bits).ok()),
    };
    match bits {
        Some(bits) if bits <= 0o7777 => Some(bits),
        _ => {
            f.problems.error(node.at, "`mode` is not a file's mode; write octal digits such as `0440`");
            None
        }
    }
}

pub(super) fn hosts(f: &mut Fields<'_>) -> Hosts {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Some(node) = f.take("extra_hosts") else { return Hosts(hosts) };
    let mut add = |host: &str, address: &str, at: At, problems: &mut Problems| {
        if host.is_empty() || host.contains([':', '=']) || address.is_empty() {
            problems.error(at, format!("`{host}={address}` is not a host; write `name=address`"));
            return;
        }
        let inner = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
        hosts.entry(host.to_owned()).or_default().push(inner.unwrap_or(address).to_owned());
    };
    match node.value {
        Value::Map(map) => {
            for (host, value) in map {
                let items = match value.value {
                    Value::List(items) => items,
                    value => vec![Node::new(value, host.at)],
                };
                for item in items {
                    add(&host.text, &item.scalar().unwrap_or_default(), item.at, f.problems);
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let text = item.scalar().unwrap_or_default();
                let (host, addresses) =
                    text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((&text, ""));
                for address in addresses.split(',') {
                    add(host, address, item.at, f.problems);
                }
            }
        }
        _ => f.problems.error(node.at, "`extra_hosts` is neither a mapping nor a list of `name=address`"),
    }
    Hosts(hosts)
}

pub(super) fn healthcheck(f: &mut Fields<'_>) -> Healthcheck {
    let test = match f.take("test") {
        Some(Node { value: Value::Text(line), .. }) => vec!["CMD-SHELL".to_owned(), line],
        Some(Node { value: Value::List(items), .. }) => items.iter().filter_map(Node::scalar).collect(),
        Some(node) => {
            f.problems.error(node.at, format!("`test` is {}; expected a command", node.kind()));
            Vec::new()
        }
        None => Vec::new(),
    };
    Healthcheck {
        test,
        timeout: f.duration("timeout"),
        interval: f.duration("interval"),
        retries: f.integer("retries"),
        start_period: f.duration("start_period"),
        start_interval: f.duration("start_interval"),
        disable: f.flag("disable").unwrap_or_default(),
    }
}

pub(super) fn hook(f: &mut Fields<'_>) -> Hook {
    Hook {
        command: command(f, "command"),
        user: f.text("user"),
        privileged: f.flag("privileged").unwrap_or_default(),
        working_dir: f.text("working_dir"),
        environment: f.pairs("environment"),
    }
}

pub(super) fn logging(f: &mut Fields<'_>) -> Logging {
    Logging { driver: f.text("driver"), options: f.mapping("options") }
}

pub(super) fn port(f: &mut Fields<'_>) -> Port {
    let at = f.at;
    let target: Option<u16> = f.integer("target");
    if target.is_none_or(|port| port == 0) {
        f.problems.error(at, "this port has no `target`; expected 1 to 65535");
    }
    Port {
        name: f.text("name"),
        mode: f.text("mode"),
        host_ip: f.text("host_ip"),
        target: target.unwrap_or_default().into(),
        published: f.text_or_number("published"),
        protocol: f.text("protocol"),
        app_protocol: f.text("app_protocol"),
        at,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of the decoders of named values, which may fail")]
pub(super) fn service_network(
    node: Node,
    _at: At,
    name: &str,
    problems: &mut Problems,
) -> Option<Option<ServiceNetwork>> {
    if node.is_null() {
        return Some(None);
    }
    let mut f = Fields::new(node, format!("the network `{name}`"), problems);
    let network = ServiceNetwork {
        priority: f.integer("priority").unwrap_or_default(),
        gw_priority: f.integer("gw_priority").unwrap_or_default(),
        aliases: f.texts("aliases"),
        ipv4_address: f.text("ipv4_address"),
        ipv6_address: f.text("ipv6_address"),
        link_local_ips: f.texts("link_local_ips"),
        mac_address: f.text("mac_address"),
        driver_opts: f.mapping("driver_opts"),
    };
    f.finish(&[]);
    Some(Some(network))
}

pub(super) fn ulimits(f: &mut Fields<'_>) -> BTreeMap<String, Ulimit> {
    f.named("ulimits", "limit", |node, _at, name, problems| {
        if let Some(single) = integer(&node) {
            return Some(Ulimit { single: i64::try_from(single).ok()?, ..Ulimit::default() });
        }
        let mut f = Fields::new(node, format!("the limit `{name}`"), problems);
        let (soft, hard) = (f.integer("soft").unwrap_or_default(), f.integer("hard").unwrap_or_default());
        f.finish(&[]);
        Some(Ulimit { single: 0, soft, hard })
    })
}

pub(super) fn volume(f: &mut Fields<'_>) -> ServiceVolume {
    let (at, source_at) = (f.at, f.value_at("source"));
    let kind = f.text("type");
    if kind.is_empty() {
        f.problems.error(at, "this volume has no `type`; write `bind`, `volume` or `tmpfs`");
    }
    let volume = ServiceVolume {
        r#type: kind,
        source: f.text("source"),
        target: f.text("target"),
        read_only: f.flag("read_only").unwrap_or_default(),
        consistency: f.text("consistency"),
        bind: f.inner("bind", |f| BindOptions {
            selinux: f.one_of("selinux", &["z", "Z"]),
            propagation: f.text("propagation"),
            create_host_path: f.flag("create_host_path").unwrap_or_default(),
            recursive: f.one_of("recursive", &["enabled", "disabled", "writable", "readonly"]),
        }),
        volume: f.inner("volume", |f| VolumeOptions {
            nocopy: f.flag("nocopy").unwrap_or_default(),
            subpath: f.text("subpath"),
        }),
        tmpfs: f
            .inner("tmpfs", |f| TmpfsOptions { size: f.bytes("size"), mode: mode(f).unwrap_or_default() }),
        at,
        source_at,
        is_file: false,
    };
    if volume.target.is_empty() {
        f.problems.error(at, "this volume has no `target`");
    }
    volume
}
