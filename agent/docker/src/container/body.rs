use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointIpamConfig, EndpointSettings, HealthConfig,
    HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount as EngineMount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig,
    PortBinding, PortMap, ResourcesUlimits, RestartPolicy as EngineRestartPolicy, RestartPolicyNameEnum,
};
use hearth_model::container::{
    ContainerSpec, Device, Dns, Endpoint, Healthcheck, Mount, NetworkMode, Resources, RestartPolicy, Ulimit,
};

use super::links::{follows_links, is_resolved};

/// Networks of the engine that are not user-defined, and therefore know no further names of containers.
const BUILT_IN_NETWORKS: [&str; 3] = ["bridge", "host", "none"];

/// Returns the body of `POST /containers/create` ([Docker API](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate)).
///
/// Only the first network can be named there by engines before 25; the others are connected before the start.
pub(super) fn body(
    spec: &ContainerSpec,
    labels: HashMap<String, String>,
    network_mode: String,
    first: Option<(String, EndpointSettings)>,
    api_version: &str,
    resolved: Vec<EngineMount>,
) -> ContainerCreateBody {
    // Taken apart so that a field that is added to the spec must be decided on here.
    let ContainerSpec {
        name: _,
        image,
        platform: _,
        command,
        entrypoint,
        environment,
        labels: _,
        user,
        group_add,
        working_dir,
        hostname,
        domainname,
        mounts,
        ports,
        expose,
        network: _,
        restart,
        healthcheck,
        stop_signal,
        stop_grace_period_ms,
        init,
        tty,
        stdin_open,
        read_only,
        privileged,
        cap_add,
        cap_drop,
        security_opt,
        devices,
        device_cgroup_rules,
        device_requests,
        sysctls,
        ulimits,
        resources,
        shm_size_bytes,
        pid,
        ipc,
        uts,
        userns_mode,
        cgroup,
        cgroup_parent,
        dns,
        extra_hosts,
        links,
        volumes_from,
        logging,
        runtime,
        storage_opt,
        annotations,
        pull_policy: _,
    } = spec;
    let Dns { servers, search, options } = dns;
    // The engine must not start again by itself what it would look up through links of the app.
    let restart = if follows_links(spec, api_version) { RestartPolicy::No } else { *restart };
    let by_path = || mounts.iter().filter(|mount| !is_resolved(mount, api_version));
    let host = HostConfig {
        network_mode: Some(network_mode),
        mounts: some(by_path().filter_map(mount).chain(resolved).collect()),
        binds: some(by_path().filter_map(relabelled_bind).collect()),
        tmpfs: some_map(mounts.iter().filter_map(tmpfs_with_options).collect()),
        port_bindings: some_map(port_bindings(spec)),
        restart_policy: Some(restart_policy(restart)),
        init: *init,
        readonly_rootfs: Some(*read_only),
        privileged: Some(*privileged),
        cap_add: some(words(cap_add)),
        cap_drop: some(words(cap_drop)),
        security_opt: some(security_opt.clone()),
        devices: some(devices.iter().map(device).collect()),
        device_cgroup_rules: some(device_cgroup_rules.clone()),
        device_requests: some(device_requests.iter().map(device_request).collect()),
        sysctls: some_map(map(sysctls)),
        ulimits: some(ulimits.iter().map(ulimit).collect()),
        shm_size: shm_size_bytes.map(signed),
        pid_mode: pid.clone(),
        ipc_mode: ipc.clone(),
        uts_mode: uts.clone(),
        userns_mode: userns_mode.clone(),
        cgroupns_mode: cgroup.as_deref().and_then(cgroup_namespace),
        cgroup_parent: cgroup_parent.clone(),
        group_add: some(group_add.clone()),
        dns: some(servers.clone()),
        dns_search: some(search.clone()),
        dns_options: some(options.clone()),
        extra_hosts: some(extra_hosts.clone()),
        links: some(links.clone()),
        volumes_from: some(volumes_from.clone()),
        log_config: logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: Some(logging.driver.clone()),
            config: some_map(map(&logging.options)),
        }),
        runtime: runtime.clone(),
        storage_opt: some_map(map(storage_opt)),
        annotations: some_map(map(annotations)),
        ..limits(resources)
    };
    let published = ports.iter().map(|port| format!("{}/{}", port.container_port, port.protocol.as_str()));
    let exposed: BTreeSet<String> = expose.iter().cloned().chain(published).collect();
    ContainerCreateBody {
        image: Some(image.pull_name()),
        cmd: command.clone(),
        entrypoint: entrypoint.clone(),
        env: some(environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(labels),
        user: user.clone(),
        working_dir: working_dir.clone(),
        hostname: hostname.clone(),
        domainname: domainname.clone(),
        exposed_ports: some(exposed.into_iter().collect()),
        healthcheck: healthcheck.as_ref().map(health_check),
        stop_signal: stop_signal.clone(),
        stop_timeout: stop_grace_period_ms.map(|ms| signed(ms.div_ceil(1000))),
        tty: Some(*tty),
        open_stdin: Some(*stdin_open),
        networking_config: first
            .map(|first| NetworkingConfig { endpoints_config: Some(HashMap::from([first])) }),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// Returns the networks in the order in which they are connected: falling priority, then by name.
pub(super) fn endpoints(spec: &ContainerSpec) -> Vec<(String, EndpointSettings)> {
    let NetworkMode::Networks(networks) = &spec.network else { return Vec::new() };
    let mut networks: Vec<(&String, &Endpoint)> = networks.iter().collect();
    networks.sort_by_key(|(name, endpoint)| (std::cmp::Reverse(endpoint.priority), *name));
    networks.into_iter().map(|(name, at)| (name.clone(), endpoint(name, at))).collect()
}

/// Returns how many networks the container is connected to.
pub(super) fn endpoint_count(spec: &ContainerSpec) -> usize {
    match &spec.network {
        NetworkMode::Networks(networks) => networks.len(),
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => 0,
    }
}

fn endpoint(network: &str, endpoint: &Endpoint) -> EndpointSettings {
    let Endpoint {
        aliases,
        ipv4_address,
        ipv6_address,
        link_local_ips,
        mac_address,
        priority: _,
        gw_priority,
        driver_opts,
    } = endpoint;
    let ipam = EndpointIpamConfig {
        ipv4_address: ipv4_address.clone(),
        ipv6_address: ipv6_address.clone(),
        link_local_ips: some(link_local_ips.clone()),
    };
    EndpointSettings {
        aliases: if BUILT_IN_NETWORKS.contains(&network) { None } else { some(words(aliases)) },
        ipam_config: (ipam != EndpointIpamConfig::default()).then_some(ipam),
        mac_address: mac_address.clone(),
        gw_priority: *gw_priority,
        driver_opts: some_map(map(driver_opts)),
        ..EndpointSettings::default()
    }
}

/// Returns the mount in the long form; the two that only the short form can say are `None`, and so are anonymous volumes,
/// which need a folder.
fn mount(mount: &Mount) -> Option<EngineMount> {
    Some(match mount {
        Mount::Bind { selinux: Some(_), .. } | Mount::Tmpfs { options: Some(_), .. } => return None,
        Mount::Bind {
            source,
            target,
            read_only,
            create_host_path: _,
            propagation,
            selinux: None,
            beneath: _,
        } => EngineMount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            bind_options: propagation.as_deref().map(|word| MountBindOptions {
                propagation: word.parse::<MountBindOptionsPropagationEnum>().ok(),
                ..MountBindOptions::default()
            }),
            ..EngineMount::default()
        },
        Mount::Volume { source, .. } if source.is_empty() => return None,
        Mount::Volume { source, target, read_only, nocopy, subpath, beneath: _ } => EngineMount {
            typ: Some(MountType::VOLUME),
            source: Some(source.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            volume_options: (*nocopy || subpath.is_some()).then(|| MountVolumeOptions {
                no_copy: Some(*nocopy),
                subpath: subpath.clone(),
                ..MountVolumeOptions::default()
            }),
            ..EngineMount::default()
        },
        Mount::Tmpfs { target, size_bytes, mode, options: None } => EngineMount {
            typ: Some(MountType::TMPFS),
            target: Some(target.clone()),
            tmpfs_options: (size_bytes.is_some() || mode.is_some()).then(|| MountTmpfsOptions {
                size_bytes: size_bytes.map(signed),
                mode: mode.map(i64::from),
                ..MountTmpfsOptions::default()
            }),
            ..EngineMount::default()
        },
    })
}

/// Returns `source:target:options` for a bind that is relabelled for SELinux: the long form has no word for it.
fn relabelled_bind(mount: &Mount) -> Option<String> {
    let Mount::Bind {
        source,
        target,
        read_only,
        create_host_path: _,
        propagation,
        selinux: Some(selinux),
        beneath: _,
    } = mount
    else {
        return None;
    };
    let mut options = vec![if *read_only { "ro" } else { "rw" }, selinux];
    options.extend(propagation.as_deref());
    Some(format!("{source}:{target}:{}", options.join(",")))
}

/// Returns target and options of a tmpfs whose options are text: the long form has no place for them.
fn tmpfs_with_options(mount: &Mount) -> Option<(String, String)> {
    let Mount::Tmpfs { target, size_bytes, mode, options: Some(options) } = mount else { return None };
    let mut all = Vec::from([options.clone()]);
    all.extend(size_bytes.map(|bytes| format!("size={bytes}")));
    all.extend(mode.map(|mode| format!("mode={mode:o}")));
    all.retain(|option| !option.is_empty());
    Some((target.clone(), all.join(",")))
}

fn port_bindings(spec: &ContainerSpec) -> PortMap {
    let mut bindings = PortMap::new();
    for port in &spec.ports {
        let key = format!("{}/{}", port.container_port, port.protocol.as_str());
        let binding = PortBinding {
            host_ip: port.host_ip.clone(),
            // Empty lets the engine choose.
            host_port: Some(port.host_port.map(|port| port.to_string()).unwrap_or_default()),
        };
        bindings.entry(key).or_default().get_or_insert_default().push(binding);
    }
    bindings
}

fn restart_policy(policy: RestartPolicy) -> EngineRestartPolicy {
    let (name, maximum) = match policy {
        RestartPolicy::No => (RestartPolicyNameEnum::NO, None),
        RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
        RestartPolicy::OnFailure(maximum) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(maximum))),
        RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
    };
    EngineRestartPolicy { name: Some(name), maximum_retry_count: maximum }
}

fn health_check(check: &Healthcheck) -> HealthConfig {
    let Healthcheck { test, interval_ms, timeout_ms, retries, start_period_ms, start_interval_ms } = check;
    let nanoseconds = |ms: &Option<u64>| ms.map(|ms| signed(ms.saturating_mul(1_000_000)));
    HealthConfig {
        test: some(test.clone()),
        interval: nanoseconds(interval_ms),
        timeout: nanoseconds(timeout_ms),
        retries: retries.map(i64::from),
        start_period: nanoseconds(start_period_ms),
        start_interval: nanoseconds(start_interval_ms),
    }
}

fn limits(resources: &Resources) -> HostConfig {
    let Resources {
        memory_bytes,
        memory_reservation_bytes,
        memory_swap_bytes,
        memory_swappiness,
        nano_cpus,
        cpu_shares,
        cpu_period,
        cpu_quota,
        cpuset,
        pids_limit,
        oom_score_adj,
        oom_kill_disable,
        blkio_weight,
    } = resources;
    HostConfig {
        memory: memory_bytes.map(signed),
        memory_reservation: memory_reservation_bytes.map(signed),
        memory_swap: *memory_swap_bytes,
        memory_swappiness: *memory_swappiness,
        nano_cpus: *nano_cpus,
        cpu_shares: *cpu_shares,
        cpu_period: *cpu_period,
        cpu_quota: *cpu_quota,
        cpuset_cpus: cpuset.clone(),
        pids_limit: *pids_limit,
        oom_score_adj: *oom_score_adj,
        oom_kill_disable: *oom_kill_disable,
        blkio_weight: *blkio_weight,
        ..HostConfig::default()
    }
}

fn device(device: &Device) -> DeviceMapping {
    let Device { source, target, permissions } = device;
    DeviceMapping {
        path_on_host: Some(source.clone()),
        path_in_container: Some(target.clone()),
        cgroup_permissions: Some(permissions.clone()),
    }
}

fn device_request(request: &hearth_model::container::DeviceRequest) -> DeviceRequest {
    let hearth_model::container::DeviceRequest { driver, count, device_ids, capabilities, options } = request;
    DeviceRequest {
        driver: Some(driver.clone()),
        count: *count,
        device_ids: some(device_ids.clone()),
        // Any of the lists must be met, and all of one.
        capabilities: some(capabilities.clone()).map(|all| vec![all]),
        options: some_map(map(options)),
    }
}

fn ulimit((name, limit): (&String, &Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

fn cgroup_namespace(word: &str) -> Option<HostConfigCgroupnsModeEnum> {
    match word {
        "host" => Some(HostConfigCgroupnsModeEnum::HOST),
        "private" => Some(HostConfigCgroupnsModeEnum::PRIVATE),
        _ => None,
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn some_map<T>(map: HashMap<String, T>) -> Option<HashMap<String, T>> {
    Some(map).filter(|map| !map.is_empty())
}

fn map(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn words(set: &BTreeSet<String>) -> Vec<String> {
    set.iter().cloned().collect()
}

/// The engine's numbers are signed; nothing real is cut.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
