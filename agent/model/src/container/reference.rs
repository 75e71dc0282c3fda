use serde::{Deserialize, Serialize};

use crate::id::ServiceName;

/// A namespace that a container may share.
///
/// Written as Compose writes it: `host`, `shareable`, `service:db`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Namespace {
    /// That of another service of the same app. The engine gets the container's id: a name could be another app's.
    Service(ServiceName),
    /// In the engine's own words: `host`, `private`, `container:NAME` of a container that is not the app's.
    Engine(String),
}

const SERVICE: &str = "service:";

impl From<String> for Namespace {
    fn from(text: String) -> Self {
        match text.strip_prefix(SERVICE).and_then(|name| name.parse().ok()) {
            Some(service) => Self::Service(service),
            None => Self::Engine(text),
        }
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        match namespace {
            Namespace::Service(service) => format!("{SERVICE}{service}"),
            Namespace::Engine(word) => word,
        }
    }
}

/// Another service of the same app whose mounts a container gets as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// The service.
    pub service: ServiceName,
    /// Whether they are read-only.
    pub read_only: bool,
}

/// A further name for another service of the same app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The service.
    pub service: ServiceName,
    /// What this container calls it.
    pub alias: String,
}
