use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use hearth_model::api::session::{Role, User};
use hearth_model::desired::Actor;
use jiff::Timestamp;

use crate::auth::{CheckedSession, Peer};

use super::ApiState;
use super::problem::ApiError;

/// The name of the session's cookie.
pub(super) const COOKIE: &str = "hearth_session";

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
    headers: &axum::http::HeaderMap,
    extensions: &axum::http::Extensions,
    state: &ApiState,
) -> Result<Option<Session>, ApiError> {
    if let Some(Peer::LocalUser(name)) = extensions.get::<Peer>() {
        return Ok(Some(Session::LocalUser(name.clone())));
    }
    let jar = CookieJar::from_headers(headers);
    let Some(token) = jar.get(COOKIE).and_then(|cookie| cookie.value().parse().ok()) else {
        return Ok(None);
    };
    let session = state.auth.session(token, Timestamp::now()).await?;
    Ok(session.map(Session::Account))
}

/// Resolves when a stream to this session has to end: the service stops, or the session ended meanwhile.
pub(super) async fn over(state: ApiState, session: Session) {
    let ended = async {
        let Session::Account(session) = session else { return std::future::pending().await };
        loop {
            tokio::time::sleep(CHECK_STREAMS_EVERY).await;
            // A database that is busy for a moment ends no session.
            if let Ok(None) = state.auth.session(session.token.clone(), Timestamp::now()).await {
                return;
            }
        }
    };
    tokio::select! {
        () = state.shutdown.cancelled() => {}
        () = ended => {}
    }
}

/// A page that stays open keeps its session in use, and one that was signed out elsewhere goes silent this soon.
const CHECK_STREAMS_EVERY: std::time::Duration = std::time::Duration::from_secs(30);
