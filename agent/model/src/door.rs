use serde::{Deserialize, Serialize};

use crate::conventions::Gate;
use crate::id::ServiceName;
use crate::package::Scheme;

/// The way to an app's web page through the agent: it listens on the app's port, asks for a sign-in where one is wanted,
/// and forwards to the app. The container publishes no port for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// TCP port of the host that the agent listens on.
    pub host_port: u16,
    /// The service in whose network the page answers; one with the host's own network answers on the host's loopback.
    pub service: ServiceName,
    /// The port that it answers at there.
    pub port: u16,
    /// What it speaks there. Its certificate is not checked: what is sent stays on this host.
    #[serde(default)]
    pub scheme: Scheme,
    /// Who may pass.
    pub gate: Gate,
}
