use axum::extract::State;
use axum::http::StatusCode;
use hearth_model::api::import::{ImportPlan, ImportStatus, ImportUmbrel};

use super::ApiState;
use super::extract::Json;
use super::guard::Session;
use super::problem::ApiError;

/// Looks at what of an umbrelOS box could be taken over; nothing is changed.
#[utoipa::path(post, path = "/import/umbrel/check", tag = "import", request_body = ImportUmbrel, responses((status = 200, body = ImportPlan)))]
pub(super) async fn check(
    State(state): State<ApiState>,
    Json(request): Json<ImportUmbrel>,
) -> Result<Json<ImportPlan>, ApiError> {
    Ok(Json(state.hearth.plan_import(&request).await?))
}

/// Begins to take apps over from an umbrelOS box. The answer comes as soon as that is clear; it goes on by itself.
#[utoipa::path(post, path = "/import/umbrel", tag = "import", request_body = ImportUmbrel, responses((status = 200, body = ImportStatus)))]
pub(super) async fn begin(
    State(state): State<ApiState>,
    session: Session,
    Json(request): Json<ImportUmbrel>,
) -> Result<Json<ImportStatus>, ApiError> {
    Ok(Json(state.hearth.begin_import(session.actor(), request).await?))
}

/// Returns how far the last import is.
#[utoipa::path(get, path = "/import", tag = "import", responses((status = 200, body = ImportStatus)))]
pub(super) async fn status(State(state): State<ApiState>) -> Result<Json<ImportStatus>, ApiError> {
    state.hearth.import_status().map(Json).ok_or_else(|| {
        let detail = "nothing was imported since Hearth started".to_owned();
        ApiError::new(StatusCode::NOT_FOUND, "no-import", "There is no import", detail)
    })
}

/// Gives the import up that goes on; apps that were taken over stay.
#[utoipa::path(delete, path = "/import", tag = "import", responses((status = 204)))]
pub(super) async fn cancel(State(state): State<ApiState>) -> StatusCode {
    state.hearth.cancel_import();
    StatusCode::NO_CONTENT
}
