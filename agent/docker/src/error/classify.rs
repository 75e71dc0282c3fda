//! Engines say in prose what the matter is, and each version in its own: phrases are kept here, in one place.

use hearth_model::image::ImageRef;

use crate::error::{Error, ImageProblem};
use crate::http::Failure;

impl Failure {
    /// Returns the error for a step that failed.
    pub(crate) fn while_trying(self, socket: &std::path::Path, doing: impl Into<String>) -> Error {
        let doing = doing.into();
        match self {
            Failure::Unreachable(detail) => Error::Unreachable { doing, socket: socket.to_owned(), detail },
            Failure::Unreadable(detail) => Error::Unreadable { doing, detail },
            Failure::Answered { message, .. } => answered(doing, message),
        }
    }

    /// Returns the error for a pull that failed.
    pub(crate) fn while_pulling(self, socket: &std::path::Path, image: &ImageRef) -> Error {
        let doing = format!("fetch {}", image.familiar());
        match self {
            Failure::Answered { message, .. } if is_disk_full(&message) => {
                Error::DiskFull { doing, answer: message }
            }
            Failure::Answered { message, status } => match image_problem(&message, status) {
                Some(problem) => Error::Image { image: image.clone(), problem, answer: message },
                None => Error::Refused { doing, answer: message },
            },
            other => other.while_trying(socket, doing),
        }
    }
}

fn answered(doing: String, answer: String) -> Error {
    if is_disk_full(&answer) {
        Error::DiskFull { doing, answer }
    } else if has(
        &answer,
        &["port is already allocated", "address already in use", "failed to bind host port"],
    ) {
        Error::PortTaken { doing, port: port_in(&answer), answer }
    } else {
        Error::Refused { doing, answer }
    }
}

fn is_disk_full(answer: &str) -> bool {
    has(answer, &["no space left on device", "disk quota exceeded"])
}

/// Returns what the matter with an image is, by the words of the engine or of the registry behind it.
fn image_problem(answer: &str, status: u16) -> Option<ImageProblem> {
    // The order matters: "pull access denied … repository does not exist" is Docker Hub's answer to both.
    const PHRASES: &[(ImageProblem, &[&str])] = &[
        (ImageProblem::TooManyRequests, &["toomanyrequests", "429 too many requests", "rate limit"]),
        (
            ImageProblem::WrongArchitecture,
            &["no matching manifest for", "no match for platform", "does not match the specified platform"],
        ),
        (
            ImageProblem::Denied,
            &[
                "pull access denied",
                "unauthorized",
                "authentication required",
                "no basic auth credentials",
                "authorization failed",
                "denied:",
                "401 ",
                "403 forbidden",
            ],
        ),
        (
            ImageProblem::NotFound,
            &["manifest unknown", "not found", "name unknown", "repository name not known"],
        ),
        (
            ImageProblem::RegistryUnreachable,
            &[
                "connection refused",
                "connection reset",
                "no such host",
                "no route to host",
                "network is unreachable",
                "i/o timeout",
                "tls handshake",
                "x509:",
                "certificate",
                "server gave http response to https client",
                "client.timeout",
                "context deadline exceeded",
                "request canceled while waiting for connection",
                "temporary failure in name resolution",
                "server misbehaving",
                ": eof",
                "unexpected eof",
                "broken pipe",
                "received unexpected http status: 5",
                "503 service unavailable",
                "502 bad gateway",
                "dial tcp",
            ],
        ),
    ];
    let found = PHRASES.iter().find(|(_, phrases)| has(answer, phrases));
    found.map(|(problem, _)| *problem).or((status == 404).then_some(ImageProblem::NotFound))
}

/// Returns the host port in "Bind for 0.0.0.0:8080 failed" or "listen tcp4 0.0.0.0:53: bind: address already in use".
fn port_in(answer: &str) -> Option<u16> {
    let before = [
        "Bind for ",
        "listen tcp",
        "listen udp",
        "failed to bind host port for ",
        "failed to bind host port ",
    ];
    let rest = before.iter().find_map(|before| answer.split_once(before).map(|(_, rest)| rest))?;
    let address = rest.split([' ', '/']).find(|word| word.contains(':'))?;
    // `0.0.0.0:81`, `[::]:81`, `0.0.0.0:81:172.18.0.2:80`: the first number that is no part of an address.
    let (_, after_ipv6) =
        address.rsplit_once("]:").filter(|_| address.starts_with('[')).unwrap_or(("", address));
    after_ipv6.split(':').find_map(|part| part.parse().ok())
}

fn has(answer: &str, phrases: &[&str]) -> bool {
    let answer = answer.to_lowercase();
    phrases.iter().any(|phrase| answer.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_say_is_understood() {
        use ImageProblem::{Denied, NotFound, RegistryUnreachable, TooManyRequests, WrongArchitecture};
        for (answer, status, problem) in [
            (
                "manifest for localhost:5000/a:9 not found: manifest unknown: manifest unknown",
                404,
                Some(NotFound),
            ),
            (
                "failed to resolve reference \"localhost:5000/a:9\": localhost:5000/a:9: not found",
                404,
                Some(NotFound),
            ),
            (
                "pull access denied for a/b, repository does not exist or may require 'docker login': denied: \
                 requested access to the resource is denied",
                404,
                Some(Denied),
            ),
            ("Get http://localhost:5000/v2/a/manifests/1: no basic auth credentials", 500, Some(Denied)),
            (
                "Get \"http://localhost:9/v2/\": dial tcp 127.0.0.1:9: connect: connection refused",
                500,
                Some(RegistryUnreachable),
            ),
            (
                "Get \"https://x/v2/\": dial tcp: lookup x on 1.1.1.1:53: no such host",
                500,
                Some(RegistryUnreachable),
            ),
            ("unexpected EOF", 500, Some(RegistryUnreachable)),
            ("toomanyrequests: You have reached your pull rate limit.", 429, Some(TooManyRequests)),
            (
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                500,
                Some(WrongArchitecture),
            ),
            ("something else", 500, None),
        ] {
            assert_eq!(image_problem(answer, status), problem, "{answer}");
        }
    }

    #[test]
    fn the_taken_port_is_read_from_each_engines_words() {
        for (answer, port) in [
            (
                "driver failed programming external connectivity on endpoint a (1f): Bind for 0.0.0.0:8080 failed: \
                 port is already allocated",
                8080,
            ),
            (
                "driver failed programming external connectivity on endpoint a (1f): Error starting userland proxy: \
                 listen tcp4 0.0.0.0:53: bind: address already in use",
                53,
            ),
            (
                "failed to set up container networking: driver failed programming external connectivity on endpoint a: \
              failed to bind host port for 0.0.0.0:81:172.18.0.2:80/tcp: address already in use",
                81,
            ),
            ("failed to bind host port 0.0.0.0:81/tcp: address already in use", 81),
            ("Error starting userland proxy: listen tcp6 [::]:443: bind: address already in use", 443),
        ] {
            match answered("start a".to_owned(), answer.to_owned()) {
                Error::PortTaken { port: found, .. } => assert_eq!(found, Some(port), "{answer}"),
                other => panic!("{other}"),
            }
        }
    }
}
