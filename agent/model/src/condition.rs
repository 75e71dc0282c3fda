use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AppId, Generation, StoreId};
use crate::package::{DefaultLogin, PublishedPort};
use crate::time::Timestamp;

/// What state an app is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AppState {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// Images are fetched and containers made for the first time.
    Installing,
    /// Containers start, or wait for one another.
    Starting,
    /// All services run, and those with a health check are healthy.
    Running,
    /// It runs, and a health check fails or a container keeps restarting.
    Unhealthy,
    /// Containers are stopping.
    Stopping,
    /// Stopped, as the owner wants it.
    Stopped,
    /// On its way to another version.
    Updating,
    /// On its way back from an update that did not get healthy.
    Reverting,
    /// Being removed.
    Removing,
    /// Cannot go on without a change, or tries again later; the reason says which.
    Failed,
    /// Cannot be looked at: the engine does not answer.
    EngineUnreachable,
}

impl AppState {
    /// Tells whether something is going on that ends by itself.
    pub fn is_busy(self) -> bool {
        use AppState::{Installing, Removing, Reverting, Starting, Stopping, Updating};
        matches!(self, Installing | Starting | Stopping | Updating | Reverting | Removing)
    }
}

/// Why an app is in its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// One or two sentences for the owner: what happened, and what to do next.
    pub message: String,
    /// The service it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The last lines of the log that shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl Reason {
    /// Returns a reason about the app as a whole.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), service: None, log: Vec::new() }
    }

    /// Returns a reason about one service.
    pub fn of_service(code: ReasonCode, service: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), service: Some(service.into()), log: Vec::new() }
    }
}

/// Kinds of [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ReasonCode {
    /// The engine does not answer.
    EngineUnreachable,
    /// A registry does not have the image.
    ImageNotFound,
    /// A registry does not answer.
    RegistryUnreachable,
    /// A registry refuses without a sign-in.
    RegistryDenied,
    /// There is no image for this processor.
    WrongArchitecture,
    /// A host port is taken.
    PortTaken,
    /// A name on the engine is taken by something that is not Hearth's.
    NameTaken,
    /// The disk is full, or would be.
    DiskFull,
    /// There is too little memory.
    MemoryShort,
    /// A container ended that should run.
    ContainerExited,
    /// A container was killed for want of memory.
    OutOfMemory,
    /// A container ends and is started again, over and over.
    CrashLoop,
    /// A health check fails.
    Unhealthy,
    /// A dependency did not come so far in time, or failed.
    DependencyFailed,
    /// The app's folder or its disk is missing.
    DataMissing,
    /// The app may not do what it wants to without the owner's consent.
    ConsentNeeded,
    /// The package is wrong.
    PackageInvalid,
    /// The package's files are no longer kept.
    PackageMissing,
    /// An app that it needs is not installed, or others need it.
    AppMissing,
    /// A script of the package failed.
    ScriptFailed,
    /// A setting is missing or wrong.
    SettingsInvalid,
    /// The last update was taken back.
    UpdateReverted,
    /// Waits for another service.
    Waiting,
    /// The engine refused a step for a reason not named here.
    EngineRefused,
    /// A file could not be written or read.
    FileError,
    /// A defect of Hearth; its log has the details.
    Internal,
}

/// Everything the owner sees of an installed app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppStatus {
    /// The app.
    pub id: AppId,
    /// The name that people know.
    pub name: String,
    /// One line.
    pub tagline: String,
    /// Path of its icon on this server.
    pub icon: String,
    /// The store it came from.
    pub store: StoreId,
    /// The package's id in that store.
    pub package: String,
    /// The installed version.
    pub version: String,
    /// A newer package in its store, if there is one.
    pub update: Option<AvailableUpdate>,
    /// Its state.
    pub state: AppState,
    /// Why.
    pub reason: Option<Reason>,
    /// What is going on, while something is.
    pub progress: Option<Progress>,
    /// Its services.
    pub services: Vec<ServiceStatus>,
    /// Where it answers.
    pub open: Option<OpenTarget>,
    /// Its page's address in the Tor network, `….onion`, when the box has a Tor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onion: Option<String>,
    /// Other ports that it publishes.
    pub ports: Vec<PublishedPort>,
    /// First sign-in that the software ships with, with settings filled in.
    pub default_login: Option<DefaultLogin>,
    /// What its last update did, until the owner has seen it.
    pub last_update: Option<LastUpdate>,
    /// The generation that this was planned from.
    pub generation: Generation,
}

/// A newer package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AvailableUpdate {
    /// Its version.
    pub version: String,
    /// What is new, Markdown.
    pub release_notes: Option<String>,
}

/// What an app's last update did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LastUpdate {
    /// The version before.
    pub from_version: String,
    /// When it ended, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Why the new version was not kept; `None` when it was.
    pub reverted: Option<Reason>,
    /// Whether the owner can still go back to the version before, with its data.
    pub can_go_back: bool,
}

/// Where "open" leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpenTarget {
    /// `http` or `https`.
    pub scheme: String,
    /// Port on the host; the host's name is the one that the dashboard was opened with.
    pub port: u16,
    /// Path.
    pub path: String,
}

/// One service of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Its image, for people.
    pub image: String,
    /// In a word or two: "running", "healthy", "exited (1)", "waits for db".
    pub state: String,
    /// Whether that is as it should be.
    pub ok: bool,
    /// When it was started last, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Progress {
    /// In words: "Fetching images".
    pub text: String,
    /// Images being fetched, by their name for people.
    pub images: BTreeMap<String, ImageProgress>,
}

/// How far one image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImageProgress {
    /// Bytes fetched so far.
    pub done_bytes: u64,
    /// Bytes in all, as far as known; grows while layers are announced.
    pub total_bytes: u64,
    /// Layers unpacked so far.
    pub layers_done: u32,
    /// Layers in all, as far as known.
    pub layers_total: u32,
    /// Whether it is all there.
    pub complete: bool,
}
