use serde::{Deserialize, Serialize};

use crate::id::{AppId, Digest, Generation, StoreId};
use crate::image::ImageRef;
use crate::package::{Category, Manifest, PublishedPort};

/// `GET /api/v1/store/packages?q=&category=&store=`: one entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PackageSummary {
    /// The store.
    pub store: StoreId,
    /// The package's id in it.
    pub package: String,
    /// The name that people know.
    pub name: String,
    /// One line.
    pub tagline: String,
    /// Version.
    pub version: String,
    /// What it is for.
    pub category: Category,
    /// Path of its icon on this server; empty when it has none.
    pub icon: String,
    /// The app it is installed as, if it is.
    pub installed: Option<AppId>,
}

/// `GET /api/v1/store/packages/{store}/{package}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PackageDetail {
    /// The store.
    pub store: StoreId,
    /// The store's name for people.
    pub store_name: String,
    /// What the package says of itself.
    pub manifest: Manifest,
    /// What a document names it by.
    pub digest: Digest,
    /// Path of its icon on this server; empty when it has none.
    pub icon: String,
    /// Its images.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub images: Vec<ImageRef>,
    /// Its services.
    pub services: Vec<String>,
    /// Ports that it publishes besides its page.
    pub ports: Vec<PublishedPort>,
    /// What it may do beyond its own folder and network.
    pub access: Vec<super::apps::AccessRequest>,
    /// Scripts that run on the box when the app starts, stops or is updated, by their path in the package. They reach the
    /// app's own folder and containers, and no network.
    pub scripts: Vec<String>,
    /// The app it is installed as, if it is.
    pub installed: Option<AppId>,
    /// Why it cannot be installed at all, if so.
    pub refused: Option<String>,
}

/// `GET /api/v1/stores`: one source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoreSummary {
    /// Its id.
    pub id: StoreId,
    /// Its name for people.
    pub name: String,
    /// Where it is, without a password.
    pub location: String,
    /// How many packages it offers.
    pub packages: usize,
    /// Packages that could not be read, each with its reason.
    pub refused: Vec<RefusedPackage>,
    /// Whether it came with Hearth and cannot be removed.
    pub built_in: bool,
    /// Which commit or archive its packages are of, 12 hexadecimal digits; `None` for a folder.
    pub revision: Option<String>,
    /// When it was last seen to be as it is here, UTC; `None` when that never was.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub refreshed_at: Option<crate::Timestamp>,
    /// Why the last refresh failed, when it did: the packages are those of the one before.
    pub problem: Option<StoreProblem>,
    /// What the last refresh that brought something new brought.
    pub changes: Option<StoreChanges>,
    /// How far the refresh that goes on is.
    pub progress: Option<StoreProgress>,
    /// Installed apps whose package came from it.
    pub apps: Vec<AppId>,
}

/// Tells whether what comes from an address can be changed on its way, since it comes over plain HTTP.
pub fn is_unprotected(location: &str) -> bool {
    location.starts_with("http://")
}

/// Why a store could not be refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoreProblem {
    /// When it was tried, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: crate::Timestamp,
    /// What happened, and what to do next.
    pub message: String,
}

/// What a refresh brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoreChanges {
    /// When, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: crate::Timestamp,
    /// Packages that are new, by name.
    pub added: Vec<ChangedPackage>,
    /// Packages that are other than before.
    pub updated: Vec<ChangedPackage>,
    /// Packages that are not offered any more.
    pub removed: Vec<ChangedPackage>,
}

/// A package that came, changed or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangedPackage {
    /// Its id in its store.
    pub package: String,
    /// The name that people know.
    pub name: String,
    /// Its version before; `None` when it is new.
    pub from: Option<String>,
    /// Its version now, which may be the same; `None` when it is gone.
    pub to: Option<String>,
}

/// How far a refresh is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoreProgress {
    /// What is being done.
    pub phase: StorePhase,
    /// Bytes so far.
    pub bytes: u64,
    /// Bytes there will be, where the server says it.
    pub total: Option<u64>,
}

/// What is being done to refresh a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum StorePhase {
    /// Bytes come over the line.
    Fetching,
    /// Files are written.
    Unpacking,
    /// Packages are read and checked.
    Reading,
}

/// A package that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedPackage {
    /// Its folder.
    pub package: String,
    /// Why, with file, line and column where there is one.
    pub reason: String,
}

/// `POST /api/v1/stores`: adds a source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AddStore {
    /// Its id; refused when another store has it.
    pub id: StoreId,
    /// Its name for people.
    pub name: String,
    /// Absolute path of a folder on the box, address of an archive, or address of a git repository with `#branch` if wanted.
    pub location: String,
}

/// `POST /api/v1/stores`: the store is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AddedStore {
    /// The generation that wants it.
    pub generation: Generation,
    /// What it offers.
    pub store: StoreSummary,
}
