use serde::{Deserialize, Serialize};

use crate::id::{AppId, StoreId};
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
    /// Path of its icon on this server.
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
    /// Path of its icon on this server.
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
    /// Where it is.
    pub location: String,
    /// How many packages it offers.
    pub packages: usize,
    /// Packages that could not be read, each with its reason.
    pub refused: Vec<RefusedPackage>,
    /// Whether it came with Hearth and cannot be removed.
    pub built_in: bool,
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
    /// Absolute path of a folder on the box.
    pub location: String,
}
