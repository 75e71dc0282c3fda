use axum::extract::State;
use hearth_model::api::os::OsStatus;

use super::ApiState;
use super::extract::Json;

/// Returns which operating system runs, and who updates it.
#[utoipa::path(get, path = "/os", tag = "system", responses((status = 200, body = OsStatus)))]
pub(super) async fn get(State(state): State<ApiState>) -> Json<OsStatus> {
    Json(state.hearth.os().await)
}
