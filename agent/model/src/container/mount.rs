use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::VolumeSpec;

/// One mount of a container
/// ([Compose volumes, long syntax](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#long-syntax-5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Mount {
    /// A folder or file of the host.
    Bind {
        /// Absolute path on the host.
        source: String,
        /// Absolute path in the container.
        target: String,
        /// Mounted read-only.
        read_only: bool,
        /// Whether a missing source is made as a folder (as short syntax does) or is an error.
        create_host_path: bool,
        /// `private`, `rshared` …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        propagation: Option<String>,
        /// SELinux relabelling, `z` or `Z`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selinux: Option<String>,
        /// Set where the app may put a link in the place of the source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beneath: Option<Beneath>,
    },
    /// A volume of the engine, by the name of [`crate::spec::VolumeSpec`].
    Volume {
        /// The volume's name on the engine; empty for an anonymous volume, which is kept in the folder of the app that
        /// [`crate::container::anonymous_volume_folder`] names.
        source: String,
        /// Absolute path in the container.
        target: String,
        /// Mounted read-only.
        read_only: bool,
        /// Does not copy the image's content into an empty volume.
        nocopy: bool,
        /// Folder inside the volume (API 1.45 or later).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subpath: Option<String>,
        /// Set where the app may put a link in the place of the volume's folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beneath: Option<Beneath>,
    },
    /// Memory.
    Tmpfs {
        /// Absolute path in the container.
        target: String,
        /// Limit in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// Permission bits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
        /// Mount options as short syntax gives them, `noexec,uid=1000`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<String>,
    },
}

/// The same folder or file as a path beneath one that the app cannot replace.
///
/// The engine looks a path up anew at each start, its own restarts included, and follows links. A path beneath a volume it
/// resolves without leaving the volume (API 1.45 or later, `VolumeOptions.Subpath`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beneath {
    /// A volume whose [`is_base`](crate::spec::VolumeSpec::is_base) is set.
    pub volume: String,
    /// The path beneath it.
    pub subpath: String,
}

impl Mount {
    /// Returns how the mount is resolved when the app may replace its source; `None` when it cannot.
    pub fn beneath(&self) -> Option<&Beneath> {
        match self {
            Mount::Bind { beneath, .. } | Mount::Volume { beneath, .. } => beneath.as_ref(),
            Mount::Tmpfs { .. } => None,
        }
    }

    /// Returns the path of this host that the mount leads to; `None` for memory and for volumes that the engine keeps.
    pub fn host_path(&self, volumes: &BTreeMap<String, VolumeSpec>) -> Option<String> {
        match self {
            Mount::Bind { source, .. } => Some(source.clone()),
            Mount::Volume { source, subpath, .. } => {
                let folder = volumes.get(source).and_then(VolumeSpec::host_folder)?;
                Some(
                    subpath
                        .as_ref()
                        .map_or_else(|| folder.to_owned(), |subpath| format!("{folder}/{subpath}")),
                )
            }
            Mount::Tmpfs { .. } => None,
        }
    }

    /// Returns where the mount appears in the container.
    pub fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. } | Mount::Volume { target, .. } | Mount::Tmpfs { target, .. } => target,
        }
    }
}
