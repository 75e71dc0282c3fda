use hearth_model::container::Namespace;
use hearth_model::package::{Access, AccessKind, Reach};

use super::*;
use crate::means::means;

/// Returns how far the accesses of a service with these keys reach.
fn reaches(keys: &str) -> Vec<(AccessKind, String, Reach)> {
    let spec = lowered(&format!("services:\n  a:\n    image: a\n    {keys}\n"));
    spec.access.into_iter().map(|Access { kind, detail, reach, .. }| (kind, detail, reach)).collect()
}

fn refused_keys(keys: &str) -> String {
    refused(&format!("services:\n  a:\n    image: a\n    {keys}\n"))
}

#[test]
fn a_service_that_a_profile_disables_is_nobodys_neighbour() {
    for key in [
        "volumes_from: [b]",
        "volumes_from: [\"b:ro\"]",
        "pid: \"service:b\"",
        "ipc: \"service:b\"",
        "network_mode: \"service:b\"",
        "links: [\"b:db\"]",
        "uts: \"service:b\"",
    ] {
        for required in ["true", "false"] {
            let text = format!(
                "services:\n  a:\n    image: a\n    {key}\n    depends_on: {{b: {{condition: service_started, required: {required}}}}}\n  b: {{image: b, profiles: [never]}}\n"
            );
            let found = refused(&text);
            assert!(found.contains("`b`, which runs only with the profile `never`"), "{key}: {found}");
        }
        let found = refused_keys(key);
        assert!(found.contains("`b`, which does not exist"), "{key}: {found}");
    }
}

#[test]
fn what_services_share_is_named_by_service() {
    let spec = lowered(
        "services:\n  a: {image: a, pid: \"service:b\", ipc: \"container:db\", volumes_from: [b, \"c:ro\"], links: [\"b:x\", c]}\n  b: {image: b, container_name: db}\n  c: {image: c}\n",
    );
    let container = &service(&spec, "a").container;
    let named = |name: &str| name.parse::<ServiceName>().expect("valid");
    assert_eq!(container.pid, Some(Namespace::Service(named("b"))));
    assert_eq!(container.ipc, Some(Namespace::Service(named("b"))));
    let from: Vec<_> =
        container.volumes_from.iter().map(|from| (from.service.as_str(), from.read_only)).collect();
    assert_eq!(from, [("b", false), ("c", true)]);
    let links: Vec<_> =
        container.links.iter().map(|link| (link.service.as_str(), link.alias.as_str())).collect();
    assert_eq!(links, [("b", "x"), ("c", "c")]);
    assert!(
        !serde_json::to_string(container).expect("JSON").contains("demo-b-1"),
        "a name could be another app's"
    );
    assert_eq!(spec.access, BTreeSet::new());
}

#[test]
fn whatever_a_service_shares_is_its_apps_own_or_asked_for() {
    use proptest::prelude::*;
    let names = ["a", "b", "off", "nobody", "else-db-1", "demo-b-1"];
    let keys = ["pid", "ipc", "network_mode", "volumes_from", "links"];
    let prefixes = ["service:", "container:", ""];
    let case = (
        proptest::sample::select(names.to_vec()),
        proptest::sample::select(keys.to_vec()),
        proptest::sample::select(prefixes.to_vec()),
        any::<bool>(),
    );
    proptest!(|((name, key, prefix, required) in case)| {
        let value = format!("{prefix}{name}");
        let value = if ["volumes_from", "links"].contains(&key) { format!("[\"{value}\"]") } else { format!("\"{value}\"") };
        let text = format!(
            "services:\n  a:\n    image: a\n    {key}: {value}\n    depends_on: {{off: {{condition: service_started, required: {required}}}}}\n  b: {{image: b}}\n  off: {{image: o, profiles: [never]}}\n"
        );
        let Ok(spec) = try_lower(&text, Given::default()) else { return Ok(()) };
        let container = &service(&spec, "a").container;
        let mut named: Vec<&ServiceName> = container.volumes_from.iter().map(|from| &from.service).collect();
        named.extend(container.links.iter().map(|link| &link.service));
        let mut engine = Vec::new();
        for namespace in [&container.pid, &container.ipc].into_iter().flatten() {
            match namespace {
                Namespace::Service(service) => named.push(service),
                Namespace::Engine(word) => engine.push(word.clone()),
            }
        }
        match &container.network {
            NetworkMode::Service(service) => named.push(service),
            NetworkMode::Container(container) => engine.push(format!("container:{container}")),
            NetworkMode::Networks(_) | NetworkMode::Host | NetworkMode::None => {}
        }
        for service in named {
            prop_assert!(spec.services.contains_key(service), "{text}");
        }
        for word in engine.iter().filter_map(|word| word.strip_prefix("container:")) {
            prop_assert!(spec.access.iter().any(|access| access.detail.ends_with(word)), "{text}: {:?}", spec.access);
        }
    });
}

#[test]
fn networks_are_the_apps_own_or_asked_for() {
    let network =
        |keys: &str| format!("services:\n  a: {{image: a, networks: [n]}}\nnetworks:\n  n:\n    {keys}\n");
    for keys in [
        "driver: overlay",
        "driver: host",
        "driver: some/plugin",
        "driver_opts: {com.docker.network.bridge.name: br0}",
        "driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: nat-unprotected}",
        "driver_opts: {parent: eth0}",
        "driver: macvlan\n    driver_opts: {com.docker.network.bridge.name: br0}",
        "ipam: {driver: dhcp}",
        "ipam: {config: [{subnet: 9.9.9.0/24}]}",
        "ipam: {config: [{subnet: 0.0.0.0/0}]}",
        "ipam: {config: [{subnet: 10.0.0.0/7}]}",
        "ipam: {config: [{subnet: \"2001:4860::/32\"}]}",
        "ipam: {config: [{subnet: nonsense}]}",
    ] {
        let found = refused(&network(keys));
        assert!(found.contains("the network `n`"), "{keys}: {found}");
    }
    for keys in [
        "driver: bridge",
        "internal: true",
        "driver_opts: {com.docker.network.driver.mtu: \"1400\"}",
        "ipam: {driver: default, config: [{subnet: 172.31.255.0/29}]}",
        "ipam: {config: [{subnet: \"fd12:3456::/64\"}]}",
    ] {
        assert_eq!(lowered(&network(keys)).access, BTreeSet::new(), "{keys}");
    }
    for driver in ["macvlan", "ipvlan"] {
        let text = network(&format!("driver: {driver}\n    driver_opts: {{parent: eth0}}"));
        let spec = lowered(&text);
        let asked = spec.access.first().expect("it is asked for");
        assert_eq!((asked.kind, asked.detail.as_str()), (AccessKind::HostNetwork, "home eth0"));
        assert!(asked.is_grave() && means(asked).contains("home network"), "{}", means(asked));
    }
}

#[test]
fn the_engines_own_bridge_is_not_joined() {
    for mode in ["bridge", "default"] {
        let text = format!(
            "services:\n  a: {{image: a, network_mode: {mode}, container_name: named}}\n  b: {{image: b}}\n"
        );
        let spec = lowered(&text);
        assert_eq!(spec.networks.keys().collect::<Vec<_>>(), ["demo_default"], "{mode}");
        let (a, b) = (&service(&spec, "a").container.network, &service(&spec, "b").container.network);
        let (NetworkMode::Networks(a), NetworkMode::Networks(b)) = (a, b) else { panic!("{a:?} {b:?}") };
        assert!(b.contains_key("demo_default"));
        assert_eq!(a["demo_default"].aliases, BTreeSet::from(["a".to_owned(), "named".to_owned()]));
    }
    let alone = lowered("services:\n  a: {image: a, network_mode: bridge}\n");
    let with_others = lowered("services:\n  a: {image: a}\n");
    assert_eq!(alone.networks, with_others.networks, "the same network, however a service came into it");
}

#[test]
fn what_equals_the_whole_box_is_asked_as_that() {
    use AccessKind::{Capabilities, Devices, HostPaths};
    for (keys, kind, detail, reach) in [
        ("volumes: [\"//etc/./cron.d:/x\"]", HostPaths, "/etc/cron.d", Reach::WholeBox),
        ("volumes: [\"/var/run/dbus:/x:ro\"]", HostPaths, "/var/run/dbus", Reach::WholeBox),
        ("volumes: [\"/proc:/x:ro\"]", HostPaths, "/proc", Reach::ReadingSecrets),
        ("volumes: [\"/srv:/x:ro\"]", HostPaths, "/srv", Reach::Reading),
        ("volumes: [\"/srv:/x\"]", HostPaths, "/srv", Reach::Stated),
        ("devices: [\"/dev/sda:/dev/x\"]", Devices, "/dev/sda", Reach::WholeBox),
        ("devices: [\"/dev/sda:/dev/x:r\"]", Devices, "/dev/sda", Reach::ReadingSecrets),
        ("device_cgroup_rules: [\"b 8:* rwm\"]", Devices, "rule b 8:* rwm", Reach::WholeBox),
        ("cap_add: [cap_sys_admin]", Capabilities, "SYS_ADMIN", Reach::WholeBox),
        ("cap_add: [all]", Capabilities, "ALL", Reach::WholeBox),
        ("cap_add: [SYS_PTRACE]", Capabilities, "SYS_PTRACE", Reach::Stated),
        ("cap_add: [SYS_PTRACE]\n    pid: host", Capabilities, "SYS_PTRACE", Reach::WholeBox),
        ("cap_add: [NET_ADMIN]", Capabilities, "NET_ADMIN", Reach::Stated),
    ] {
        let found = reaches(keys);
        assert!(found.contains(&(kind, detail.to_owned(), reach)), "{keys}: {found:?}");
    }
    let secret =
        lowered("services:\n  a: {image: a, secrets: [s]}\nsecrets: {s: {file: /var/run/docker.sock}}\n");
    assert!(
        secret.access.iter().any(|access| access.kind == AccessKind::DockerSocket),
        "{:?}",
        secret.access
    );
}

#[test]
fn hearths_own_socket_is_for_no_container() {
    for path in ["/run/hearth", "/var/run//hearth/hearth.sock"] {
        let found = refused_keys(&format!("volumes: [\"{path}:/x:ro\"]"));
        assert!(found.contains("is Hearth's own"), "{path}: {found}");
    }
}

#[test]
fn security_options_that_are_not_known_are_asked_for() {
    let asked = |option: &str| {
        let found = reaches(&format!("security_opt: [\"{option}\"]"));
        found.iter().any(|(kind, detail, _)| *kind == AccessKind::Unconfined && detail == option)
    };
    for confining in [
        "no-new-privileges",
        "no-new-privileges:true",
        "no-new-privileges=1",
        "no-new-privileges:T",
        "seccomp=builtin",
        "apparmor=docker-default",
        "label=level:s0:c100,c200",
    ] {
        assert!(!asked(confining), "{confining}");
    }
    for open in [
        "no-new-privileges:0",
        "no-new-privileges=f",
        "no-new-privileges:FALSE",
        "apparmor=other-profile",
        "apparmor:unconfined",
        "label=type:spc_t",
        "label:disable",
        "disable",
        "writable-cgroups=true",
        "systempaths=unconfined",
        "something-new=1",
    ] {
        assert!(asked(open), "{open}");
    }
}

#[test]
fn what_would_leave_the_engines_bounds_is_refused() {
    for (keys, expected) in [
        (
            "logging: {driver: syslog, options: {syslog-address: \"unix:///run/x\"}}",
            "the log driver `syslog`",
        ),
        ("logging: {driver: gelf}", "use local, json-file or none"),
        ("annotations: {org.systemd.property.x: \"1\"}", "`annotations`"),
        ("oom_score_adj: -1000", "use 0 to 1000"),
        ("oom_kill_disable: true", "needs a `mem_limit`"),
    ] {
        let found = refused_keys(keys);
        assert!(found.contains(expected), "{keys}: {found}");
    }
    for fine in [
        "logging: {driver: json-file, options: {max-size: 1m}}",
        "logging: {options: {max-size: 1m}}",
        "logging: {driver: none}",
        "oom_score_adj: 500",
        "oom_kill_disable: true\n    mem_limit: 1g",
    ] {
        assert_eq!(reaches(fine), [], "{fine}");
    }
}
