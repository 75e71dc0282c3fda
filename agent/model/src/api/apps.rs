use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AppId, Generation, StoreId};
use crate::package::Access;

/// `POST /api/v1/apps`: installs an app. `POST /api/v1/apps/check` takes the same body and only looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InstallApp {
    /// The store.
    pub store: StoreId,
    /// The package in it.
    pub package: String,
    /// Answers to its form.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Other host ports than the package's, by `port/protocol` as the package has it.
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// What the owner agrees to.
    #[serde(default)]
    pub granted: BTreeSet<Access>,
    /// Apps that take the place of those that the package depends on, by the package depended on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<AppId, AppId>,
}

/// `PATCH /api/v1/apps/{id}`: changes an installed app's answers, ports and consent; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConfigureApp {
    /// All answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<BTreeMap<String, String>>,
    /// All ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<BTreeMap<String, u16>>,
    /// All consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<BTreeSet<Access>>,
}

/// `POST /api/v1/apps/{id}/update`: what the owner agrees to beyond what the installed version had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateApp {
    /// All consent for the new version.
    #[serde(default)]
    pub granted: BTreeSet<Access>,
}

/// `DELETE /api/v1/apps/{id}?data=keep|delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum DataChoice {
    /// The app's folder stays; a new install finds it.
    #[default]
    Keep,
    /// The app's folder and its snapshots are deleted for good.
    Delete,
}

/// Answer to every change: the generation that it made, or that already said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Changed {
    /// Its number.
    pub generation: Generation,
}

/// Answer to an update and to going back: the generation, and what the owner should know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangedVersion {
    /// Its number.
    pub generation: Generation,
    /// One sentence each, such as what the copy of the data leaves out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Answer to `POST /api/v1/apps/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InstallCheck {
    /// What stands in the way; an install would be refused.
    pub blockers: Vec<Finding>,
    /// What the owner should know; an install goes ahead.
    pub warnings: Vec<Finding>,
    /// What the app may do beyond its own folder and network; the dangerous ones need consent.
    pub access: Vec<AccessRequest>,
    /// Kept data of an earlier install that this install would find.
    pub has_kept_data: bool,
    /// A free port to offer when a proposed one is taken, by `port/protocol` as the package has it.
    pub free_ports: BTreeMap<String, u16>,
    /// Other apps that it talks to.
    #[serde(default)]
    pub companions: Vec<Companion>,
}

/// Another app that an app talks to, and which may take its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Companion {
    /// The package that it names.
    pub package: AppId,
    /// Apps that will do: those that are installed, or those that stores offer when none is.
    pub options: Vec<CompanionOption>,
    /// The one that it would use.
    pub chosen: Option<AppId>,
}

/// An app that will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CompanionOption {
    /// The app.
    pub app: AppId,
    /// Its name for people.
    pub name: String,
    /// The store that offers it, when it is not installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
}

/// One finding of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// For programs.
    pub code: crate::condition::ReasonCode,
    /// For the owner.
    pub message: String,
    /// The setting or `port/protocol` it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// A thing the app may do, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AccessRequest {
    /// The thing.
    pub access: Access,
    /// What that means, in plain words.
    pub means: String,
    /// Whether it gives the app about as much power as the owner has, or lets it read what only the owner should.
    pub grave: bool,
    /// Why the package needs it, if it says so.
    pub reason: Option<String>,
}

/// `GET /api/v1/apps/{id}/logs?service=&tail=&follow=`; with `follow` each line is one SSE event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Which service wrote it.
    pub service: String,
    /// When, UTC, where the engine knows it.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub at: Option<crate::time::Timestamp>,
    /// Whether it went to standard error.
    pub stderr: bool,
    /// The line, without its end; what is not UTF-8 is replaced.
    pub line: String,
}

/// `GET /api/v1/apps/{id}/settings`: the form of an installed app with its answers; secrets are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppSettings {
    /// Whose.
    pub id: AppId,
    /// The form.
    pub fields: Vec<crate::form::Field>,
    /// Answers that are not secrets.
    pub answers: BTreeMap<String, String>,
    /// Every host port that the owner can choose, by `port/protocol` as the package has it, and what it is now.
    pub ports: BTreeMap<String, u16>,
    /// What the app may do.
    pub access: Vec<AccessRequest>,
}
