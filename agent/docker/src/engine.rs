use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::BollardRequest;
use hearth_model::observed::EngineState;
use hearth_model::subnet::Route;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::Client;
use hyperlocal::UnixClientExt;

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
    /// The folder that holds the apps' folders, absolute and without links.
    pub apps_dir: PathBuf,
    /// Credentials of registries.
    pub registries: RegistryAuth,
    /// A pull fails when nothing arrives for so long.
    pub pull_stall_timeout: Duration,
    /// What a container may use when its package sets no limit.
    pub limits: DefaultLimits,
    /// Returns what the host reaches over its own networks: no network of containers takes those addresses.
    pub routes: fn() -> Vec<Route>,
}

/// What a container may use when its package sets no limit.
///
/// It is no part of the spec, so that containers which are there are not made anew for it: they get it when they are made
/// anew for another reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimits {
    /// Memory in bytes; none when `None`.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub processes: i64,
}

impl DefaultLimits {
    /// More than any program needs that works as it should: Podman gives 2048.
    const PROCESSES: i64 = 4096;

    /// Returns the limits for a box with so much memory: one container gets 90% of it at most, so that one that takes more
    /// and more is ended before the system and every other app.
    pub fn of_box(memory_bytes: u64) -> Self {
        let memory = (memory_bytes / 10).saturating_mul(9);
        Self { memory_bytes: Some(memory).filter(|memory| *memory > 0), processes: Self::PROCESSES }
    }
}

impl Options {
    /// Returns the options for the state folder with this id, whose apps' folders are in `apps_dir`: no credentials, 90
    /// seconds for a stalled pull, no limit of memory, and no networks of the host.
    pub fn new(box_id: impl Into<String>, apps_dir: impl Into<PathBuf>) -> Self {
        Self {
            box_id: box_id.into(),
            apps_dir: apps_dir.into(),
            registries: RegistryAuth::default(),
            pull_stall_timeout: PULL_STALL_TIMEOUT,
            limits: DefaultLimits::of_box(0),
            routes: Vec::new,
        }
    }
}

impl Engine {
    /// Returns the engine behind a Unix socket. Nothing is sent, and the socket need not be there: the engine may come
    /// up later, go away and come back.
    pub fn connect(socket: &Path, options: Options) -> Self {
        let inner = Inner {
            docker: bollard_over(socket),
            reader: Reader::new(socket),
            socket: socket.to_owned(),
            options,
            cache: Cache::default(),
            making_network: tokio::sync::Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns whether the engine answers, and its versions.
    pub async fn state(&self) -> EngineState {
        match self.inner.reader.versions().await {
            Ok(versions) => EngineState::Ready { version: versions.engine, api_version: versions.api },
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

/// Returns bollard's client over connections that are kept and used again. Its own way to a Unix socket fails when the
/// socket is not there yet, and makes a connection for every request.
fn bollard_over(socket: &Path) -> bollard::Docker {
    let client = Client::unix();
    let send = move |mut request: BollardRequest| {
        if let Some(value) = request.headers_mut().get_mut("X-Registry-Auth") {
            *value = url_safe(value);
        }
        let sent = client.request(request);
        async move { sent.await.map_err(bollard::errors::Error::from) }
    };
    let address = format!("unix://{}", hex::encode(socket.to_string_lossy().as_bytes()));
    // The number only ends up in paths that bollard drops again; nothing is pinned to it.
    let version = bollard::API_DEFAULT_VERSION;
    bollard::Docker::connect_with_custom_transport(
        send,
        Some(address),
        bollard_timeout_secs(Duration::ZERO),
        version,
    )
    .expect("a transport of our own is taken without a look at it")
}

/// Returns credentials in the alphabet that engines read
/// ([Docker API, authentication](https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication)).
/// In bollard's, a password with `?`, `>` or `~` at certain places would be lost without a word.
fn url_safe(credentials: &HeaderValue) -> HeaderValue {
    let safe = credentials.as_bytes().iter().map(|byte| match *byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    });
    HeaderValue::from_bytes(&safe.collect::<Vec<u8>>()).unwrap_or_else(|_| credentials.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_any_signs_is_read_by_the_engine() {
        let bollards = HeaderValue::from_static("eyJ+/Q==");
        assert_eq!(url_safe(&bollards), "eyJ-_Q==");
    }
}
