use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use hearth_daemon::api::{self, ApiState};
use hearth_daemon::auth::{Auth, Peer, SetupCodes};
use hearth_daemon::db::Db;
use hearth_daemon::hearth::{Hearth, Options};
use hearth_daemon::hosts;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The API of a box that has no engine, in a folder of its own.
pub(crate) struct App {
    router: Router,
    shutdown: CancellationToken,
    pub(crate) cookie: String,
    pub(crate) key: String,
    pub(crate) code: String,
    pub(crate) address: IpAddr,
    _folder: tempfile::TempDir,
}

/// What a client gets.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem, in its form and with its code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:hearth:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty()
        );
    }
}

impl App {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("hearth.db")).await.unwrap();
        let hearth = Hearth::open(options(folder.path()), db.clone()).await.unwrap();
        let shutdown = CancellationToken::new();
        let auth = Auth::new(db, SetupCodes::new(folder.path()));
        let code = auth.setup_code().await.unwrap().map(|code| code.to_string()).unwrap_or_default();
        let router = api::router(ApiState::new(hearth.clone(), auth, shutdown.clone()));
        let router = hosts::guard(router, hearth);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { router, shutdown, cookie: String::new(), key: String::new(), code, address, _folder: folder }
    }

    /// A box with an owner who is signed in.
    pub(crate) async fn signed_in() -> Self {
        let mut app = Self::new().await;
        let answer = app.set_up("ada", PASSWORD, &app.code).await;
        assert_eq!(answer.status, StatusCode::OK);
        app.keep_session(&answer);
        app
    }

    /// Asks for the first account.
    pub(crate) async fn set_up(&self, username: &str, password: &str, code: &str) -> Answer {
        let body = serde_json::json!({ "username": username, "password": password, "code": code });
        self.post("/setup", body).await
    }

    pub(crate) fn keep_session(&mut self, answer: &Answer) {
        self.key = answer.json()["key"].as_str().expect("a key").to_owned();
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default();
        assert!(cookie.starts_with("hearth_session="), "{answer:?}");
        self.cookie = cookie.to_owned();
    }

    /// The same box as another machine with another browser sees it.
    pub(crate) fn other_browser(&self) -> Self {
        Self {
            router: self.router.clone(),
            shutdown: self.shutdown.clone(),
            cookie: String::new(),
            key: String::new(),
            code: self.code.clone(),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.json("POST", path, body).await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = request(method, path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().into();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The response with its body still to come, for streams.
    pub(crate) async fn respond(&self, mut request: Request<Body>) -> axum::response::Response {
        request.extensions_mut().insert(Peer::Address(self.address));
        if !self.cookie.is_empty() {
            request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        }
        if !self.key.is_empty() {
            let value = format!("Bearer {}", self.key).parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        self.router.clone().oneshot(request).await.unwrap()
    }
}

pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "localhost")
}

pub(crate) fn credentials(username: &str, password: &str) -> Value {
    serde_json::json!({ "username": username, "password": password })
}

fn options(folder: &Path) -> Options {
    Options {
        state_dir: folder.to_owned(),
        docker_socket: folder.join("no-docker.sock"),
        stores: Vec::new(),
        timing: hearth_planner::Timing::default(),
        os_root: folder.to_owned(),
    }
}
