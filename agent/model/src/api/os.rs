use serde::{Deserialize, Serialize};

use crate::os::{BootEntry, ReleaseVersion};

/// `GET /api/v1/os`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OsStatus {
    /// What the operating system calls itself, with its version.
    pub name: String,
    /// Which release of Hearth's own image runs; `None` on any other system.
    pub version: Option<ReleaseVersion>,
    /// Whether Hearth updates it.
    pub managed: bool,
    /// Who updates it, and how, for the owner.
    pub note: String,
    /// The releases of Hearth's own image that the box can start, newest first.
    pub releases: Vec<BootEntry>,
}
