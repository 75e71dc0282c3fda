use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use hearth_model::Chain;
use http_body_util::{BodyExt, BodyStream, Full};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyperlocal::{UnixClientExt, UnixConnector};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Time within which the engine must begin to answer a question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of one answer that are read: a list of several thousand containers.
const ANSWER_LIMIT_BYTES: usize = 64 << 20;

/// Why a request gave no result; what was tried is added by [`Failure::while_trying`](crate::error).
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answered.
    Unreachable(String),
    /// The engine said no.
    Answered { status: u16, message: String },
    /// The answer is not what it should be.
    Unreadable(String),
}

impl Failure {
    /// Tells whether the engine said that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Failure::Answered { status: 404, .. })
    }

    /// Tells whether the engine said that the thing is there already, or is being worked on.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Failure::Answered { status: 409, .. })
    }
}

impl From<bollard::errors::Error> for Failure {
    fn from(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as E;
        match error {
            E::DockerResponseServerError { status_code, message } => {
                Failure::Answered { status: status_code, message }
            }
            E::DockerStreamError { error } => Failure::Answered { status: 500, message: error },
            E::RequestTimeoutError => Failure::Unreachable("no answer in time".to_owned()),
            E::IOError { .. } | E::HyperResponseError { .. } | E::HyperLegacyError { .. } => {
                Failure::Unreachable(Chain(&error).to_string())
            }
            other => Failure::Unreadable(Chain(&other).to_string()),
        }
    }
}

/// Versions of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    /// `20.10.24`.
    pub(crate) engine: String,
    /// `1.41`.
    pub(crate) api: String,
}

/// Requests that read. Connections are kept and used again.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    client: Client<UnixConnector, Full<Bytes>>,
    socket: PathBuf,
}

impl Reader {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { client: Client::unix(), socket: socket.to_owned() }
    }

    /// Returns the versions of the engine.
    ///
    /// They stand in the head of every answer. `GET /version` says more, and starts two programs to find it out.
    pub(crate) async fn versions(&self) -> Result<Versions, Failure> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let response = self.open("/_ping").await?;
            let word = |name: &str| {
                response
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .to_owned()
            };
            let versions = Versions { engine: engine_version(&word("server")), api: word("api-version") };
            // Read to its end, so that the connection can be used again.
            collect(response).await.map(|_| versions)
        });
        answer.await.map_err(|_| no_answer())?
    }

    /// Returns the answer to `GET path`, of which `T` names the parts that matter; unknown parts are passed over.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = tokio::time::timeout(ANSWER_TIMEOUT, async { collect(self.open(path).await?).await });
        let body = body.await.map_err(|_| no_answer())??;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Unreadable(format!("the answer to GET {path} is not as expected: {error}"))
        })
    }

    /// Returns the bytes that `GET path` sends, piece by piece. Fails when the engine does not begin to answer in time.
    pub(crate) async fn follow(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send + use<>, Failure> {
        let response =
            tokio::time::timeout(ANSWER_TIMEOUT, self.open(path)).await.map_err(|_| no_answer())??;
        Ok(pieces(response))
    }

    /// Returns the bytes that `GET path` sends, piece by piece. The engine may take any time before it begins: some
    /// versions answer only when they have something to send.
    pub(crate) fn follow_slow(
        &self,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, Failure>> + Send + use<> {
        let (reader, path) = (self.clone(), path.to_owned());
        futures_util::stream::once(async move { reader.open(&path).await }).map_ok(pieces).try_flatten()
    }

    async fn open(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        let request = Request::get(hyper::Uri::from(hyperlocal::Uri::new(&self.socket, path)))
            .header(hyper::header::HOST, "docker")
            .body(Full::new(Bytes::new()))
            .map_err(|error| Failure::Unreadable(Chain(&error).to_string()))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| Failure::Unreachable(Chain(&error).to_string()))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = collect(response).await?;
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let message = match serde_json::from_slice::<Said>(&body) {
            Ok(said) => said.message,
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        Err(Failure::Answered { status, message })
    }
}

/// Reads `Docker/20.10.24+dfsg1 (linux)`.
fn engine_version(server: &str) -> String {
    let version = server.split_once('/').map_or(server, |(_, version)| version);
    version.split(' ').next().unwrap_or(version).to_owned()
}

/// Returns the filter parameter of a list, ready to be put into a path.
pub(crate) fn filters(filters: &serde_json::Value) -> String {
    encode(&filters.to_string())
}

/// Returns text as one part of a path or query, percent-encoded
/// ([RFC 3986, unreserved characters](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn pieces(response: Response<Incoming>) -> impl Stream<Item = Result<Bytes, Failure>> + Send + use<> {
    let frames = TryStreamExt::map_err(BodyStream::new(response.into_body()), |error| {
        Failure::Unreachable(Chain(&error).to_string())
    });
    frames.try_filter_map(async |frame: Frame<Bytes>| Ok(frame.into_data().ok()))
}

async fn collect(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = http_body_util::Limited::new(response.into_body(), ANSWER_LIMIT_BYTES);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(Failure::Unreachable(Chain(error.as_ref()).to_string())),
    }
}

fn no_answer() -> Failure {
    Failure::Unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_version_is_read_from_its_answers() {
        assert_eq!(engine_version("Docker/20.10.24+dfsg1 (linux)"), "20.10.24+dfsg1");
        assert_eq!(engine_version("29.0.0"), "29.0.0");
        assert_eq!(engine_version(""), "");
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert_eq!(encode("../volumes/x?force=1#"), "..%2Fvolumes%2Fx%3Fforce%3D1%23");
    }
}
