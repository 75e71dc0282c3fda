use serde::{Deserialize, Serialize};

use crate::api::store::StoreProgress;
use crate::condition::{AppStatus, Progress};
use crate::id::{AppId, Generation, StoreId};
use crate::observed::EngineState;

/// What the dashboard may hear on `GET /api/v1/events`; the SSE event's name is the variant's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Event {
    /// An app is there, or changed.
    App {
        /// All of it.
        app: Box<AppStatus>,
    },
    /// An app is gone.
    AppRemoved {
        /// Which.
        id: AppId,
    },
    /// Images of an app came further.
    Progress {
        /// Which app.
        id: AppId,
        /// How far.
        progress: Progress,
    },
    /// The desired state changed.
    Generation {
        /// Its number now.
        generation: Generation,
    },
    /// The engine came or went.
    Engine {
        /// How it is now.
        engine: EngineState,
    },
    /// What the stores offer changed, or a refresh came to its end.
    Store,
    /// A refresh of a store came further.
    StoreProgress {
        /// Which store.
        id: StoreId,
        /// How far.
        progress: StoreProgress,
    },
    /// An update of the operating system came further; `GET /os` says how far.
    Os,
    /// Events were missed (the listener was too slow, or was away): load everything again.
    Reload,
}
