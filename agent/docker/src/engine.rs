use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::BollardRequest;
use hearth_model::observed::EngineState;

use crate::error::Error;
use crate::http::{Failure, Reader};
use crate::observe::Cache;
use crate::registry::RegistryAuth;
use crate::wire;

/// Time after which a pull that brings nothing counts as failed.
const PULL_STALL_TIMEOUT: Duration = Duration::from_secs(90);

/// The container engine behind one socket. A clone is cheap and is the same connection.
///
/// Works with Docker 20.10 (API 1.41) to 29: requests carry no version, so that the engine answers in its own dialect,
/// and everything newer than the oldest engine is optional.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) docker: bollard::Docker,
    pub(crate) reader: Reader,
    pub(crate) socket: PathBuf,
    pub(crate) options: Options,
    pub(crate) cache: Cache,
    /// Held while a network is looked for and made: engines before 25 make a second one of the same name.
    pub(crate) making_network: tokio::sync::Mutex<()>,
}

/// How to use an engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Id of this Hearth's state folder, for [`crate::labels::BOX`]: only what carries it is touched.
    pub box_id: String,
    /// Credentials of registries.
    pub registries: RegistryAuth,
    /// A pull fails when nothing arrives for so long.
    pub pull_stall_timeout: Duration,
}

impl Options {
    /// Returns the options for the state folder with this id: no credentials, 90 seconds for a stalled pull.
    pub fn new(box_id: impl Into<String>) -> Self {
        Self {
            box_id: box_id.into(),
            registries: RegistryAuth::default(),
            pull_stall_timeout: PULL_STALL_TIMEOUT,
        }
    }
}

impl Engine {
    /// Makes a connection to the engine at a Unix socket. Nothing is sent yet: the engine may come up later.
    pub fn connect(socket: &Path, options: Options) -> Result<Self, Error> {
        let failed = |error: bollard::errors::Error| {
            Failure::from(error).while_trying(socket, "set up the connection to the engine")
        };
        // The number only ends up in paths that bollard drops again; nothing is pinned to it.
        let docker = bollard::Docker::connect_with_unix(
            &socket.to_string_lossy(),
            bollard_timeout_secs(Duration::ZERO),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(failed)?
        .with_request_modifier(url_safe_credentials);
        let inner = Inner {
            docker,
            reader: Reader::new(socket),
            socket: socket.to_owned(),
            options,
            cache: Cache::default(),
            making_network: tokio::sync::Mutex::new(()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns whether the engine answers, and its versions.
    pub async fn state(&self) -> EngineState {
        match self.version().await {
            Ok(version) => EngineState::Ready { version: version.version, api_version: version.api_version },
            Err(failure) => EngineState::Unreachable {
                reason: failure
                    .while_trying(&self.inner.socket, "ask for the engine's version")
                    .reason()
                    .message,
            },
        }
    }

    /// Returns the folder of this host in which the engine keeps images, as the engine names it.
    ///
    /// Fails when the engine does not answer.
    pub async fn data_root(&self) -> Result<PathBuf, Error> {
        let info: wire::Info = self
            .get("/info")
            .await
            .map_err(|failure| failure.while_trying(&self.inner.socket, "ask for the engine's folder"))?;
        Ok(PathBuf::from(info.docker_root_dir))
    }

    pub(crate) async fn version(&self) -> Result<wire::Version, Failure> {
        self.get("/version").await
    }

    pub(crate) async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.inner.reader.get(path).await
    }

    /// Returns bollard's client for a call that may take so long before it is answered.
    pub(crate) fn docker_for(&self, duration: Duration) -> bollard::Docker {
        self.inner.docker.clone().with_timeout(Duration::from_secs(bollard_timeout_secs(duration)))
    }

    pub(crate) fn error(&self, failure: impl Into<Failure>, doing: impl Into<String>) -> Error {
        failure.into().while_trying(&self.inner.socket, doing)
    }
}

/// Two minutes on top of what the call itself may take: a busy box creates and starts containers slowly.
fn bollard_timeout_secs(duration: Duration) -> u64 {
    120 + duration.as_secs()
}

/// Rewrites bollard's `X-Registry-Auth` header to the alphabet that engines read
/// ([Docker API, authentication](https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication)):
/// in the other one, passwords with `?`, `>` or `~` at certain places are lost without a word.
fn url_safe_credentials(mut request: BollardRequest) -> BollardRequest {
    if let Some(value) = request.headers_mut().get_mut("X-Registry-Auth") {
        let safe: Vec<u8> = value
            .as_bytes()
            .iter()
            .map(|byte| match *byte {
                b'+' => b'-',
                b'/' => b'_',
                other => other,
            })
            .collect();
        if let Ok(safe) = hyper::header::HeaderValue::from_bytes(&safe) {
            *value = safe;
        }
    }
    request
}
