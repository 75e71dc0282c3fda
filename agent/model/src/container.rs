/// Where data is kept that nobody named.
mod anonymous;
/// What is mounted.
mod mount;
/// Ports and networks.
mod network;
/// Containers of scripts.
mod one_off;
/// What a container shares with another.
mod reference;
/// Devices and limits.
mod resources;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::Digest;
use crate::image::ImageRef;

pub use anonymous::{VOLUMES_FOLDER, anonymous_volume_folder};
pub use mount::{Beneath, Mount};
pub use network::{Endpoint, NetworkMode, PortBinding, Protocol};
pub use one_off::{is_one_off, one_off_name};
pub use reference::{Link, Namespace, VolumesFrom};
pub use resources::{Device, DeviceRequest, Resources, Ulimit};

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
    /// PID namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<Namespace>,
    /// IPC namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc: Option<Namespace>,
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
    /// Further names for other services of the app.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Services of the app whose mounts it gets.
    #[serde(default)]
    pub volumes_from: Vec<VolumesFrom>,
    /// Where the container's output goes; when `None`, where the executor keeps logs within bounds.
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
