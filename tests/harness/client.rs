use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hearth_model::api::apps::InstallApp;
use hearth_model::api::problem::Problem;
use hearth_model::api::session::{Credentials, SessionState, SetUp};
use hearth_model::{AppState, AppStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Request;

use crate::wait::{Answer, wait_for};

/// The owner's name in tests.
pub const USERNAME: &str = "ada";
/// The owner's password in tests.
pub const PASSWORD: &str = "correct horse battery";

/// Hearth's API, used as a program would.
#[derive(Debug)]
pub struct Client {
    base: String,
    http: ureq::Agent,
    cookie: RefCell<Option<String>>,
    key: RefCell<Option<String>>,
    /// The folder of the Hearth, if it is on this machine: it has the set-up code.
    state: Option<PathBuf>,
}

/// An answer that is not a success.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status code.
    pub status: u16,
    /// What was answered; `None` when it was no `application/problem+json`.
    pub problem: Option<Problem>,
    /// The body as it came.
    pub body: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hearth answered {}: {}", self.status, self.body)
    }
}

impl std::error::Error for Refused {}

impl Client {
    /// Returns a client of the Hearth at `address` (`host:port`), not signed in.
    pub fn new(address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)));
        Self {
            base: format!("http://{address}/api/v1/"),
            http: config.build().into(),
            cookie: RefCell::new(None),
            key: RefCell::new(None),
            state: None,
        }
    }

    /// Returns a client that finds the set-up code in a state folder.
    pub fn of_state(address: &str, state: &Path) -> Self {
        Self { state: Some(state.to_owned()), ..Self::new(address) }
    }

    /// Makes the owner's account and signs in.
    ///
    /// # Errors
    /// When there is one.
    pub fn set_up(&self) -> Result<()> {
        let Credentials { username, password, device: _ } = owner();
        let code = self.state.as_deref().map(setup_code).transpose()?;
        self.keep_key(self.send("POST", "setup", &SetUp { username, password, code })?)
    }

    /// Signs the owner in.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn sign_in(&self) -> Result<()> {
        self.keep_key(self.send("POST", "session", &owner())?)
    }

    fn keep_key(&self, state: SessionState) -> Result<()> {
        let SessionState::SignedIn { user: _, key, device: _ } = state else {
            bail!("nobody is signed in: {state:?}")
        };
        *self.key.borrow_mut() = Some(key.context("the sign-in told no key")?);
        Ok(())
    }

    /// Returns the session's key, for programs that make requests of their own.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub fn session_key(&self) -> Result<String> {
        self.key.borrow().clone().context("nobody is signed in")
    }

    /// Forgets the session's key, as a page of an app has never had it; the cookie stays.
    pub fn forget_key(&self) {
        *self.key.borrow_mut() = None;
    }

    /// Reads `path`, which stands below `/api/v1/`.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(path, &self.call("GET", path, None)?)
    }

    /// Sends `body` to `path` and reads the answer.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn send<T: DeserializeOwned>(&self, method: &str, path: &str, body: &impl Serialize) -> Result<T> {
        parse(path, &self.call(method, path, Some(serde_json::to_vec(body)?))?)
    }

    /// Sends `body` to `path`, whatever a success says.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn send_nothing_back(&self, method: &str, path: &str, body: &impl Serialize) -> Result<()> {
        self.call(method, path, Some(serde_json::to_vec(body)?))?;
        Ok(())
    }

    /// Asks for `path` with `method` and no body, whatever a success says.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn act(&self, method: &str, path: &str) -> Result<()> {
        self.call(method, path, None)?;
        Ok(())
    }

    /// Installs a package that asks for nothing.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn install(&self, store: &str, package: &str) -> Result<()> {
        self.send_nothing_back("POST", "apps", &install(store, package)?)
    }

    /// Returns the installed apps by id.
    ///
    /// # Errors
    /// [`Refused`], or when Hearth does not answer.
    pub fn apps(&self) -> Result<BTreeMap<String, AppStatus>> {
        let apps: Vec<AppStatus> = self.get("apps")?;
        Ok(apps.into_iter().map(|app| (app.id.to_string(), app)).collect())
    }

    /// Returns an installed app.
    ///
    /// # Errors
    /// [`Refused`], also when it is not installed, or when Hearth does not answer.
    pub fn app(&self, id: &str) -> Result<AppStatus> {
        self.get(&format!("apps/{id}"))
    }

    /// Waits until an app is in `state`, and returns all of it.
    ///
    /// # Errors
    /// After `limit`, with the last state and reason that were seen.
    pub fn wait_for_state(&self, app: &str, state: AppState, limit: Duration) -> Result<AppStatus> {
        self.wait_for_app(app, &format!("{state:?}"), limit, |status| status.state == state)
    }

    /// Waits until what is seen of an app satisfies `accept`; `what` says what that is.
    ///
    /// # Errors
    /// After `limit`, with the last state and reason that were seen.
    pub fn wait_for_app(
        &self,
        app: &str,
        what: &str,
        limit: Duration,
        accept: impl Fn(&AppStatus) -> bool,
    ) -> Result<AppStatus> {
        wait_for(&format!("{app} to be {what}"), limit, || {
            let Some(status) = self.apps()?.remove(app) else {
                return Ok(Answer::NotYet("it is not installed".to_owned()));
            };
            if accept(&status) {
                return Ok(Answer::Is(status));
            }
            let reason = status.reason.map(|reason| format!("{:?}: {}", reason.code, reason.message));
            Ok(Answer::NotYet(format!("{:?} ({})", status.state, reason.unwrap_or_default())))
        })
    }

    /// Waits until an app is no longer listed.
    ///
    /// # Errors
    /// After `limit`.
    pub fn wait_until_gone(&self, app: &str, limit: Duration) -> Result<()> {
        wait_for(&format!("{app} to be gone"), limit, || {
            Ok(Answer::when(!self.apps()?.contains_key(app), "it is listed"))
        })
    }

    /// Returns the session's cookie as a browser would send it, `name=value`; empty when nobody is signed in.
    pub fn cookie(&self) -> String {
        self.cookie.borrow().clone().unwrap_or_default()
    }

    fn call(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(cookie) = &*self.cookie.borrow() {
            request = request.header("cookie", cookie);
        }
        if let Some(key) = &*self.key.borrow() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.unwrap_or_default())?;
        let mut answer = self.http.run(request).with_context(|| format!("{method} {path} had no answer"))?;
        if let Some(cookie) = answer.headers().get("set-cookie") {
            let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
            *self.cookie.borrow_mut() = Some(cookie);
        }
        let status = answer.status();
        let bytes = answer.body_mut().read_to_vec().with_context(|| format!("{method} {path} broke off"))?;
        if status.is_success() {
            return Ok(bytes);
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Err(Refused { status: status.as_u16(), problem: serde_json::from_slice(&bytes).ok(), body }.into())
    }
}

/// Returns the request to install a package that asks for nothing.
///
/// # Errors
/// When `store` is no store id.
pub fn install(store: &str, package: &str) -> Result<InstallApp> {
    Ok(InstallApp {
        store: store.parse()?,
        package: package.to_owned(),
        settings: BTreeMap::new(),
        ports: BTreeMap::new(),
        granted: std::collections::BTreeSet::new(),
        uses: BTreeMap::new(),
    })
}

/// Returns the set-up code of a Hearth without an owner, from its state folder.
///
/// # Errors
/// When there is an owner, or no Hearth was ever started there.
pub fn setup_code(state: &Path) -> Result<String> {
    let file = state.join("setup-code");
    let code =
        std::fs::read_to_string(&file).with_context(|| format!("{} has the set-up code", file.display()))?;
    Ok(code.trim().to_owned())
}

fn owner() -> Credentials {
    Credentials { username: USERNAME.to_owned(), password: PASSWORD.to_owned(), device: None }
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).with_context(|| {
        format!("{path} answered what the API does not say: {}", String::from_utf8_lossy(bytes))
    })
}
