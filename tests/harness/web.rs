use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// What a server answers at a path.
#[derive(Debug, Clone)]
pub enum Page {
    /// A file, with the entity tag that it has.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its tag, without quotes; the server says 304 to whoever knows it.
        etag: Option<String>,
    },
    /// The beginning of a file that is said to be longer.
    CutOff {
        /// What comes.
        bytes: Vec<u8>,
        /// What is promised, in bytes.
        promised: usize,
    },
    /// A beginning, and then zeros until nobody reads any more.
    Endless(Vec<u8>),
    /// A byte now and then, for ever.
    Drip,
    /// An answer that is no success.
    Status(u16),
    /// The way to another address.
    Redirect(String),
    /// The files below a folder, also in parts (RFC 9110, section 14); the page's path ends with a slash.
    Folder(PathBuf),
    /// The same, but each answer breaks off after so many bytes.
    BreakingFolder(PathBuf, usize),
    /// Git repositories below a folder, by git's own program for that; the page's path ends with a slash.
    Git(PathBuf),
    /// Another page, for requests with this `Authorization`; 401 for all others.
    Authorized(String, Box<Page>),
}

impl Page {
    /// Returns a file without a tag.
    pub fn file(bytes: impl Into<Vec<u8>>) -> Self {
        Self::File { bytes: bytes.into(), etag: None }
    }

    fn is_folder(&self) -> bool {
        match self {
            Self::Folder(_) | Self::BreakingFolder(..) | Self::Git(_) => true,
            Self::Authorized(_, page) => page.is_folder(),
            _ => false,
        }
    }
}

/// An HTTP server that behaves as a test wants. It stops when this value goes.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pages: Mutex<BTreeMap<String, Page>>,
    requests: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl WebServer {
    /// Starts a server without pages on a free port of loopback.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("failed to listen on loopback")?;
        let server = Self { address: listener.local_addr()?, shared: Arc::default() };
        let shared = Arc::clone(&server.shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // Who goes away early is no error of the server's.
                thread::spawn(move || stream.map(|stream| answer(&stream, &shared).ok()));
            }
        });
        Ok(server)
    }

    /// Returns the address of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves a page at a path, in place of the one that is there.
    pub fn serve(&self, path: &str, page: Page) {
        self.shared.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), page);
    }

    /// Returns every request so far with its answer, like `GET /store.zip 304`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the port; connections are refused from now on.
    pub fn stop(self) {}
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // The listener wakes up once more, and goes.
        let _ = TcpStream::connect(self.address);
    }
}

/// A request, as far as it matters here.
struct Request {
    method: String,
    path: String,
    query: String,
    /// By name in lower case.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (method, target) = words.next().zip(words.next()).context("no request line")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Self { method, path, query, headers, body })
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> Result<()> {
    let request = Request::read(stream)?;
    let page = {
        let pages = shared.pages.lock().unwrap_or_else(PoisonError::into_inner);
        // A page of its own goes before the folder that it lies in, and an inner folder before an outer one.
        let found = pages.get_key_value(request.path.as_str()).or_else(|| {
            let mut folders = pages.iter().rev().filter(|(_, page)| page.is_folder());
            folders.find(|(path, _)| request.path.starts_with(path.as_str()))
        });
        found.map(|(path, page)| (path.clone(), page.clone()))
    };
    let log = |status: u16| {
        let line = format!("{} {} {status}", request.method, request.path);
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    };
    let (path, page) = page.unwrap_or((String::new(), Page::Status(404)));
    let below = request.path.strip_prefix(&path).unwrap_or_default();
    let page = match page {
        Page::Authorized(wanted, page) if request.headers.get("authorization") == Some(&wanted) => *page,
        Page::Authorized(..) => {
            log(401);
            return send(stream, 401, "WWW-Authenticate: Basic realm=\"store\"\r\n", &[]);
        }
        page => page,
    };
    match page {
        Page::File { bytes, etag } => {
            let tag = etag.map(|etag| format!("\"{etag}\""));
            if tag.is_some() && request.headers.get("if-none-match") == tag.as_ref() {
                log(304);
                return send(stream, 304, "", &[]);
            }
            log(200);
            let tag = tag.map_or_else(String::new, |tag| format!("ETag: {tag}\r\n"));
            send(stream, 200, &tag, &bytes)
        }
        Page::CutOff { bytes, promised } => {
            log(200);
            begin(stream, &format!("Content-Length: {promised}\r\n"))?;
            Ok((&mut &*stream).write_all(&bytes)?)
        }
        Page::Endless(beginning) => {
            log(200);
            begin(stream, "")?;
            (&mut &*stream).write_all(&beginning)?;
            loop {
                (&mut &*stream).write_all(&[0; 1 << 16])?;
            }
        }
        Page::Drip => {
            log(200);
            begin(stream, "")?;
            while !shared.is_over.load(Ordering::Relaxed) {
                (&mut &*stream).write_all(&[0])?;
                thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
        Page::Status(status) => {
            log(status);
            send(stream, status, "", b"this is not what you want")
        }
        Page::Redirect(to) => {
            log(302);
            send(stream, 302, &format!("Location: {to}\r\n"), &[])
        }
        Page::Folder(folder) => {
            log_to(&log, send_file(stream, &request, &folder.join(below), below, usize::MAX)?)
        }
        Page::BreakingFolder(folder, most) => {
            log_to(&log, send_file(stream, &request, &folder.join(below), below, most)?)
        }
        Page::Git(folder) => {
            log(200);
            git(stream, &request, &folder, below)
        }
        Page::Authorized(..) => unreachable!("one lies in no other"),
    }
}

fn log_to(log: &dyn Fn(u16), status: u16) -> Result<()> {
    log(status);
    Ok(())
}

/// Sends a file, or the part of it that is asked for, but at most so many bytes; returns the status.
fn send_file(
    mut stream: &TcpStream,
    request: &Request,
    path: &Path,
    below: &str,
    most: usize,
) -> Result<u16> {
    let is_inside = Path::new(below).components().all(|part| matches!(part, Component::Normal(_)));
    let Some(bytes) = is_inside.then(|| fs::read(path).ok()).flatten() else {
        send(stream, 404, "", &[])?;
        return Ok(404);
    };
    let range = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let range = range.and_then(|(from, to)| Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?)));
    let (status, from, to) = match range {
        Some((from, to)) if from < bytes.len() => (206, from, (to + 1).min(bytes.len())),
        _ => (200, 0, bytes.len()),
    };
    let part = &bytes[from..to];
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
        part.len(),
        to.saturating_sub(1),
        bytes.len()
    )?;
    stream.write_all(&part[..part.len().min(most)])?;
    Ok(status)
}

fn begin(mut stream: &TcpStream, headers: &str) -> Result<()> {
    Ok(write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n")?)
}

fn send(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8]) -> Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n")?;
    Ok(stream.write_all(body)?)
}

/// Answers by git-http-backend, a CGI program ([RFC 3875](https://www.rfc-editor.org/rfc/rfc3875)).
fn git(mut stream: &TcpStream, request: &Request, folder: &Path, below: &str) -> Result<()> {
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        // The repository may be another user's.
        .envs([
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "safe.directory"),
            ("GIT_CONFIG_VALUE_0", "*"),
        ])
        .env("PATH_INFO", format!("/{below}"))
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("git is missing; `.ci/setup tests` installs it")?;
    // It ends without its input when it refuses the request.
    let _ = backend.stdin.take().context("a pipe")?.write_all(&request.body);
    let output = backend.wait_with_output()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").context("no headers")?;
    let headers = std::str::from_utf8(&output[..end])?;
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n\r\n")?;
    Ok(stream.write_all(&output[end + 4..])?)
}
