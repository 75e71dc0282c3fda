use serde::{Deserialize, Serialize};

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
    },
    /// A volume of the engine, by the name of [`crate::spec::VolumeSpec`].
    Volume {
        /// The volume's name on the engine; empty for an anonymous volume.
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

impl Mount {
    /// Returns where the mount appears in the container.
    pub fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. } | Mount::Volume { target, .. } | Mount::Tmpfs { target, .. } => target,
        }
    }
}
