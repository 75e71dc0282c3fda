use super::fields::Fields;
use super::{deploy, parts, refused};
use crate::project::Service;
use crate::source::{At, Problems};
use crate::yaml::Node;

pub(super) fn decode(node: Node, at: At, name: &str, problems: &mut Problems) -> Option<Service> {
    if node.is_null() {
        problems.error(at, format!("the service `{name}` is empty; expected at least an `image`"));
        return None;
    }
    let mut f = Fields::new(node, format!("the service `{name}`"), problems);
    // Taken by `extends` before; here only so that a misspelled key is told what was meant.
    f.take("extends");
    let one_shot = f.take("x-hearth").is_some_and(|node| {
        node.as_map()
            .and_then(|map| map.get("one_shot"))
            .and_then(Node::scalar)
            .is_some_and(|value| value == "true")
    });
    let service = Service {
        annotations: f.mapping("annotations"),
        attach: f.flag("attach"),
        blkio_config: f.inner("blkio_config", parts::blkio),
        cap_add: f.texts("cap_add"),
        cap_drop: f.texts("cap_drop"),
        cgroup: f.one_of("cgroup", &["host", "private"]),
        cgroup_parent: f.text("cgroup_parent"),
        command: parts::command(&mut f, "command"),
        configs: f.mappings("configs", parts::file_reference),
        container_name: f.text("container_name"),
        cpu_count: f.integer("cpu_count").unwrap_or_default(),
        cpu_percent: f.number("cpu_percent"),
        cpu_period: f.integer("cpu_period").unwrap_or_default(),
        cpu_quota: f.integer("cpu_quota").unwrap_or_default(),
        cpu_rt_period: f.integer("cpu_rt_period").unwrap_or_default(),
        cpu_rt_runtime: f.integer("cpu_rt_runtime").unwrap_or_default(),
        cpu_shares: f.integer("cpu_shares").unwrap_or_default(),
        cpus: f.number("cpus"),
        cpuset: f.text("cpuset"),
        credential_spec: f.inner("credential_spec", parts::credential_spec),
        depends_on: f.named("depends_on", "service", parts::dependency),
        deploy: f.inner("deploy", deploy::decode),
        device_cgroup_rules: f.texts("device_cgroup_rules"),
        devices: f.mappings("devices", parts::device),
        dns: f.text_or_texts("dns"),
        dns_opt: f.texts("dns_opt"),
        dns_search: f.text_or_texts("dns_search"),
        domainname: f.text("domainname"),
        entrypoint: parts::command(&mut f, "entrypoint"),
        environment: f.pairs("environment"),
        env_file: f.mappings("env_file", parts::env_file),
        expose: f.scalars("expose"),
        external_links: f.texts("external_links"),
        extra_hosts: parts::hosts(&mut f),
        gpus: f.mappings("gpus", deploy::device_request),
        group_add: f.scalars("group_add"),
        healthcheck: f.inner("healthcheck", parts::healthcheck),
        hostname: f.text("hostname"),
        image: f.text("image"),
        init: f.flag("init"),
        ipc: f.text("ipc"),
        isolation: f.text("isolation"),
        label_file: f.text_or_texts("label_file"),
        labels: f.mapping("labels"),
        links: f.texts("links"),
        logging: f.inner("logging", parts::logging),
        mac_address: f.text("mac_address"),
        mem_limit: f.bytes("mem_limit"),
        mem_reservation: f.bytes("mem_reservation"),
        mem_swappiness: f.bytes("mem_swappiness"),
        memswap_limit: f.bytes("memswap_limit"),
        network_mode: f.text("network_mode"),
        networks: f.named("networks", "network", parts::service_network),
        oom_kill_disable: f.flag("oom_kill_disable").unwrap_or_default(),
        oom_score_adj: f.integer("oom_score_adj").unwrap_or_default(),
        pid: f.text("pid"),
        pids_limit: f.integer("pids_limit").unwrap_or_default(),
        platform: f.text("platform"),
        ports: f.mappings("ports", parts::port),
        post_start: f.mappings("post_start", parts::hook),
        pre_stop: f.mappings("pre_stop", parts::hook),
        privileged: f.flag("privileged").unwrap_or_default(),
        profiles: f.texts("profiles"),
        pull_policy: f.one_of("pull_policy", &["always", "never", "missing", "if_not_present", "build"]),
        read_only: f.flag("read_only").unwrap_or_default(),
        restart: f.text("restart"),
        runtime: f.text("runtime"),
        scale: f.integer("scale"),
        secrets: f.mappings("secrets", parts::file_reference),
        security_opt: f.texts("security_opt"),
        shm_size: f.bytes("shm_size"),
        stdin_open: f.flag("stdin_open").unwrap_or_default(),
        stop_grace_period: f.duration("stop_grace_period"),
        stop_signal: f.text("stop_signal"),
        storage_opt: f.mapping("storage_opt"),
        sysctls: f.mapping("sysctls"),
        tmpfs: f.text_or_texts("tmpfs"),
        tty: f.flag("tty").unwrap_or_default(),
        ulimits: parts::ulimits(&mut f),
        user: f.text("user"),
        userns_mode: f.text("userns_mode"),
        uts: f.text("uts"),
        volumes: f.mappings("volumes", parts::volume),
        volumes_from: f.texts("volumes_from"),
        working_dir: f.text("working_dir"),
        at,
        places: std::mem::take(&mut f.places),
        one_shot,
    };
    f.finish(refused::SERVICE);
    Some(service)
}
