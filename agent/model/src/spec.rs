use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::container::{ContainerSpec, PortBinding, Protocol};
use crate::door::Door;
use crate::hook::Hook;
use crate::host_port::{HostAddress, HostPort, HostSocket};
use crate::id::{AppId, Digest, ServiceName};
use crate::package::{Access, Requirements, WebPage};

/// What one app is made of: its package resolved with the owner's settings, ready to be planned.
///
/// Nothing in it tells which store or which format the package came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSpec {
    /// The app.
    pub app: AppId,
    /// The package's version as people read it.
    pub version: String,
    /// Digest of the package's files: tells two packages of the same version apart.
    pub package_digest: Digest,
    /// Services by name.
    pub services: BTreeMap<ServiceName, ServiceSpec>,
    /// Networks, by their name on the engine.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Volumes, by their name on the engine.
    pub volumes: BTreeMap<String, VolumeSpec>,
    /// Files that must exist before any container is created (inline configs and secrets, package files), by
    /// absolute path below the app's folder.
    #[serde(default)]
    pub files: BTreeMap<String, FileSpec>,
    /// Folders that must exist before any container is created, below the app's folder.
    #[serde(default)]
    pub folders: BTreeMap<String, FolderSpec>,
    /// The page that "open" leads to, with the host port that it is published on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<WebPage>,
    /// The agent's own way to that page; `None` when a container publishes it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// The page's address in the Tor network, `….onion`, when the box has a Tor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onion: Option<String>,
    /// What the app may do beyond its own folder and network.
    #[serde(default)]
    pub access: BTreeSet<Access>,
    /// What it needs to run well.
    #[serde(default)]
    pub requires: Requirements,
    /// Scripts that the package has for points of the app's life. [`Hook::PreStart`] is among them as well when the
    /// package's variables come from a script: the app is then resolved anew right before it starts.
    #[serde(default)]
    pub hooks: BTreeSet<Hook>,
}

impl AppSpec {
    /// Returns every port that it takes on the host: those that containers publish, and its door's.
    ///
    /// Ports that the engine chooses are not among them.
    pub fn host_ports(&self) -> impl Iterator<Item = HostPort<'_>> {
        let published = self.services.iter().flat_map(|(service, spec)| {
            spec.container.ports.iter().filter_map(move |binding| {
                let PortBinding { host_ip, host_port, container_port: _, protocol } = binding;
                let address = HostAddress::of(host_ip.as_deref());
                let socket = HostSocket { protocol: *protocol, port: (*host_port)?, address };
                Some(HostPort { service, socket })
            })
        });
        let door = self.door.iter().map(|door| HostPort {
            service: &door.service,
            socket: HostSocket { protocol: Protocol::Tcp, port: door.host_port, address: HostAddress::Any },
        });
        published.chain(door)
    }
}

/// One service of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// What its container is created from.
    pub container: ContainerSpec,
    /// Services that must have come so far before this one starts.
    #[serde(default)]
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// False for a service that is expected to end, such as a migration: it ended well when it exited with 0.
    ///
    /// A service is one-shot when another waits for its completion, or its package says so.
    #[serde(default)]
    pub one_shot: bool,
}

/// How far another service must have come
/// ([Compose `depends_on`](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What is waited for.
    pub condition: DependencyCondition,
    /// Whether this service is restarted when the other is recreated.
    pub restart: bool,
    /// Whether a missing dependency is an error.
    pub required: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyCondition {
    /// It was started.
    ServiceStarted,
    /// Its health check says healthy.
    ServiceHealthy,
    /// It exited with 0.
    ServiceCompletedSuccessfully,
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// `bridge` when empty.
    #[serde(default)]
    pub driver: String,
    /// Options of the driver.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// Has no way out of the host.
    #[serde(default)]
    pub internal: bool,
    /// Containers outside the app may join.
    #[serde(default)]
    pub attachable: bool,
    /// IPv6 on.
    #[serde(default)]
    pub enable_ipv6: bool,
    /// Address ranges.
    #[serde(default)]
    pub ipam: Vec<IpamPool>,
    /// Driver of the address management, the engine's own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipam_driver: Option<String>,
    /// Labels of the package.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Exists already, is never made or removed.
    #[serde(default)]
    pub external: bool,
    /// Belongs to several apps: made when the first needs it, removed when none does.
    #[serde(default)]
    pub shared: bool,
}

impl NetworkSpec {
    /// Returns the digest of the whole spec: a network is made anew only when it changes.
    pub fn hash(&self) -> Digest {
        // Fields serialize in declaration order and maps are sorted, so equal specs give equal bytes.
        let json = serde_json::to_vec(self).expect("a spec is plain data with string keys");
        Digest::of(&json)
    }
}

/// One address range of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IpamPool {
    /// CIDR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// CIDR out of which containers get addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
    /// Address of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Addresses used by others.
    #[serde(default)]
    pub aux_addresses: BTreeMap<String, String>,
}

/// A volume of the engine.
///
/// A plain named volume (local driver, no options, not external) is kept in the app's own folder, `volumes/<name>`, so
/// that snapshots, "keep data" and "delete data" hold for it as well: [`VolumeSpec::folder`] is then that path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// `local` when empty.
    #[serde(default)]
    pub driver: String,
    /// Options of the driver.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// Labels of the package.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Exists already, is never made or removed.
    #[serde(default)]
    pub external: bool,
    /// Absolute path of the folder that holds the volume's data, when it is the app's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Whether it holds no data of its own: mounts are resolved [beneath](crate::container::Beneath) its folder, which may
    /// be another app's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_base: bool,
}

impl VolumeSpec {
    /// Returns the folder of the host that the volume is, when it is one: the app's own or one that its options name.
    pub fn host_folder(&self) -> Option<&str> {
        let binds = || {
            let options = self.driver_opts.get("o").map(String::as_str).unwrap_or_default();
            options.split(',').any(|option| option == "bind" || option == "rbind")
        };
        match &self.folder {
            Some(folder) => Some(folder),
            None if !self.external && binds() => self.driver_opts.get("device").map(String::as_str),
            None => None,
        }
    }
}

/// A file written before containers are created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Its whole content.
    #[serde(with = "content_as_text_or_hex")]
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner; root when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group; root when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// True: written once and then the app's own, never overwritten. False: kept equal to the package.
    #[serde(default)]
    pub seed: bool,
}

/// A folder made before containers are created; an existing one is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FolderSpec {
    /// Owner; root when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group; root when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Permission bits, 0755 when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Whether a container mounts it and nothing else says that it is a folder. It is made only after the package's
    /// scripts ran before the start: one of them may make a file of that name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mounted: bool,
}

/// Bytes in JSON: as text where they are UTF-8, else as hexadecimal with a prefix that text never has.
mod content_as_text_or_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const HEX_PREFIX: &str = "\u{0}hex:";

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with(HEX_PREFIX) => serializer.serialize_str(text),
            _ => serializer.serialize_str(&format!("{HEX_PREFIX}{}", hex::encode(bytes))),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix(HEX_PREFIX) {
            Some(hex) => hex::decode(hex).map_err(D::Error::custom),
            None => Ok(text.into_bytes()),
        }
    }
}
