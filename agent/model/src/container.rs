use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Digest, ServiceName};
use crate::image::ImageRef;

/// Everything that one container is created from, resolved: no variables, no short forms, absolute paths only.
///
/// Two specs with the same [`ContainerSpec::hash`] need no new container. Fields follow the
/// [Compose service attributes](https://github.com/compose-spec/compose-spec/blob/main/05-services.md) of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// The container's name on the engine, unique on the host.
    pub name: String,
    /// The image to run.
    pub image: ImageRef,
    /// `os/arch[/variant]` when the package asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Replaces the image's `CMD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Replaces the image's `ENTRYPOINT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The environment, by name.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Labels of the package; Hearth's own are added by the executor.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `user[:group]`, names or numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Additional groups, names or numbers.
    #[serde(default)]
    pub group_add: Vec<String>,
    /// Working directory inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Host name inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Domain name inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// What is mounted, in the order of the file.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Ports published on the host.
    #[serde(default)]
    pub ports: Vec<PortBinding>,
    /// Ports exposed to other containers only, `8080/tcp`.
    #[serde(default)]
    pub expose: BTreeSet<String>,
    /// How the container is connected.
    #[serde(default)]
    pub network: NetworkMode,
    /// When the engine restarts the container by itself.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// How the engine tells whether the container is healthy; `None` leaves the image's own check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Signal that asks the container to stop, the image's own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How long the container has to stop before it is killed; Compose's default is ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace_period_ms: Option<u64>,
    /// Runs an init process as PID 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Allocates a terminal.
    #[serde(default)]
    pub tty: bool,
    /// Keeps standard input open.
    #[serde(default)]
    pub stdin_open: bool,
    /// Mounts the root file system read-only.
    #[serde(default)]
    pub read_only: bool,
    /// Gives the container all the rights of root on the host.
    #[serde(default)]
    pub privileged: bool,
    /// Capabilities added, without the `CAP_` prefix.
    #[serde(default)]
    pub cap_add: BTreeSet<String>,
    /// Capabilities dropped.
    #[serde(default)]
    pub cap_drop: BTreeSet<String>,
    /// Security options, `no-new-privileges:true` among them.
    #[serde(default)]
    pub security_opt: Vec<String>,
    /// Host devices given to the container.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Rules for the device cgroup, `c 13:* rmw`.
    #[serde(default)]
    pub device_cgroup_rules: Vec<String>,
    /// Devices asked of a driver, such as GPUs.
    #[serde(default)]
    pub device_requests: Vec<DeviceRequest>,
    /// Kernel parameters of the container's namespaces.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Resource limits of processes.
    #[serde(default)]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Limits of memory, CPU and processes.
    #[serde(default)]
    pub resources: Resources,
    /// Size of `/dev/shm` in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size_bytes: Option<u64>,
    /// PID namespace: `host` or `container:<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// IPC namespace: `host`, `shareable`, `container:<name>` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc: Option<String>,
    /// UTS namespace: `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uts: Option<String>,
    /// User namespace: `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userns_mode: Option<String>,
    /// Cgroup namespace: `host` or `private`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Parent cgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup_parent: Option<String>,
    /// DNS servers, DNS search domains, DNS options.
    #[serde(default)]
    pub dns: Dns,
    /// Lines for `/etc/hosts`, `name:address`; the address may be `host-gateway`.
    #[serde(default)]
    pub extra_hosts: Vec<String>,
    /// Legacy links, `container:alias`.
    #[serde(default)]
    pub links: Vec<String>,
    /// Mounts of other containers, `container[:mode]`.
    #[serde(default)]
    pub volumes_from: Vec<String>,
    /// Where the container's output goes, the engine's own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// OCI runtime, for example `nvidia`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Options of the storage driver.
    #[serde(default)]
    pub storage_opt: BTreeMap<String, String>,
    /// Annotations for the runtime (API 1.43 or later; older engines ignore them).
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When the image is asked of its registry.
    #[serde(default)]
    pub pull_policy: PullPolicy,
}

impl ContainerSpec {
    /// Returns a spec with nothing but a name and an image.
    pub fn new(name: impl Into<String>, image: ImageRef) -> Self {
        Self {
            name: name.into(),
            image,
            platform: None,
            command: None,
            entrypoint: None,
            environment: BTreeMap::new(),
            labels: BTreeMap::new(),
            user: None,
            group_add: Vec::new(),
            working_dir: None,
            hostname: None,
            domainname: None,
            mounts: Vec::new(),
            ports: Vec::new(),
            expose: BTreeSet::new(),
            network: NetworkMode::default(),
            restart: RestartPolicy::default(),
            healthcheck: None,
            stop_signal: None,
            stop_grace_period_ms: None,
            init: None,
            tty: false,
            stdin_open: false,
            read_only: false,
            privileged: false,
            cap_add: BTreeSet::new(),
            cap_drop: BTreeSet::new(),
            security_opt: Vec::new(),
            devices: Vec::new(),
            device_cgroup_rules: Vec::new(),
            device_requests: Vec::new(),
            sysctls: BTreeMap::new(),
            ulimits: BTreeMap::new(),
            resources: Resources::default(),
            shm_size_bytes: None,
            pid: None,
            ipc: None,
            uts: None,
            userns_mode: None,
            cgroup: None,
            cgroup_parent: None,
            dns: Dns::default(),
            extra_hosts: Vec::new(),
            links: Vec::new(),
            volumes_from: Vec::new(),
            logging: None,
            runtime: None,
            storage_opt: BTreeMap::new(),
            annotations: BTreeMap::new(),
            pull_policy: PullPolicy::default(),
        }
    }

    /// Returns the digest of the whole spec: a container is recreated only when it changes.
    pub fn hash(&self) -> Digest {
        // Fields serialize in declaration order and maps are sorted, so equal specs give equal bytes.
        let json = serde_json::to_vec(self).expect("a spec is plain data with string keys");
        Digest::of(&json)
    }
}

/// One mount of a container
/// ([Compose volumes, long syntax](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#long-syntax-5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Mount {
    /// A folder or file of the host.
    Bind {
        /// Absolute path on the host.
        source: String,
        /// Absolute path in the container.
        target: String,
        /// Mounted read-only.
        read_only: bool,
        /// Whether a missing source is made as a folder (as short syntax does) or is an error.
        create_host_path: bool,
        /// `private`, `rshared` …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        propagation: Option<String>,
        /// SELinux relabelling, `z` or `Z`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selinux: Option<String>,
    },
    /// A volume of the engine, by the name of [`crate::spec::VolumeSpec`].
    Volume {
        /// The volume's name on the engine; empty for an anonymous volume.
        source: String,
        /// Absolute path in the container.
        target: String,
        /// Mounted read-only.
        read_only: bool,
        /// Does not copy the image's content into an empty volume.
        nocopy: bool,
        /// Folder inside the volume (API 1.45 or later).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subpath: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Absolute path in the container.
        target: String,
        /// Limit in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// Permission bits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
        /// Mount options as short syntax gives them, `noexec,uid=1000`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<String>,
    },
}

impl Mount {
    /// Returns where the mount appears in the container.
    pub fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. } | Mount::Volume { target, .. } | Mount::Tmpfs { target, .. } => target,
        }
    }
}

/// TCP, UDP or SCTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Returns the name as Docker writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortBinding {
    /// Address on the host, all addresses when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<String>,
    /// Port on the host; `None` lets the engine choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// Port in the container.
    pub container_port: u16,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
}

/// How a container is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// To these networks, by the name of [`crate::spec::NetworkSpec`] on the engine.
    Networks(BTreeMap<String, Endpoint>),
    /// To the host's own network.
    Host,
    /// To nothing.
    None,
    /// In the network namespace of another service of the same app.
    Service(ServiceName),
    /// In the network namespace of another container.
    Container(String),
}

impl Default for NetworkMode {
    fn default() -> Self {
        NetworkMode::Networks(BTreeMap::new())
    }
}

/// A container's place in one network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Endpoint {
    /// Further names of the container in this network; the service's name is among them.
    #[serde(default)]
    pub aliases: BTreeSet<String>,
    /// Fixed IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
    /// Fixed IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<String>,
    /// Link-local addresses.
    #[serde(default)]
    pub link_local_ips: Vec<String>,
    /// Fixed MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
    /// Networks are connected in falling order of priority.
    #[serde(default)]
    pub priority: i64,
    /// The network with the highest value gives the default gateway (API 1.48 or later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gw_priority: Option<i64>,
    /// Options of the network's driver.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
}

/// When the engine restarts a container by itself
/// ([Compose restart](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#restart)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Always.
    Always,
    /// When it exits with an error, at most so many times (0: without limit).
    OnFailure(u32),
    /// Always, unless it was stopped.
    UnlessStopped,
}

/// A health check ([Docker `HEALTHCHECK`](https://docs.docker.com/reference/dockerfile/#healthcheck)). Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", line]` or `["NONE"]`; empty inherits the image's test.
    #[serde(default)]
    pub test: Vec<String>,
    /// Time between checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Time one check may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Failures in a row that make it unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Time after the start in which failures do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period_ms: Option<u64>,
    /// Time between checks during the start period (API 1.44 or later; older engines ignore it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_interval_ms: Option<u64>,
}

/// A host device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// Devices asked of a driver ([Compose devices](https://github.com/compose-spec/compose-spec/blob/main/deploy.md#devices)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// For example `nvidia`; empty for any.
    #[serde(default)]
    pub driver: String,
    /// How many; -1 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// Which, by the driver's own names.
    #[serde(default)]
    pub device_ids: Vec<String>,
    /// What they must be able to do, for example `gpu`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Options of the driver.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// A limit of processes, soft and hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Soft limit, -1 for none.
    pub soft: i64,
    /// Hard limit, -1 for none.
    pub hard: i64,
}

/// Limits of memory, CPU and processes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Most memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Memory the container is left with when memory is short, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_reservation_bytes: Option<u64>,
    /// Memory and swap together in bytes, -1 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_swap_bytes: Option<i64>,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
    /// CPUs in billionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nano_cpus: Option<i64>,
    /// Relative weight, 1024 is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_shares: Option<i64>,
    /// CFS period in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_period: Option<i64>,
    /// CFS quota in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<i64>,
    /// CPUs that may be used, `0-3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpuset: Option<String>,
    /// Most processes, -1 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// -1000 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i64>,
    /// Leaves the container alive when memory is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill_disable: Option<bool>,
    /// Block I/O weight, 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blkio_weight: Option<u16>,
}

/// DNS of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dns {
    /// Servers.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Search domains.
    #[serde(default)]
    pub search: Vec<String>,
    /// Options.
    #[serde(default)]
    pub options: Vec<String>,
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// For example `json-file`.
    pub driver: String,
    /// Options of the driver.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// When an image is asked of its registry
/// ([Compose `pull_policy`](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pull_policy)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// When it is not there.
    #[default]
    Missing,
    /// When the app is installed or updated, even if it is there.
    Always,
    /// Never; it must be there.
    Never,
}
