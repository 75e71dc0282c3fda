use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::apps::AccessRequest;
use crate::desired::Run;
use crate::id::{AppId, StoreId};
use crate::package::{Access, AccessKind};

/// `POST /api/v1/import/umbrel`: takes apps over from the data folder of an umbrelOS box.
/// `POST /api/v1/import/umbrel/check` takes the same body and only looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportUmbrel {
    /// Absolute path of the folder on this box; it is only read.
    pub folder: String,
    /// Only these apps; all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apps: BTreeSet<AppId>,
    /// What the owner agrees to, for each app: accesses as `check` tells them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<AppId, BTreeSet<Access>>,
    /// Whether the files that apps share, such as downloads, are left where they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_files: bool,
    /// Whether what is mounted in an app's folder there, such as a disk with photos, is copied as well. An app whose
    /// folder has something mounted in it is not taken without this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy_mounts: bool,
}

/// Answer to `POST /api/v1/import/umbrel/check`: what would be taken over, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportPlan {
    /// The folder.
    pub folder: String,
    /// Its apps, in the order in which they would be taken: each after those that it talks to.
    pub apps: Vec<ImportApp>,
    /// Files that apps share.
    pub files: Vec<ImportFiles>,
    /// Room that all of it needs, in bytes; nothing where blocks are shared.
    pub needed_bytes: u64,
    /// Room that there is, in bytes.
    pub free_bytes: u64,
    /// Stores of that box that this one does not have.
    pub missing_stores: Vec<String>,
}

/// An app of another box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportApp {
    /// Its id, as that box has it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its version there, which it keeps.
    pub version: String,
    /// The store of this box that it will get updates from.
    pub store: Option<StoreId>,
    /// Room that its folder takes up, in bytes.
    pub size_bytes: u64,
    /// Whether it will run.
    pub run: Run,
    /// What it may do beyond its own folder and network.
    pub access: Vec<AccessRequest>,
    /// Kinds of access that the owner has not agreed to yet.
    pub missing_consent: BTreeSet<AccessKind>,
    /// Why it is not taken; it is when there is nothing.
    pub blockers: Vec<String>,
    /// Whether it is here already.
    pub is_installed: bool,
    /// What the owner should know.
    pub notes: Vec<String>,
}

/// Files of another box that apps share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportFiles {
    /// Their folder, relative to the data folder.
    pub folder: String,
    /// Room that they take up, in bytes.
    pub size_bytes: u64,
}

/// `GET /api/v1/import`: how far the last import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportStatus {
    /// The folder that is imported.
    pub folder: String,
    /// Whether it goes on.
    pub is_running: bool,
    /// Apps and files, in their order.
    pub items: Vec<ImportItem>,
}

/// One app, or one folder of files, of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportItem {
    /// The app's id, or the folder.
    pub name: String,
    /// How far it is.
    pub state: ImportState,
    /// Bytes that were copied.
    pub done_bytes: u64,
    /// Bytes that there are.
    pub total_bytes: u64,
    /// Why it is not taken, or what the owner should know.
    pub message: Option<String>,
}

/// How far one thing of an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ImportState {
    /// Its turn has not come.
    Waiting,
    /// It is being copied.
    Copying,
    /// It is this box's.
    Done,
    /// It was left out, as was said before.
    LeftOut,
    /// It failed; nothing of it stays.
    Failed,
    /// The import was given up before it was done.
    GivenUp,
}
