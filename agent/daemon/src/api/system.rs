use axum::extract::State;
use hearth_model::api::apps::Changed;
use hearth_model::api::system::SystemInfo;
use hearth_model::desired::Settings;

use super::ApiState;
use super::extract::Json;
use super::guard::Session;
use super::problem::ApiError;

/// Returns what there is to say about the box.
#[utoipa::path(get, path = "/system", tag = "system", responses((status = 200, body = SystemInfo)))]
pub(super) async fn get(State(state): State<ApiState>) -> Json<SystemInfo> {
    Json(state.hearth.system().await)
}

/// Sets the settings of the box, all of them.
#[utoipa::path(patch, path = "/system/settings", tag = "system", request_body = Settings, responses((status = 200, body = Changed)))]
pub(super) async fn set_settings(
    State(state): State<ApiState>,
    session: Session,
    Json(settings): Json<Settings>,
) -> Result<Json<Changed>, ApiError> {
    let generation = state.hearth.set_settings(&session.actor(), settings).await?;
    Ok(Json(Changed { generation }))
}
