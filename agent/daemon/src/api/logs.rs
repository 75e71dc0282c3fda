use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hearth_model::AppId;
use hearth_model::api::apps::LogLine;
use serde::Deserialize;

use crate::auth::Peer;
use crate::logs::LogQuery;

use super::ApiState;
use super::extract::{Json, Path, Query};
use super::guard::{self, Session};
use super::problem::ApiError;

/// Lines of the past that one request may ask for.
const MAX_TAIL: u32 = 10_000;

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    /// Only this service.
    service: Option<String>,
    /// So many lines of the past for each service, 200 when left out, 10000 at most.
    tail: Option<u32>,
    /// Also every line that comes, each as a server-sent event named `line`.
    #[serde(default)]
    #[param(required = false)]
    follow: bool,
}

/// Returns lines that an app wrote.
#[utoipa::path(get, path = "/apps/{id}/logs", tag = "apps", params(("id" = String, Path), LogsQuery), responses(
    (status = 200, content((Vec<LogLine> = "application/json"), (String = "text/event-stream"))),
))]
pub(super) async fn logs(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
    Path(id): Path<AppId>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let LogsQuery { service, tail, follow } = query;
    let query = LogQuery { service, tail: tail.map(|tail| tail.min(MAX_TAIL)), follow };
    if !follow {
        let lines: Vec<LogLine> = state.hearth.logs(&id, query).await?.collect().await;
        return Ok(Json(lines).into_response());
    }
    let place = state.streams.try_take(&peer).ok_or_else(ApiError::too_many_streams)?;
    let lines = state.hearth.logs(&id, query).await?;
    let lines = lines
        .map(move |line| {
            let _held_until_the_stream_ends = &place;
            let event = SseEvent::default().event("line").json_data(&line);
            Ok::<_, Infallible>(event.unwrap_or_else(|_| SseEvent::default().comment("a line was lost")))
        })
        .take_until(guard::over(state, session));
    Ok(Sse::new(lines).keep_alive(KeepAlive::default()).into_response())
}
