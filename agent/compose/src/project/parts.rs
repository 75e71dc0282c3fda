use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::Mapping;
use crate::source::At;
use crate::value::bytes::Bytes;
use crate::value::duration::Duration;

omit_empty! {
    /// Block I/O ([`blkio_config`](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#blkio_config)).
    pub struct Blkio {
        weight: u16,
        weight_device: Vec<WeightDevice>,
        device_read_bps: Vec<ThrottleDevice>,
        device_read_iops: Vec<ThrottleDevice>,
        device_write_bps: Vec<ThrottleDevice>,
        device_write_iops: Vec<ThrottleDevice>,
    }
}

/// Block I/O weight of one device.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "fields are named as the specification names its keys")]
pub struct WeightDevice {
    pub path: String,
    pub weight: u16,
}

/// Block I/O limit of one device.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "fields are named as the specification names its keys")]
pub struct ThrottleDevice {
    pub path: String,
    pub rate: Bytes,
}

omit_empty! {
    /// Windows credentials.
    pub struct CredentialSpec {
        config: String,
        file: String,
        registry: String,
    }
}

omit_empty! {
    /// One entry of `depends_on`.
    pub struct Dependency {
        condition: String,
        restart: bool,
    } always {
        required: bool,
    } hidden {
        at: At,
    }
}

omit_empty! {
    /// One entry of `devices`.
    pub struct DeviceMapping {
        source: String,
        target: String,
        permissions: String,
    } hidden {
        at: At,
    }
}

/// One entry of `env_file`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "fields are named as the specification names its keys")]
pub struct EnvFile {
    pub path: String,
    pub required: bool,
    pub format: String,
    pub(crate) at: At,
}

impl Serialize for EnvFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Long<'a> {
            path: &'a str,
            required: bool,
            #[serde(skip_serializing_if = "str::is_empty")]
            format: &'a str,
        }
        if self.required {
            return serializer.serialize_str(&self.path);
        }
        Long { path: &self.path, required: self.required, format: &self.format }.serialize(serializer)
    }
}

omit_empty! {
    /// One entry of a service's `configs` or `secrets`.
    pub struct FileReference {
        source: String,
        target: String,
        uid: String,
        gid: String,
        mode: Option<u32>,
    } hidden {
        at: At,
    }
}

omit_empty! {
    /// `healthcheck`.
    pub struct Healthcheck {
        test: Vec<String>,
        timeout: Option<Duration>,
        interval: Option<Duration>,
        retries: Option<u32>,
        start_period: Option<Duration>,
        start_interval: Option<Duration>,
        disable: bool,
    }
}

omit_empty! {
    /// One entry of `post_start` or `pre_stop`.
    pub struct Hook {
        user: String,
        privileged: bool,
        working_dir: String,
        environment: BTreeMap<String, Option<String>>,
    } always {
        command: Option<Vec<String>>,
    }
}

/// `extra_hosts`: addresses by host name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hosts(pub BTreeMap<String, Vec<String>>);

impl Hosts {
    /// Returns `name<separator>address` for every address, sorted.
    pub(crate) fn lines(&self, separator: char) -> BTreeSet<String> {
        let pairs =
            self.0.iter().flat_map(|(host, addresses)| addresses.iter().map(move |address| (host, address)));
        pairs.map(|(host, address)| format!("{host}{separator}{address}")).collect()
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lines('=').serialize(serializer)
    }
}

omit_empty! {
    /// `logging`.
    pub struct Logging {
        driver: String,
        options: Mapping,
    }
}

omit_empty! {
    /// One entry of `ports`.
    pub struct Port {
        name: String,
        mode: String,
        host_ip: String,
        target: u32,
        published: String,
        protocol: String,
        app_protocol: String,
    } hidden {
        at: At,
    }
}

omit_empty! {
    /// A service's place in one network.
    pub struct ServiceNetwork {
        priority: i64,
        gw_priority: i64,
        aliases: Vec<String>,
        ipv4_address: String,
        ipv6_address: String,
        link_local_ips: Vec<String>,
        mac_address: String,
        driver_opts: Mapping,
    }
}

omit_empty! {
    /// One entry of a service's `volumes`.
    pub struct ServiceVolume {
        r#type: String,
        source: String,
        target: String,
        read_only: bool,
        consistency: String,
        bind: Option<BindOptions>,
        volume: Option<VolumeOptions>,
        tmpfs: Option<TmpfsOptions>,
    } hidden {
        at: At,
        source_at: At,
        is_file: bool,
    }
}

omit_empty! {
    /// Options of a bind mount.
    pub struct BindOptions {
        selinux: String,
        propagation: String,
        create_host_path: bool,
        recursive: String,
    }
}

omit_empty! {
    /// Options of a volume mount.
    pub struct VolumeOptions {
        nocopy: bool,
        subpath: String,
    }
}

omit_empty! {
    /// Options of memory mounted as a folder.
    pub struct TmpfsOptions {
        size: Bytes,
        mode: u32,
    }
}

/// One limit of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ulimit {
    /// One number for both.
    pub single: i64,
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

impl Serialize for Ulimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Pair {
            #[serde(skip_serializing_if = "super::is_default")]
            soft: i64,
            #[serde(skip_serializing_if = "super::is_default")]
            hard: i64,
        }
        if self.single != 0 {
            return serializer.serialize_i64(self.single);
        }
        Pair { soft: self.soft, hard: self.hard }.serialize(serializer)
    }
}
