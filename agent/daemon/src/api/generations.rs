use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use hearth_model::api::apps::Changed;
use hearth_model::api::generations::{GenerationDetail, PlanPreview, Proposal};
use hearth_model::desired::GenerationInfo;
use hearth_model::{Desired, Generation};
use serde::Deserialize;

use crate::auth::Peer;

use super::ApiState;
use super::extract::{Json, Path, Query};
use super::guard::Session;
use super::problem::ApiError;

/// The media type of YAML ([RFC 9512](https://www.rfc-editor.org/rfc/rfc9512)).
const YAML: &str = "application/yaml";

/// Lists generations, newest first.
#[utoipa::path(get, path = "/generations", tag = "generations", responses((status = 200, body = Vec<GenerationInfo>)))]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<Vec<GenerationInfo>>, ApiError> {
    Ok(Json(state.hearth.generations().await?))
}

/// Returns one generation, and how it differs from the one in force.
#[utoipa::path(get, path = "/generations/{n}", tag = "generations", params(("n" = u64, Path)), responses((status = 200, body = GenerationDetail)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    Path(n): Path<Generation>,
) -> Result<Json<GenerationDetail>, ApiError> {
    Ok(Json(state.hearth.generation_detail(n).await?))
}

/// Makes an earlier generation what is wanted, as a new generation.
#[utoipa::path(post, path = "/generations/{n}/restore", tag = "generations", params(("n" = u64, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn restore(
    State(state): State<ApiState>,
    session: Session,
    Path(n): Path<Generation>,
) -> Result<Json<Changed>, ApiError> {
    let generation = state.hearth.roll_back(&session.actor(), Some(n)).await?;
    Ok(Json(Changed { generation }))
}

/// What of the document.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    /// Also secrets that were typed; otherwise `stored` names them.
    #[serde(default)]
    #[param(required = false)]
    secrets: bool,
}

/// Returns everything that is wanted; its generation stands in the `ETag`.
#[utoipa::path(get, path = "/desired", tag = "generations", params(ExportQuery), responses(
    (status = 200, headers(("ETag" = String)), content((Desired = "application/json"), (String = "application/yaml"))),
))]
pub(super) async fn export(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
    Query(ExportQuery { secrets }): Query<ExportQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let user = session.user().username;
    tracing::info!(target: "audit", user, %peer, secrets, "exported what is wanted");
    let (generation, desired) =
        if secrets { state.hearth.export_with_secrets() } else { state.hearth.export().await? };
    let etag = [(header::ETAG, format!("\"{generation}\"")), (header::VARY, "accept".to_owned())];
    let wants_yaml = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.split(',').any(|kind| kind.trim().starts_with(YAML)));
    if !wants_yaml {
        return Ok((etag, Json(desired)).into_response());
    }
    let yaml = serde_saphyr::to_string(&desired).map_err(|error| {
        crate::error::Error::Internal(format!("the document cannot be written as YAML: {error}"))
    })?;
    Ok((etag, [(header::CONTENT_TYPE, YAML)], yaml).into_response())
}

/// Makes a document what is wanted.
#[utoipa::path(put, path = "/desired", tag = "generations", request_body = Proposal, responses((status = 200, body = Changed)))]
pub(super) async fn apply(
    State(state): State<ApiState>,
    session: Session,
    Json(proposal): Json<Proposal>,
) -> Result<Json<Changed>, ApiError> {
    let generation = state.hearth.apply(&session.actor(), proposal).await?;
    Ok(Json(Changed { generation }))
}

/// Returns what applying a document would do; nothing is changed.
#[utoipa::path(post, path = "/plan", tag = "generations", request_body = Proposal, responses((status = 200, body = PlanPreview)))]
pub(super) async fn plan(
    State(state): State<ApiState>,
    Json(proposal): Json<Proposal>,
) -> Result<Json<PlanPreview>, ApiError> {
    Ok(Json(state.hearth.plan(&proposal.desired).await?))
}
