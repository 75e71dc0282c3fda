use std::collections::BTreeMap;

use super::Mapping;
use super::deploy::{Deploy, DeviceRequest};
use super::parts::{
    Blkio, CredentialSpec, Dependency, DeviceMapping, EnvFile, FileReference, Healthcheck, Hook, Hosts,
    Logging, Port, ServiceNetwork, ServiceVolume, Ulimit,
};
use crate::source::At;
use crate::value::bytes::Bytes;
use crate::value::duration::Duration;

omit_empty! {
    /// A service ([Compose services](https://github.com/compose-spec/compose-spec/blob/main/05-services.md)).
    pub struct Service {
        annotations: Mapping,
        attach: Option<bool>,
        blkio_config: Option<Blkio>,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        cgroup: String,
        cgroup_parent: String,
        configs: Vec<FileReference>,
        container_name: String,
        cpu_count: i64,
        cpu_percent: Float,
        cpu_period: i64,
        cpu_quota: i64,
        cpu_rt_period: i64,
        cpu_rt_runtime: i64,
        cpu_shares: i64,
        cpus: Float,
        cpuset: String,
        credential_spec: Option<CredentialSpec>,
        depends_on: BTreeMap<String, Dependency>,
        deploy: Option<Deploy>,
        device_cgroup_rules: Vec<String>,
        devices: Vec<DeviceMapping>,
        dns: Vec<String>,
        dns_opt: Vec<String>,
        dns_search: Vec<String>,
        domainname: String,
        environment: BTreeMap<String, Option<String>>,
        env_file: Vec<EnvFile>,
        expose: Vec<String>,
        external_links: Vec<String>,
        extra_hosts: Hosts,
        gpus: Vec<DeviceRequest>,
        group_add: Vec<String>,
        healthcheck: Option<Healthcheck>,
        hostname: String,
        image: String,
        init: Option<bool>,
        ipc: String,
        isolation: String,
        label_file: Vec<String>,
        labels: Mapping,
        links: Vec<String>,
        logging: Option<Logging>,
        mac_address: String,
        mem_limit: Bytes,
        mem_reservation: Bytes,
        mem_swappiness: Bytes,
        memswap_limit: Bytes,
        network_mode: String,
        networks: BTreeMap<String, Option<ServiceNetwork>>,
        oom_kill_disable: bool,
        oom_score_adj: i64,
        pid: String,
        pids_limit: i64,
        platform: String,
        ports: Vec<Port>,
        post_start: Vec<Hook>,
        pre_stop: Vec<Hook>,
        privileged: bool,
        profiles: Vec<String>,
        pull_policy: String,
        read_only: bool,
        restart: String,
        runtime: String,
        scale: Option<i64>,
        secrets: Vec<FileReference>,
        security_opt: Vec<String>,
        shm_size: Bytes,
        stdin_open: bool,
        stop_grace_period: Option<Duration>,
        stop_signal: String,
        storage_opt: Mapping,
        sysctls: Mapping,
        tmpfs: Vec<String>,
        tty: bool,
        ulimits: BTreeMap<String, Ulimit>,
        user: String,
        userns_mode: String,
        uts: String,
        volumes: Vec<ServiceVolume>,
        volumes_from: Vec<String>,
        working_dir: String,
    } always {
        command: Option<Vec<String>>,
        entrypoint: Option<Vec<String>>,
    } hidden {
        at: At,
        places: BTreeMap<String, At>,
        one_shot: bool,
    }
}

impl Service {
    /// Returns where a key stands, or the service when it was not written.
    pub(crate) fn place(&self, key: &str) -> At {
        self.places.get(key).copied().unwrap_or(self.at)
    }
}

/// A number with a fraction, as precise as Docker Compose keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Float(pub f32);

impl serde::Serialize for Float {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Through its shortest text: 0.1 as f32 widened to f64 would be 0.10000000149.
        let value: f64 = self.0.to_string().parse().unwrap_or_default();
        serializer.serialize_f64(value)
    }
}
