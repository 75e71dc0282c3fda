use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::{Error, Job, Phase, Result, Revision};

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a server may send us elsewhere; GitHub does so once, or twice for a release.
const MAX_REDIRECTS: u32 = 5;
const BUFFER_BYTES: usize = 64 * 1024;
/// How often progress is told, in bytes.
const TELL_EVERY_BYTES: u64 = 1024 * 1024;

/// What a server answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What it has is what we have.
    Unchanged(Revision),
    /// The archive is in the file.
    Downloaded(Revision),
}

/// Downloads an archive into the file `to`, unless it is still the one of the revision `known`.
pub(crate) fn download(url: &str, known: Option<&Revision>, to: &Path, job: &Job<'_>) -> Result<Answer> {
    job.check()?;
    job.tell(Phase::Fetching, 0, None);
    let unreachable = |error: ureq::Error| explain(url, job, error);
    let mut request = agent(url, Some(job.time_left()), SILENCE)?.get(url);
    if let Some(Revision::Archive { etag, last_modified, sha256: _ }) = known {
        // RFC 9110, section 13.1.3: with a tag the date is not looked at.
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        } else if let Some(date) = last_modified {
            request = request.header(header::IF_MODIFIED_SINCE, date);
        }
    }
    let mut answer = request.call().map_err(unreachable)?;
    match (answer.status(), known) {
        (StatusCode::OK, _) => {}
        (StatusCode::NOT_MODIFIED, Some(known)) => return Ok(Answer::Unchanged(known.clone())),
        (status, _) => return Err(Error::Status { url: url.to_owned(), status: status.as_u16() }),
    }
    let length = text(answer.headers(), &header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let (etag, last_modified) =
        (text(answer.headers(), &header::ETAG), text(answer.headers(), &header::LAST_MODIFIED));
    let sha256 = write(url, answer.body_mut().as_reader(), length, to, job)?;
    let revision = Revision::Archive { etag, last_modified, sha256 };
    Ok(if is_same(known, &revision) { Answer::Unchanged(revision) } else { Answer::Downloaded(revision) })
}

/// Tells whether two archives have the same bytes, whatever the server calls them.
fn is_same(known: Option<&Revision>, fresh: &Revision) -> bool {
    match (known, fresh) {
        (Some(Revision::Archive { sha256: known, .. }), Revision::Archive { sha256: fresh, .. }) => {
            known == fresh
        }
        _ => false,
    }
}

/// Writes a body to a file and returns its SHA-256.
fn write(url: &str, mut body: impl Read, length: Option<u64>, to: &Path, job: &Job<'_>) -> Result<String> {
    let limit = job.limits.download_bytes;
    let too_large = || Error::TooLarge { what: "the archive", limit_bytes: limit };
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let failed = |source| Error::Write { path: to.to_owned(), source };
    let mut file = File::create_new(to).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut bytes, mut told) = (0_u64, 0_u64);
    loop {
        job.check()?;
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(explain(url, job, ureq::Error::from(error))),
        };
        bytes += count as u64;
        if bytes > limit {
            return Err(too_large());
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(failed)?;
        if bytes >= told + TELL_EVERY_BYTES {
            told = bytes;
            job.tell(Phase::Fetching, bytes, length);
        }
    }
    if let Some(length) = length.filter(|length| *length != bytes) {
        let why = format!("the server broke off after {bytes} of {length} bytes");
        return Err(Error::Unreachable { url: url.to_owned(), why });
    }
    job.tell(Phase::Fetching, bytes, length);
    Ok(hex::encode(hash.finalize()))
}

/// Some of a file, as a server gives it.
pub struct Part {
    /// Its bytes; ends with an error when the server is silent for too long.
    pub body: Box<dyn Read + Send>,
    /// Which byte of the file comes first: 0 when the server gives only whole files.
    pub begins_at: u64,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { body: _, begins_at } = self;
        f.debug_struct("Part").field("begins_at", begins_at).finish_non_exhaustive()
    }
}

/// Asks for `length` bytes of a file from byte `from` on ([RFC 9110, section 14](https://www.rfc-editor.org/rfc/rfc9110#section-14)).
/// A server may give more: the caller takes no more than it asked for. `silence` is how long it may send nothing.
///
/// # Errors
/// When the server is not reached, or has no such file.
pub fn open(url: &str, from: u64, length: u64, silence: Duration) -> Result<Part> {
    let unreachable =
        |error: ureq::Error| Error::Unreachable { url: url.to_owned(), why: why(error, silence) };
    let mut request = agent(url, None, silence)?.get(url);
    if from > 0 {
        let last = from.saturating_add(length).saturating_sub(1);
        request = request.header(header::RANGE, format!("bytes={from}-{last}"));
    }
    let answer = request.call().map_err(unreachable)?;
    let begins_at = match answer.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if begin(answer.headers()) == Some(from) => from,
        status => return Err(Error::Status { url: url.to_owned(), status: status.as_u16() }),
    };
    // The default bound of a reader is none; who reads it bounds it.
    Ok(Part { body: Box::new(answer.into_body().into_reader()), begins_at })
}

/// Returns the first byte of `Content-Range: bytes 5-9/10`.
fn begin(headers: &HeaderMap) -> Option<u64> {
    text(headers, &header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn agent(url: &str, within: Option<Duration>, silence: Duration) -> Result<ureq::Agent> {
    let is_https = url.starts_with("https://");
    let mut config = ureq::Agent::config_builder()
        // Who asked for a protected way is not led to one that is not.
        .https_only(is_https)
        .http_status_as_error(false)
        .max_redirects(MAX_REDIRECTS)
        .user_agent(concat!("Hearth/", env!("CARGO_PKG_VERSION")))
        .timeout_global(within)
        .timeout_connect(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence));
    if is_https {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(authorities()?);
        config = config.tls_config(tls.build());
    }
    Ok(config.build().into())
}

/// Returns whom this box trusts: the owner may have added an authority of their own.
fn authorities() -> Result<RootCerts> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return Err(Error::NoAuthorities);
    }
    let certificates: Vec<Certificate<'static>> =
        found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    Ok(RootCerts::new_with_certs(&certificates))
}

fn explain(url: &str, job: &Job<'_>, error: ureq::Error) -> Error {
    if let Err(ended) = job.check() {
        return ended;
    }
    if let ureq::Error::Timeout(ureq::Timeout::Global) = error {
        return Error::TimedOut(job.limits.time);
    }
    Error::Unreachable { url: url.to_owned(), why: why(error, SILENCE) }
}

fn why(error: ureq::Error, silence: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("the server was silent for {} s", silence.as_secs()),
        ureq::Error::HostNotFound => "no such host is known".to_owned(),
        ureq::Error::RequireHttpsOnly(_) => "the server leads from https to http".to_owned(),
        ureq::Error::TooManyRedirects => {
            format!("the server leads elsewhere more than {MAX_REDIRECTS} times")
        }
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof => "the server broke off".to_owned(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
