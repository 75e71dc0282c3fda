use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::State;
use hearth_model::api::apps::{
    AppSettings, Changed, ChangedVersion, ConfigureApp, DataChoice, InstallApp, InstallCheck, UpdateApp,
};
use hearth_model::package::Access;
use hearth_model::{AppId, AppStatus};
use serde::Deserialize;

use crate::auth::Peer;

use super::ApiState;
use super::extract::{Json, Path, Query};
use super::guard::Session;
use super::problem::ApiError;

type Change = Result<Json<Changed>, ApiError>;

/// Lists installed apps with their state.
#[utoipa::path(get, path = "/apps", tag = "apps", responses((status = 200, body = Vec<AppStatus>)))]
pub(super) async fn list(State(state): State<ApiState>) -> Json<Vec<AppStatus>> {
    Json(state.hearth.apps().await)
}

/// Returns one installed app.
#[utoipa::path(get, path = "/apps/{id}", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = AppStatus)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    Path(id): Path<AppId>,
) -> Result<Json<AppStatus>, ApiError> {
    Ok(Json(state.hearth.app(&id).await?))
}

/// Installs an app. The answer comes as soon as that is wanted; events tell how far it is.
#[utoipa::path(post, path = "/apps", tag = "apps", request_body = InstallApp, responses((status = 200, body = Changed)))]
pub(super) async fn install(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
    Json(request): Json<InstallApp>,
) -> Change {
    audit_consent(&session, &peer, &request.package, Some(&request.granted));
    let generation = state.hearth.install(&session.actor(), request).await?;
    Ok(Json(Changed { generation }))
}

/// Writes down who lets an app do more than it may by itself.
fn audit_consent(session: &Session, peer: &Peer, app: &str, granted: Option<&BTreeSet<Access>>) {
    if let Some(granted) = granted.filter(|granted| !granted.is_empty()) {
        let user = session.user().username;
        tracing::info!(target: "audit", user, %peer, app.id = app, ?granted, "agrees to what an app may do");
    }
}

/// Looks at what an install would meet; nothing is changed.
#[utoipa::path(post, path = "/apps/check", tag = "apps", request_body = InstallApp, responses((status = 200, body = InstallCheck)))]
pub(super) async fn check(
    State(state): State<ApiState>,
    session: Session,
    Json(request): Json<InstallApp>,
) -> Result<Json<InstallCheck>, ApiError> {
    Ok(Json(state.hearth.check(&session.actor(), &request).await?))
}

/// Changes an app's answers, ports and consent.
#[utoipa::path(patch, path = "/apps/{id}", tag = "apps", params(("id" = String, Path)), request_body = ConfigureApp, responses((status = 200, body = Changed)))]
pub(super) async fn configure(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
    Path(id): Path<AppId>,
    Json(request): Json<ConfigureApp>,
) -> Change {
    audit_consent(&session, &peer, id.as_str(), request.granted.as_ref());
    let generation = state.hearth.configure(&session.actor(), &id, request).await?;
    Ok(Json(Changed { generation }))
}

/// What to do with an app's data.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoveQuery {
    /// Keeps the app's folder when left out.
    #[serde(default)]
    #[param(inline, required = false)]
    data: DataChoice,
}

/// Uninstalls an app, keeping its data unless told otherwise.
#[utoipa::path(delete, path = "/apps/{id}", tag = "apps", params(("id" = String, Path), RemoveQuery), responses((status = 200, body = Changed)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<AppId>,
    Query(query): Query<RemoveQuery>,
) -> Change {
    let generation = state.hearth.remove(&session.actor(), &id, query.data).await?;
    Ok(Json(Changed { generation }))
}

/// Returns an app's form with its answers; secrets are left out.
#[utoipa::path(get, path = "/apps/{id}/settings", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = AppSettings)))]
pub(super) async fn settings(
    State(state): State<ApiState>,
    Path(id): Path<AppId>,
) -> Result<Json<AppSettings>, ApiError> {
    Ok(Json(state.hearth.settings(&id).await?))
}

/// Brings an app to the version that its store offers; it comes back by itself when that does not get healthy.
#[utoipa::path(post, path = "/apps/{id}/update", tag = "apps", params(("id" = String, Path)), request_body = UpdateApp, responses((status = 200, body = ChangedVersion)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<AppId>,
    Json(request): Json<UpdateApp>,
) -> Result<Json<ChangedVersion>, ApiError> {
    let notes = state.hearth.notes_on_versions(&id).await?;
    let generation = state.hearth.update(&session.actor(), &id, request).await?;
    Ok(Json(ChangedVersion { generation, notes }))
}

/// Starts an app.
#[utoipa::path(post, path = "/apps/{id}/start", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn start(State(state): State<ApiState>, session: Session, Path(id): Path<AppId>) -> Change {
    let generation = state.hearth.start(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}

/// Stops an app; its containers and data stay.
#[utoipa::path(post, path = "/apps/{id}/stop", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn stop(State(state): State<ApiState>, session: Session, Path(id): Path<AppId>) -> Change {
    let generation = state.hearth.stop(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}

/// Restarts every container of an app.
#[utoipa::path(post, path = "/apps/{id}/restart", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn restart(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<AppId>,
) -> Change {
    let generation = state.hearth.restart(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}

/// Takes the last update back, with the data of then.
#[utoipa::path(post, path = "/apps/{id}/go-back", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = ChangedVersion)))]
pub(super) async fn go_back(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<AppId>,
) -> Result<Json<ChangedVersion>, ApiError> {
    let notes = state.hearth.notes_on_versions(&id).await?;
    let generation = state.hearth.go_back(&session.actor(), &id).await?;
    Ok(Json(ChangedVersion { generation, notes }))
}

/// Tries at once what failed, rather than when its time comes.
#[utoipa::path(post, path = "/apps/{id}/retry", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn retry(State(state): State<ApiState>, session: Session, Path(id): Path<AppId>) -> Change {
    let generation = state.hearth.retry(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}

/// Begins with an empty folder, where the app's data is missing and the owner gives it up.
#[utoipa::path(post, path = "/apps/{id}/start-fresh", tag = "apps", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn start_fresh(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<AppId>,
) -> Change {
    let generation = state.hearth.start_fresh(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}
