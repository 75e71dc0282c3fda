use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::AppendHeaders;
use hearth_gateway::cookie::COOKIE;
use hearth_model::api::problem::Problem;
use hearth_model::api::session::{ChangePassword, Credentials, SessionState, SetUp, SetUpCode};
use jiff::Timestamp;

use crate::auth::cookie;
use crate::auth::{self, ABSOLUTE_LIFETIME, CheckedSession, Peer};

use super::ApiState;
use super::extract::Json;
use super::guard::Session;
use super::problem::ApiError;

/// Where the visitor stands. Gives the session's cookie again to who has lost it and has the key.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = SessionState)))]
pub(super) async fn get_session(
    State(state): State<ApiState>,
    headers: HeaderMap,
    session: Option<Session>,
) -> Result<(Option<SetCookie>, Json<SessionState>), ApiError> {
    let lost = match &session {
        Some(Session::Account(session)) => {
            let has_cookie = cookie::tokens(&headers).any(|shown| shown == session.token);
            (!has_cookie).then(|| set_cookie(&session.token.to_cookie(), ABSOLUTE_LIFETIME.as_secs()))
        }
        Some(Session::LocalUser(_)) | None => None,
    };
    let stands = match session {
        Some(session) => SessionState::SignedIn { user: session.user(), key: None, device: None },
        None if state.auth.is_set_up().await? => SessionState::SignedOut,
        None => SessionState::NeedsSetup,
    };
    Ok((lost, Json(stands)))
}

/// Makes the first owner and signs it in; only while there is none, and for who shows the set-up code.
#[utoipa::path(post, path = "/setup", tag = "session", request_body = SetUp, responses(
    (status = 200, body = SessionState, headers(("Set-Cookie" = String))),
    (status = 403, description = "The set-up code is missing or wrong", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is an owner already", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set_up(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    Json(set_up): Json<SetUp>,
) -> Result<(SetCookie, Json<SessionState>), ApiError> {
    let session = state.in_time(state.auth.set_up(&peer, set_up, Timestamp::now())).await??;
    Ok(signed_in(session))
}

/// Returns the set-up code of a box that has no owner; only at its own socket can anybody ask before there is one.
#[utoipa::path(get, path = "/setup/code", tag = "session", responses((status = 200, body = SetUpCode)))]
pub(super) async fn set_up_code(
    State(state): State<ApiState>,
    _session: Session,
) -> Result<Json<SetUpCode>, ApiError> {
    let code = state.auth.current_code().await?.ok_or(auth::Error::AlreadySetUp)?;
    Ok(Json(SetUpCode { code: code.to_string() }))
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", request_body = Credentials, responses(
    (status = 200, body = SessionState, headers(("Set-Cookie" = String))),
    (status = 401, description = "The name or the password is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many attempts", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64))),
))]
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    Json(credentials): Json<Credentials>,
) -> Result<(SetCookie, Json<SessionState>), ApiError> {
    let session = state.in_time(state.auth.sign_in(&peer, credentials, Timestamp::now())).await??;
    Ok(signed_in(session))
}

/// Ends the session whose key is shown, and has the browser forget its cookie; signing out twice is no error. The cookie alone
/// ends nothing: pages of apps may have it.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub(super) async fn sign_out(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Option<Session>,
) -> Result<(StatusCode, SetCookie), ApiError> {
    if let Some(Session::Account(session)) = session {
        state.auth.sign_out(&peer, &session).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie("", 0)))
}

/// Changes the password and signs out every other session.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = ChangePassword, responses((status = 204)))]
pub(super) async fn change_password(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
    Json(change): Json<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    let Session::Account(session) = session else {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "no-password",
            "This session has no password",
            "the command line on the box needs no password; change an account's password in the dashboard"
                .to_owned(),
        ));
    };
    state.in_time(state.auth.change_password(&peer, &session, change)).await??;
    Ok(StatusCode::NO_CONTENT)
}

type SetCookie = AppendHeaders<[(HeaderName, String); 1]>;

fn signed_in(session: CheckedSession) -> (SetCookie, Json<SessionState>) {
    let cookie = set_cookie(&session.token.to_cookie(), ABSOLUTE_LIFETIME.as_secs());
    let key = session.key.map(|key| key.to_text());
    (cookie, Json(SessionState::SignedIn { user: session.account.user, key, device: session.device }))
}

/// Lax rather than Strict: a link from a chat to the dashboard should find its reader signed in. It changes nothing
/// by itself, since every change is a request that the CSRF layer looks at.
fn set_cookie(value: &str, max_age_secs: i64) -> SetCookie {
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_secs}");
    AppendHeaders([(header::SET_COOKIE, cookie)])
}
