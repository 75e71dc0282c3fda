use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::hook::Hook;
use crate::host_port::HostSocket;
use crate::id::{AppId, Digest, ServiceName};
use crate::image::ImageRef;
use crate::package::Architecture;
use crate::time::Timestamp;

/// What was seen in one look. It may be stale the moment it is read and is never stored as truth.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// The engine, and whether it answered.
    pub engine: EngineState,
    /// Hearth's containers, by name. Containers of others are not here.
    pub containers: BTreeMap<String, ObservedContainer>,
    /// Names of containers that are not Hearth's: a name taken is a clash, never a thing to remove.
    pub foreign_containers: BTreeSet<String>,
    /// Networks by name, with the app when they are Hearth's.
    pub networks: BTreeMap<String, ObservedNetwork>,
    /// Volumes by name, with the app when they are Hearth's.
    pub volumes: BTreeMap<String, ObservedVolume>,
    /// Of the images that the desired apps name: those present, by the name they were asked for.
    pub images: BTreeSet<ImageRef>,
    /// Folders of apps.
    pub data: BTreeMap<AppId, DataState>,
    /// Snapshots of apps' data, by app, newest last.
    pub snapshots: BTreeMap<AppId, Vec<Snapshot>>,
    /// Apps whose folder is a snapshot that was put back, with the snapshot's name: evidence that
    /// [`crate::Step::RestoreData`] was done.
    #[serde(default)]
    pub restored_from: BTreeMap<AppId, String>,
    /// Apps whose [`Hook::PreStart`] ran since a container of theirs ran last: they may start.
    #[serde(default)]
    pub prepared: BTreeSet<AppId>,
    /// For which package, by digest, each hook ran that does not run at every start.
    #[serde(default)]
    pub hooks_done: BTreeMap<AppId, BTreeMap<Hook, Digest>>,
    /// Host ports that something other than Hearth's containers and doors listens on, with its name where known.
    pub foreign_ports: BTreeMap<HostSocket, String>,
    /// TCP ports of the host that the agent itself listens on for apps: their doors.
    #[serde(default)]
    pub doors: BTreeMap<u16, AppId>,
    /// What apps' pages answered when they were asked last. An app whose page was not asked yet has no entry.
    #[serde(default)]
    pub pages: BTreeMap<AppId, ObservedPage>,
    /// The host.
    pub host: HostFacts,
}

/// What an app's page answered when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedPage {
    /// Id of the container that was asked.
    pub container: String,
    /// When that container had been started: an answer of an earlier start says nothing about a later one.
    pub started_at: Option<Timestamp>,
    /// Why it gave no answer ("connection refused"); `None` when it answered.
    pub problem: Option<String>,
}

/// Whether the engine answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum EngineState {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answered.
    Ready {
        /// The engine's version, `20.10.24`.
        version: String,
        /// The API's version, `1.41`.
        api_version: String,
    },
    /// The box is starting it: it will answer by itself.
    Starting,
    /// It did not answer.
    Unreachable {
        /// Why, and what to do.
        reason: String,
    },
}

impl EngineState {
    /// Returns why nothing can be asked of it now, and what to do; `None` where it answers or was not asked yet.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Unknown | Self::Ready { .. } => None,
            Self::Starting => {
                Some("Docker is starting, as it does for a while after the box. Wait for it.".to_owned())
            }
            Self::Unreachable { reason } => Some(reason.clone()),
        }
    }
}

/// A container that carries Hearth's labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedContainer {
    /// The engine's id, 64 hexadecimal digits.
    pub id: String,
    /// The app it belongs to.
    pub app: AppId,
    /// Its service.
    pub service: ServiceName,
    /// [`crate::ContainerSpec::hash`] of what it was created from.
    pub spec_hash: Digest,
    /// Digest of the package it was created from.
    pub package_digest: Digest,
    /// [`crate::desired::DesiredApp::restarts`] at the time of its last start by Hearth.
    pub restarts: u64,
    /// Its state.
    pub state: ContainerState,
    /// What its health check says; `None` without a check.
    pub health: Option<Health>,
    /// Times the engine restarted it by itself.
    pub restart_count: u64,
    /// When it was started last.
    pub started_at: Option<Timestamp>,
    /// Networks that it is connected to.
    pub networks: BTreeSet<String>,
    /// The ids of those networks as the container remembers them, by name. The engine gives none for a network that
    /// the container has not joined yet.
    #[serde(default)]
    pub network_ids: BTreeMap<String, String>,
    /// Its address in each of them, while it runs.
    #[serde(default)]
    pub addresses: BTreeMap<String, IpAddr>,
    /// Host ports that it publishes; they are taken for as long as it runs.
    #[serde(default)]
    pub ports: BTreeSet<HostSocket>,
    /// Anonymous volumes that hold their data where the engine keeps it, by their target in the container. Hearth once
    /// made containers with such volumes: what is in them is moved into the app's folder before the container goes.
    #[serde(default)]
    pub outside_volumes: BTreeMap<String, OutsideVolume>,
}

/// A volume whose data lies outside the app's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideVolume {
    /// Its name on the engine.
    pub name: String,
    /// The folder of the host that holds its data.
    pub path: String,
}

/// State of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ContainerState {
    /// Created and never started, or its start failed.
    Created {
        /// The engine's words when the start failed.
        error: Option<String>,
    },
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Exited, and the engine is about to start it again.
    Restarting {
        /// The last exit code.
        exit_code: i64,
    },
    /// Ended.
    Exited {
        /// The exit code.
        exit_code: i64,
        /// Killed for want of memory.
        oom_killed: bool,
        /// When.
        finished_at: Option<Timestamp>,
        /// The engine's words, when it has any.
        error: Option<String>,
    },
    /// Being removed.
    Removing,
    /// The engine could not remove it.
    Dead,
    /// A word that this version of Hearth does not know.
    Other(String),
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "health")]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// Healthy.
    Healthy,
    /// Failed so often that it counts.
    Unhealthy {
        /// The last check's output, cut to 500 characters.
        output: String,
    },
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNetwork {
    /// The engine's id; a network that is removed and made again under its name has another one.
    #[serde(default)]
    pub id: String,
    /// The app it belongs to, `None` when it is not Hearth's or belongs to several apps.
    pub app: Option<AppId>,
    /// Whether it carries Hearth's labels.
    pub ours: bool,
    /// Digest of the [`crate::spec::NetworkSpec`] it was made from, when it is Hearth's.
    pub spec_hash: Option<Digest>,
    /// Ids of connected containers, of Hearth or of others.
    pub connected: BTreeSet<String>,
}

/// A volume of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVolume {
    /// The app it belongs to, when it is Hearth's.
    pub app: Option<AppId>,
    /// Whether what it holds lies in the app's folder ([`crate::spec::VolumeSpec::folder`]) and stays when the
    /// engine's record goes. When false, the volume is removed only together with the app's data.
    #[serde(default)]
    pub in_app_folder: bool,
}

/// The folder of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataState {
    /// There is none and never was: it may be made.
    New,
    /// It is there, with its marker.
    Present,
    /// It was made once and is not there, or without its marker: a disk is missing, perhaps. Nothing is made in its place.
    Missing,
}

/// A copy of an app's data, made before its update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Its name, unique for the app: the digest's first digits and the generation, chosen by who asks for it.
    pub name: String,
    /// When it was made, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

/// What the host has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostFacts {
    /// Its processor, `None` when Hearth knows no name for it.
    pub architecture: Option<Architecture>,
    /// All memory in bytes.
    pub memory_total_bytes: u64,
    /// Memory that can be had without swapping, in bytes.
    pub memory_available_bytes: u64,
    /// Size of the file system that holds apps' data, in bytes.
    pub data_total_bytes: u64,
    /// Free space on it, in bytes.
    pub data_free_bytes: u64,
    /// Free space where the engine keeps images, in bytes; `None` when that is not on this host.
    pub engine_free_bytes: Option<u64>,
}
