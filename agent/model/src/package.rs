/// What an app may do beyond its own folder and network.
mod access;
/// What a package is for.
mod category;
/// Small views of an app's state.
pub mod widget;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::container::Protocol;
use crate::conventions::{Conventions, Gate};
use crate::form::Field;
use crate::id::{AppId, Digest, StoreId};

pub use access::{Access, AccessKind, HOME_NETWORK, Permission, Reach};
pub use category::Category;
pub use widget::Widget;

/// `app.yml`: what a package says of itself. The containers stand beside it in `compose.yml`.
///
/// Packages of other stores are read into this same type by their adapters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Manifest {
    /// Version of this format: 1.
    pub manifest: u32,
    /// The app's id, and its folder's name in the store.
    pub id: AppId,
    /// The name that people know.
    pub name: String,
    /// One line.
    pub tagline: String,
    /// A few paragraphs, Markdown.
    #[serde(default)]
    pub description: String,
    /// The software's version, free text; packages are compared by inequality, never by order.
    pub version: String,
    /// What is new in this version, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// What the owner should know before it is installed, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tips: Option<String>,
    /// What it is for.
    pub category: Category,
    /// Who makes the software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer: Option<String>,
    /// The software's web site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The software's source code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where its users help each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// SPDX expression of the software's licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Processors that the images run on; empty when not known.
    #[serde(default)]
    pub architectures: Vec<Architecture>,
    /// The page that "open" leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<WebPage>,
    /// Who may pass to that page, when Hearth stands in front of it; `None` publishes it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// The Tor daemon that it brings for the whole box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tor: Option<TorDaemon>,
    /// What it needs to run well.
    #[serde(default)]
    pub requires: Requirements,
    /// What the owner is asked for, each becoming a variable of the Compose file.
    #[serde(default)]
    pub settings: Vec<Field>,
    /// Dangerous things that the package needs, each with its reason; without its entry here it is refused.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// First sign-in that the software ships with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_login: Option<DefaultLogin>,
    /// Small views of its state that it can answer with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widgets: Vec<Widget>,
    /// Where each image's tag and digest was read.
    #[serde(default)]
    pub sources: Vec<ImageSource>,
}

impl Manifest {
    /// Returns a manifest of version `0` that says nothing but a name.
    pub fn named(id: AppId, name: String) -> Self {
        Self {
            manifest: 1,
            id,
            name,
            tagline: String::new(),
            description: String::new(),
            version: "0".to_owned(),
            release_notes: None,
            tips: None,
            category: Category::Other,
            developer: None,
            website: None,
            source: None,
            support: None,
            license: None,
            architectures: Vec::new(),
            web: None,
            gate: None,
            tor: None,
            requires: Requirements::default(),
            settings: Vec::new(),
            permissions: Vec::new(),
            default_login: None,
            widgets: Vec::new(),
            sources: Vec::new(),
        }
    }
}

/// A processor, by [Go's names](https://go.dev/doc/install/source#environment) as image indexes use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[expect(missing_docs, reason = "each name says it")]
pub enum Architecture {
    Amd64,
    Arm64,
    Arm,
}

impl Architecture {
    /// Returns the processor that this program was built for, which is the box's where the agent runs.
    pub fn of_this_program() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            "arm" => Some(Self::Arm),
            _ => None,
        }
    }
}

/// A page of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct WebPage {
    /// The service that answers.
    pub service: String,
    /// Its port in the container.
    pub port: u16,
    /// The host port that is proposed; the owner may choose another.
    pub host_port: u16,
    /// The path to open.
    #[serde(default = "root_path")]
    pub path: String,
    /// What the service speaks.
    #[serde(default)]
    pub scheme: Scheme,
}

fn root_path() -> String {
    "/".to_owned()
}

/// HTTP or HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[expect(missing_docs, reason = "each name says it")]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

/// A Tor daemon that all apps of the box may use.
///
/// Its folder gets `torrc`, and `onions` with the keys of the apps' onion services, which the `torrc` looks for in
/// `/onions`; Tor keeps its own files in `/data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct TorDaemon {
    /// The service that it runs in.
    pub service: String,
}

/// What an app needs to run well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Requirements {
    /// Memory in mebibytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Disk for images and first data in mebibytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_mb: Option<u64>,
}

/// First sign-in that the software ships with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct DefaultLogin {
    /// User name; may use `${…}` of the package's settings.
    #[serde(default)]
    pub username: String,
    /// Password; may use `${…}` of the package's settings.
    #[serde(default)]
    pub password: String,
}

/// Where an image's tag and digest was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct ImageSource {
    /// The image's name without tag and digest.
    pub image: String,
    /// A link.
    pub from: String,
    /// SPDX expression, where it differs from the package's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

/// A package as it is kept: everything needed to resolve it again at any later time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Where it came from.
    pub store: StoreId,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The Compose file, as it stands in the store.
    pub compose: String,
    /// Further files of the package by path relative to it; written into the app's folder as seeds.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Those that are no text, in Base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub binary_files: BTreeMap<String, String>,
    /// What it takes for granted of the system that it was written for.
    #[serde(default, skip_serializing_if = "Conventions::is_default")]
    pub conventions: Conventions,
}

impl Package {
    /// Returns the digest of everything in it but the store's name.
    pub fn digest(&self) -> Digest {
        let Self { store: _, manifest, compose, files, binary_files, conventions } = self;
        // Packages that were installed before there were conventions and other files than text keep their digest.
        let json = match (conventions.is_default(), binary_files.is_empty()) {
            (true, true) => serde_json::to_vec(&(manifest, compose, files)),
            (false, true) => serde_json::to_vec(&(manifest, compose, files, conventions)),
            (_, false) => serde_json::to_vec(&(manifest, compose, files, conventions, binary_files)),
        };
        Digest::of(&json.expect("a package is plain data with string keys"))
    }
}

/// One port that an app publishes on the host besides its web page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct PublishedPort {
    /// Port on the host.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The service that answers.
    pub service: String,
}
