use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointIpamConfig, EndpointSettings, HealthConfig,
    HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount as EngineMount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig,
    PortBinding, PortMap, ResourcesUlimits, RestartPolicy as EngineRestartPolicy, RestartPolicyNameEnum,
};
use hearth_model::container::{
    ContainerSpec, Device, Dns, Endpoint, Healthcheck, Link, Logging, Mount, NetworkMode, Resources,
    RestartPolicy, Ulimit,
};
use hearth_model::id::AppId;

use super::links::{follows_links, is_resolved};
use crate::engine::DefaultLimits;

const MKNOD: &str = "MKNOD";
const NET_RAW: &str = "NET_RAW";

/// What a container's log may take when its package does not say: three files of 10 MB.
const LOG_BOUNDS: [(&str, &str); 2] = [("max-size", "10m"), ("max-file", "3")];

/// Options that the engine's driver `local` knows; `json-file` knows these and others
/// ([Docker, local driver](https://docs.docker.com/engine/logging/drivers/local/#options)).
const LOCAL_LOG_OPTIONS: [&str; 3] = ["max-size", "max-file", "compress"];

/// Networks of the engine that are not user-defined, and therefore know no further names of containers.
const BUILT_IN_NETWORKS: [&str; 3] = ["bridge", "host", "none"];

/// What a container shares with others, in the engine's words and by the ids of their containers.
pub(super) struct Shared {
    pub(super) network_mode: String,
    pub(super) pid: Option<String>,
    pub(super) ipc: Option<String>,
    pub(super) volumes_from: Vec<String>,
}

/// The engine that a container is created on.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) api_version: &'a str,
    /// Limits for containers whose package sets none.
    pub(super) defaults: DefaultLimits,
}

/// Returns the body of `POST /containers/create` ([Docker API](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate)).
///
/// Only the first network can be named there by engines before 25; the others are connected before the start.
pub(super) fn body(
    app: &AppId,
    spec: &ContainerSpec,
    labels: HashMap<String, String>,
    shared: Shared,
    first: Option<(String, EndpointSettings)>,
    target: Target<'_>,
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
        pid: _,
        ipc: _,
        uts,
        userns_mode,
        cgroup,
        cgroup_parent,
        dns,
        extra_hosts,
        links: _,
        volumes_from: _,
        logging,
        runtime,
        storage_opt,
        annotations,
        pull_policy: _,
    } = spec;
    let Dns { servers, search, options } = dns;
    let Target { api_version, defaults } = target;
    // The engine must not start again by itself what it would look up through links of the app.
    let restart = if follows_links(spec, api_version) { RestartPolicy::No } else { *restart };
    let by_path = || mounts.iter().filter(|mount| !is_resolved(mount, api_version));
    let Shared { network_mode, pid, ipc, volumes_from } = shared;
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
        cap_drop: some(words(&dropped(app, spec, cap_drop))),
        security_opt: some(security_opt.clone()),
        devices: some(devices.iter().map(device).collect()),
        device_cgroup_rules: some(device_cgroup_rules.clone()),
        device_requests: some(device_requests.iter().map(device_request).collect()),
        sysctls: some_map(map(sysctls)),
        ulimits: some(ulimits.iter().map(ulimit).collect()),
        shm_size: shm_size_bytes.map(signed),
        pid_mode: pid,
        ipc_mode: ipc,
        uts_mode: uts.clone(),
        userns_mode: userns_mode.clone(),
        cgroupns_mode: cgroup.as_deref().and_then(cgroup_namespace),
        cgroup_parent: cgroup_parent.clone(),
        group_add: some(group_add.clone()),
        dns: some(servers.clone()),
        dns_search: some(search.clone()),
        dns_options: some(options.clone()),
        extra_hosts: some(extra_hosts.clone()),
        volumes_from: some(volumes_from),
        log_config: Some(log_config(logging.as_ref())),
        runtime: runtime.clone(),
        storage_opt: some_map(map(storage_opt)),
        annotations: some_map(map(annotations)),
        ..limits(resources, defaults)
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
    networks.into_iter().map(|(name, at)| (name.clone(), endpoint(name, at, &spec.links))).collect()
}

/// Returns how many networks the container is connected to.
pub(super) fn endpoint_count(spec: &ContainerSpec) -> usize {
    match &spec.network {
        NetworkMode::Networks(networks) => networks.len(),
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => 0,
    }
}

/// Further names for other services are known to this container, in each network where the engine knows that service.
fn endpoint(network: &str, endpoint: &Endpoint, links: &[Link]) -> EndpointSettings {
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
        links: if BUILT_IN_NETWORKS.contains(&network) {
            None
        } else {
            some(links.iter().map(|link| format!("{}:{}", link.service, link.alias)).collect())
        },
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

/// Returns the capabilities that a container does not get: besides the package's own list, the right to make device files,
/// which nothing in a container needs that does not say so.
///
/// The right to send packets of any form goes only where other apps are in the same network, and could be impersonated
/// there. In the app's own network it stays: programs that carry it as a file capability, such as Debian's `ping`, could not
/// even be started without.
fn dropped(app: &AppId, spec: &ContainerSpec, of_package: &BTreeSet<String>) -> BTreeSet<String> {
    let mut dropped = of_package.clone();
    let asks_for = |capability: &str| {
        spec.privileged || ["ALL", capability].iter().any(|asked| spec.cap_add.contains(*asked))
    };
    if !asks_for(MKNOD) {
        dropped.insert(MKNOD.to_owned());
    }
    let own = format!("{app}_");
    let is_among_others = match &spec.network {
        NetworkMode::Networks(networks) => networks.keys().any(|network| !network.starts_with(&own)),
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => false,
    };
    if is_among_others && !asks_for(NET_RAW) {
        dropped.insert(NET_RAW.to_owned());
    }
    dropped
}

/// Returns where the container's output goes, with bounds where the package sets none. The engine's own driver is not
/// relied on: Docker's keeps everything.
fn log_config(logging: Option<&Logging>) -> HostConfigLogConfig {
    let mut options = logging.map(|logging| logging.options.clone()).unwrap_or_default();
    let driver = match logging.map_or("", |logging| logging.driver.as_str()) {
        "" if options.keys().all(|option| LOCAL_LOG_OPTIONS.contains(&option.as_str())) => "local",
        "" => "json-file",
        driver => driver,
    };
    if driver != "none" {
        for (option, bound) in LOG_BOUNDS {
            // With a unit, or without; 0 and less are no bound to the engine.
            let number =
                |value: &str| value.trim_end_matches(|unit: char| unit.is_ascii_alphabetic()).parse();
            let is_bound = |value: &String| number(value).is_ok_and(|number: f64| number > 0.0);
            if !options.get(option).is_some_and(is_bound) {
                options.insert(option.to_owned(), bound.to_owned());
            }
        }
    }
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: some_map(map(&options)) }
}

/// A limit of the package's own is kept. What would contradict the default keeps it away: the engine refuses more memory
/// reserved, or less memory and swap together, than there may be memory.
fn memory_limit(resources: &Resources, default: Option<u64>) -> Option<u64> {
    let fits = |default: &u64| {
        let reserved = resources.memory_reservation_bytes.unwrap_or_default();
        let with_swap = resources.memory_swap_bytes.and_then(|bytes| u64::try_from(bytes).ok());
        reserved <= *default && with_swap.is_none_or(|bytes| bytes >= *default)
    };
    resources.memory_bytes.or_else(|| default.filter(fits))
}

fn limits(resources: &Resources, defaults: DefaultLimits) -> HostConfig {
    let memory = memory_limit(resources, defaults.memory_bytes);
    let Resources {
        memory_bytes: _,
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
        memory: memory.map(signed),
        memory_reservation: memory_reservation_bytes.map(signed),
        memory_swap: *memory_swap_bytes,
        memory_swappiness: *memory_swappiness,
        nano_cpus: *nano_cpus,
        cpu_shares: *cpu_shares,
        cpu_period: *cpu_period,
        cpu_quota: *cpu_quota,
        cpuset_cpus: cpuset.clone(),
        pids_limit: Some(pids_limit.filter(|limit| *limit > 0).unwrap_or(defaults.processes)),
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
