use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hearth_model::api::session::{Role, User};
use hearth_model::desired::Actor;
use jiff::Timestamp;

use crate::auth::{CheckedSession, Key, Peer};

use super::ApiState;
use super::problem::ApiError;

/// What `Authorization` begins with, before the session's key.
const SCHEME: &str = "Bearer ";

/// Who asks. Having one proves that the session was checked.
#[derive(Debug, Clone)]
pub(super) enum Session {
    /// Somebody signed in with a password.
    Account(CheckedSession),
    /// The Unix user behind the agent's own socket.
    LocalUser(String),
}

impl Session {
    /// Returns who makes the changes of this session.
    pub(super) fn actor(&self) -> Actor {
        match self {
            Session::Account(session) => Actor::User(session.account.user.username.clone()),
            Session::LocalUser(name) => Actor::Cli(name.clone()),
        }
    }

    /// Returns the account as the client sees it.
    pub(super) fn user(&self) -> User {
        match self {
            Session::Account(session) => session.account.user.clone(),
            Session::LocalUser(name) => User { username: name.clone(), role: Role::Owner },
        }
    }
}

/// Finds the session of a request before its handler is called, and answers 401 when there is none.
pub(super) async fn require_session(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let session = find(request.headers(), request.extensions(), &state).await?;
    request.extensions_mut().insert(session.ok_or_else(ApiError::signed_out)?);
    Ok(next.run(request).await.into_response())
}

impl FromRequestParts<ApiState> for Session {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        match parts.extensions.get::<Session>() {
            Some(session) => Ok(session.clone()),
            None => find(&parts.headers, &parts.extensions, state).await?.ok_or_else(ApiError::signed_out),
        }
    }
}

impl OptionalFromRequestParts<ApiState> for Session {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Option<Self>, ApiError> {
        find(&parts.headers, &parts.extensions, state).await
    }
}

async fn find(
    headers: &HeaderMap,
    extensions: &Extensions,
    state: &ApiState,
) -> Result<Option<Session>, ApiError> {
    if let Some(Peer::LocalUser(name)) = extensions.get::<Peer>() {
        return Ok(Some(Session::LocalUser(name.clone())));
    }
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key: Option<Key> =
        header.and_then(|value| value.strip_prefix(SCHEME)).and_then(|key| key.parse().ok());
    let Some(key) = key else { return Ok(None) };
    Ok(state.auth.session(key.token(), Timestamp::now()).await?.map(Session::Account))
}

/// Resolves when a stream to this session has to end: the service stops, or the session ended meanwhile.
pub(super) async fn over(state: ApiState, session: Session) {
    let ended = async {
        match session {
            Session::Account(session) => state.auth.ended(session).await,
            Session::LocalUser(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = state.shutdown.cancelled() => {}
        () = ended => {}
    }
}
