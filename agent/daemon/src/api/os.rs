use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use hearth_model::api::os::{CheckOs, GoBackRequest, OsSettings, OsStatus};

use super::ApiState;
use super::extract::Json;
use super::problem::ApiError;

/// Returns which operating system runs, who updates it, and how far that is.
#[utoipa::path(get, path = "/os", tag = "system", responses((status = 200, body = OsStatus)))]
pub(super) async fn get(State(state): State<ApiState>) -> Json<OsStatus> {
    Json(state.hearth.os.status().await)
}

/// Asks the channel for its newest release; without a body at its own address. What comes of it is in `GET /os`.
#[utoipa::path(post, path = "/os/check", tag = "system", request_body = Option<CheckOs>, responses((status = 200, body = OsStatus)))]
pub(super) async fn check(State(state): State<ApiState>, body: Bytes) -> Result<Json<OsStatus>, ApiError> {
    let CheckOs { from } = match body.is_empty() {
        true => CheckOs::default(),
        false => serde_json::from_slice(&body).map_err(|error| {
            let title = "The body cannot be read";
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", title, error.to_string())
        })?,
    };
    Ok(Json(state.hearth.os.check(from).await?))
}

/// Fetches the release that is available, and installs it beside the one that runs.
#[utoipa::path(post, path = "/os/update", tag = "system", responses((status = 200, body = OsStatus)))]
pub(super) async fn update(State(state): State<ApiState>) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.install().await?))
}

/// Gives up what goes on; possible until the box restarts.
#[utoipa::path(post, path = "/os/cancel", tag = "system", responses((status = 200, body = OsStatus)))]
pub(super) async fn cancel(State(state): State<ApiState>) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.cancel().await?))
}

/// Restarts the box into the release that is installed.
#[utoipa::path(post, path = "/os/reboot", tag = "system", responses((status = 200, body = OsStatus)))]
pub(super) async fn reboot(State(state): State<ApiState>) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.reboot().await?))
}

/// Restarts the box into the release of the other slot.
#[utoipa::path(post, path = "/os/back", tag = "system", request_body = GoBackRequest, responses((status = 200, body = OsStatus)))]
pub(super) async fn back(
    State(state): State<ApiState>,
    Json(request): Json<GoBackRequest>,
) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.go_back(request).await?))
}

/// Takes a channel as a tar archive of its folder, and asks it for its newest release.
#[utoipa::path(post, path = "/os/upload", tag = "system", request_body(content = Vec<u8>, content_type = "application/x-tar"), responses((status = 200, body = OsStatus)))]
pub(super) async fn upload(State(state): State<ApiState>, body: Body) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.upload(body.into_data_stream()).await?))
}

/// Changes how updates of the operating system come.
#[utoipa::path(put, path = "/os/settings", tag = "system", request_body = OsSettings, responses((status = 200, body = OsStatus)))]
pub(super) async fn set_settings(
    State(state): State<ApiState>,
    Json(settings): Json<OsSettings>,
) -> Result<Json<OsStatus>, ApiError> {
    Ok(Json(state.hearth.os.set_settings(settings).await?))
}
