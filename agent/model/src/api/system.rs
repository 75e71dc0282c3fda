use serde::{Deserialize, Serialize};

use crate::desired::Settings;
use crate::id::{AppId, Generation};
use crate::observed::{EngineState, HostFacts};

/// `GET /api/v1/system`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SystemInfo {
    /// Hearth's version.
    pub version: String,
    /// The host's name.
    pub hostname: String,
    /// The engine.
    pub engine: EngineState,
    /// The host.
    pub host: HostFacts,
    /// Settings in force.
    pub settings: Settings,
    /// The generation in force.
    pub generation: Generation,
    /// Things that the owner should know, such as the engine being unreachable.
    pub warnings: Vec<String>,
    /// What was removed and is still on the disk.
    #[serde(default)]
    pub trash: Vec<TrashEntry>,
    /// Whether Hearth updates the operating system of this box, or somebody else does.
    pub os_managed: bool,
}

/// Something that was removed and is still on the disk: it is being deleted, or cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TrashEntry {
    /// Where it is on this box.
    pub path: String,
    /// The app that it was of; `None` when its name does not say.
    pub app: Option<AppId>,
    /// How much room it takes up, in bytes; `None` until that is known.
    pub size_bytes: Option<u64>,
    /// Why it could not be deleted, and what to do, for the owner; `None` while it is being deleted.
    pub problem: Option<String>,
}
