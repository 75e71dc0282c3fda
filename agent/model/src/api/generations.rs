use serde::{Deserialize, Serialize};

use crate::condition::{AppState, Reason};
use crate::desired::{Desired, GenerationInfo};
use crate::id::{AppId, Generation};

/// `GET /api/v1/generations/{n}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GenerationDetail {
    /// When, by whom, why.
    pub info: GenerationInfo,
    /// The whole document.
    pub desired: Desired,
    /// What is different from the one in force, a sentence each.
    pub changes_from_current: Vec<String>,
}

/// Body of `POST /api/v1/plan` and `PUT /api/v1/desired`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Proposal {
    /// The document.
    pub desired: Desired,
    /// Refused with 409 when the generation in force is another; any will do when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<Generation>,
    /// What is being done, for the list of generations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether apps that are installed and not in the document may be removed; without it such a document is refused with
    /// 409 `removes-apps`, because a document that was cut off looks the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_removal: bool,
}

/// Answer to `POST /api/v1/plan`: what applying the document would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanPreview {
    /// Changes of the document, a sentence each.
    pub changes: Vec<String>,
    /// By app, what would be done first.
    pub apps: Vec<AppPlanPreview>,
}

/// What would be done for one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppPlanPreview {
    /// Which.
    pub app: AppId,
    /// Steps in words, in order, as far as can be seen now.
    pub steps: Vec<String>,
    /// The state it would be in.
    pub state: AppState,
    /// Why, when the state does not say it all.
    pub reason: Option<Reason>,
}
