use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AppId, Digest, Generation, StoreId};
use crate::package::Access;

/// Everything the owner wants, as one document: what `hearth export` prints and `hearth apply` reads.
///
/// It holds no secret that Hearth can make itself and nothing that can be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Desired {
    /// Version of this format: [`Desired::VERSION`]. It must be there, so that an empty text is no document that wants nothing.
    pub hearth: u32,
    /// Installed apps.
    #[serde(default)]
    pub apps: BTreeMap<AppId, DesiredApp>,
    /// Sources of packages besides the built-in one.
    #[serde(default)]
    pub stores: BTreeMap<StoreId, DesiredStore>,
    /// Settings of the box.
    #[serde(default)]
    pub settings: Settings,
    /// Apps that are not installed and whose data the owner asked to delete; an install takes the entry away.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deleted_data: BTreeSet<AppId>,
    /// Secrets that are not written here because the box has them: applying the document keeps those in force.
    #[serde(default, skip_serializing_if = "Stored::is_empty")]
    pub stored: Stored,
}

/// Secrets that a document leaves to the box. A generation that is kept names none, and has them all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Stored {
    /// Names of answers, by app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<AppId, BTreeSet<String>>,
    /// Stores whose address has a user and a password.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stores: BTreeSet<StoreId>,
}

impl Stored {
    fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.stores.is_empty()
    }
}

impl Desired {
    /// The version of the format that this Hearth reads and writes.
    pub const VERSION: u32 = 1;
}

/// One app that the owner wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct DesiredApp {
    /// The store that its package came from.
    pub store: StoreId,
    /// The package's id in that store; the app's id unless it is installed under another name.
    pub package: String,
    /// The package's version, for people.
    pub version: String,
    /// Exactly which package: the digest of its files, which are kept for as long as a generation names them.
    pub digest: Digest,
    /// Whether it should run.
    #[serde(default)]
    pub run: Run,
    /// Answers to the package's form; secrets that were generated are not among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Host ports that the owner chose instead of the package's, by the package's `port/protocol`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, u16>,
    /// What the owner agreed to that the app may do beyond its own folder and network.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub granted: BTreeSet<Access>,
    /// Apps that take the place of those that the package depends on, by the package depended on; one that is not named
    /// here is the app of the same id, or the only one that can take its place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<AppId, AppId>,
    /// Counts restarts that the owner asked for: a new value recreates nothing but restarts every container.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Whether an app should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum Run {
    /// It should run.
    #[default]
    Running,
    /// It should be stopped; its containers stay.
    Stopped,
}

/// A source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct DesiredStore {
    /// What people read.
    pub name: String,
    /// Absolute path of a folder on the box, address of an archive, or address of a git repository with `#branch` if wanted.
    pub location: String,
}

/// Settings of the box.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Settings {
    /// The name of the box, as the dashboard shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_name: Option<String>,
    /// IANA time zone given to apps as `TZ`; the host's own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Names by which the box may be opened besides those of its host, in small letters and without a port: what the owner's own
    /// proxy or name server calls it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Actor {
    /// A person with an account, by name.
    User(String),
    /// The command line on the box itself, by the name of the Unix user.
    Cli(String),
    /// Hearth, by itself: it put an update back that did not get healthy.
    Hearth,
}

/// One change of the desired state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GenerationInfo {
    /// Its number.
    pub generation: Generation,
    /// When, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: crate::time::Timestamp,
    /// By whom.
    pub by: Actor,
    /// What was done, one sentence: "Install WordPress".
    pub why: String,
    /// Whether it is the one in force.
    pub current: bool,
}
