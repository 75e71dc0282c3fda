use serde::{Deserialize, Serialize};

/// A dangerous thing that a package asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Permission {
    /// What.
    pub kind: AccessKind,
    /// Why, for the owner.
    pub reason: String,
}

/// Kinds of [`Access`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum AccessKind {
    /// All the rights of root on the host.
    Privileged,
    /// The engine's own socket: as good as root on the host.
    DockerSocket,
    /// The host's own network.
    HostNetwork,
    /// The host's processes, IPC, host name or users.
    HostNamespace,
    /// Folders outside the app's own.
    HostPaths,
    /// Devices of the host.
    Devices,
    /// Capabilities beyond Docker's own set.
    Capabilities,
    /// Security confinement switched off.
    Unconfined,
}

/// One thing that an app may do beyond its own folder and network, found in its resolved containers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Access {
    /// What kind it is.
    pub kind: AccessKind,
    /// Which service.
    pub service: String,
    /// What exactly: the path, the device, the capability; empty where the kind says it all.
    #[serde(default)]
    pub detail: String,
}
