use std::collections::BTreeMap;

use crate::diagnostics::Diagnostics;
use crate::source::{At, Problems, Sources};
use crate::yaml::Value;

macro_rules! omit_empty {
    (
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }
        $(always { $($afield:ident: $atype:ty,)* })?
        $(hidden { $($hfield:ident: $htype:ty,)* })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
        #[expect(missing_docs, reason = "fields are named as the specification names its keys")]
        pub struct $name {
            $($(#[$fdoc])* #[serde(skip_serializing_if = "crate::project::is_default")] pub $field: $type,)*
            $($(pub $afield: $atype,)*)?
            $($(#[serde(skip)] pub(crate) $hfield: $htype,)*)?
        }
    };
}

/// `deploy`.
pub mod deploy;
/// What stands in lists and mappings of a service: ports, volumes, devices, checks.
pub mod parts;
/// Networks, volumes, configs and secrets of the project.
pub mod resources;
/// A service.
pub mod service;

pub use service::Service;

/// Names to texts, such as labels.
pub type Mapping = BTreeMap<String, String>;

/// A project: all Compose files read, merged, with variables replaced, short forms written out, and paths made absolute
/// ([Compose model](https://github.com/compose-spec/compose-spec/blob/main/02-model.md)).
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name, which the names of its networks and volumes begin with.
    pub name: String,
    /// The folder that relative paths start from, absolute.
    pub working_dir: String,
    /// Services of the active profiles.
    pub services: BTreeMap<String, Service>,
    /// Networks that a service uses.
    pub networks: BTreeMap<String, resources::Network>,
    /// Volumes that a service uses.
    pub volumes: BTreeMap<String, resources::Volume>,
    /// Configs that a service uses.
    pub configs: BTreeMap<String, resources::FileObject>,
    /// Secrets that a service uses.
    pub secrets: BTreeMap<String, resources::FileObject>,
    /// Services of profiles that are not active.
    pub disabled: BTreeMap<String, Service>,
    /// What was found that does not stand in the way.
    pub warnings: Diagnostics,
    /// Values of `x-` keys at the top.
    pub(crate) extensions: BTreeMap<String, Value>,
    /// Relative paths that lead out of the project's folder, by the place where they stand.
    pub(crate) climbing: BTreeMap<At, String>,
    /// The texts that it was read from.
    pub(crate) sources: Sources,
}

impl Project {
    /// Returns findings about this project with the lines that they are about.
    pub(crate) fn diagnostics(&self, problems: Problems) -> Diagnostics {
        problems.into_diagnostics(&self.sources)
    }
}

/// Tells whether a value is what the key means when it is not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
