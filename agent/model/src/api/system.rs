use serde::{Deserialize, Serialize};

use crate::desired::Settings;
use crate::id::Generation;
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
    /// Whether Hearth updates the operating system of this box, or somebody else does.
    pub os_managed: bool,
}
