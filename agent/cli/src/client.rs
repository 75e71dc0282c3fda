use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use hearth_daemon::api::PREFIX;
use hearth_daemon::serve::socket_path;

use super::error::{CliError, Exit};
use super::sse::Events;

/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Speaks with the service over its Unix socket; one connection for each request.
#[derive(Debug)]
pub(super) struct Client {
    state_dir: PathBuf,
}

impl Client {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.json(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.json(Method::DELETE, path, Bytes::new()).await
    }

    /// Deletes something; there is no answer but that it was done.
    pub(super) async fn delete_for_nothing(&self, path: &str) -> Result<(), CliError> {
        read(self.open(Method::DELETE, path, "application/json", Bytes::new()).await?).await.map(drop)
    }

    /// Sends a request without a body.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.json(Method::POST, path, Bytes::new()).await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| CliError::failed(format!("the request cannot be written as JSON: {error}")))?;
        self.json(method, path, body.into()).await
    }

    /// Returns an answer as text, in the media type that is asked for.
    pub(super) async fn text(&self, path: &str, accept: &str) -> Result<String, CliError> {
        let body = read(self.open(Method::GET, path, accept, Bytes::new()).await?).await?;
        String::from_utf8(body).map_err(|_| CliError::failed("the service's answer is not UTF-8"))
    }

    /// Opens a stream of server-sent events.
    pub(super) async fn events(&self, path: &str) -> Result<Events, CliError> {
        Ok(Events::new(self.open(Method::GET, path, "text/event-stream", Bytes::new()).await?))
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, CliError> {
        let answer = read(self.open(method, path, "application/json", body).await?).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            CliError::failed(format!(
                "the service's answer cannot be read ({error}); is it of the same version as this command?"
            ))
        })
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Bytes,
    ) -> Result<Incoming, CliError> {
        let stream = UnixStream::connect(socket_path(&self.state_dir)).await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        // It ends with the answer's body; what breaks it is seen there.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| CliError::new(Exit::Usage, format!("that cannot be asked for: {error}")))?;
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = read(response.into_body()).await?;
        Err(match serde_json::from_slice::<hearth_model::api::problem::Problem>(&body) {
            Ok(problem) => problem.into(),
            Err(_) => CliError::failed(format!("the service answered {status}, without a reason")),
        })
    }

    fn unreachable(&self, error: &std::io::Error) -> CliError {
        let folder = self.state_dir.display();
        CliError::new(
            Exit::Unreachable,
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
                    "no Hearth runs with the state folder {folder}; start it with `hearth serve`, or name its folder with \
                     --state-dir or HEARTH_STATE_DIR"
                ),
                ErrorKind::PermissionDenied => {
                    format!("the Hearth in {folder} speaks with root and its own user only; use sudo")
                }
                _ => format!("the Hearth in {folder} cannot be reached: {error}"),
            },
        )
    }
}

async fn read(body: Incoming) -> Result<Vec<u8>, CliError> {
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| {
        CliError::new(Exit::Unreachable, format!("the service's answer broke off ({error}); ask again"))
    })?;
    Ok(body.to_bytes().into())
}

fn broken(error: &hyper::Error) -> CliError {
    CliError::new(
        Exit::Unreachable,
        format!("the service ended the connection ({error}); look at its log, and ask again"),
    )
}

/// Writes a name as one part of a path ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).
pub(super) fn part(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_part_of_a_path() {
        assert_eq!(part("wordpress-2.0_x"), "wordpress-2.0_x");
        assert_eq!(part("a/b?c#d e&ü"), "a%2Fb%3Fc%23d%20e%26%C3%BC");
    }
}
