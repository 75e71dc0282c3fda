use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event as SseEvent, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use hearth_model::event::Event;
use tokio_stream::wrappers::BroadcastStream;

use crate::auth::Peer;

use super::ApiState;
use super::guard::{self, Session};
use super::problem::ApiError;

/// Tells what changes, beginning with everything as it is now: each app, the engine, the generation.
///
/// Each event's name is that of its variant and its data is the [`Event`] as JSON. After `reload` something was
/// missed: load everything again.
#[utoipa::path(get, path = "/events", tag = "system", responses((status = 200, body = Event, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    session: Session,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, ApiError> {
    let place = state.streams.try_take(&peer).ok_or_else(ApiError::too_many_streams)?;
    // Subscribed before the look, so that nothing falls between the two; an event that both have does no harm.
    let changes = BroadcastStream::new(state.hearth.events());
    let now = as_it_is(&state).await;
    let events = stream::iter(now)
        .chain(changes.map(|event| event.unwrap_or(Event::Reload)))
        .map(move |event| {
            let _held_until_the_stream_ends = &place;
            Ok(to_sse(&event))
        })
        .take_until(guard::over(state, session));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

async fn as_it_is(state: &ApiState) -> Vec<Event> {
    let apps = state.hearth.apps().await.into_iter().map(|app| Event::App { app: Box::new(app) });
    let engine = Event::Engine { engine: state.hearth.engine_state() };
    let generation = Event::Generation { generation: state.hearth.generation() };
    apps.chain([engine, generation]).collect()
}

fn to_sse(event: &Event) -> SseEvent {
    let name = match event {
        Event::App { .. } => "app",
        Event::AppRemoved { .. } => "app_removed",
        Event::Progress { .. } => "progress",
        Event::Generation { .. } => "generation",
        Event::Engine { .. } => "engine",
        Event::Store => "store",
        Event::StoreProgress { .. } => "store_progress",
        Event::Os => "os",
        Event::Reload => "reload",
    };
    let named = SseEvent::default().event(name).json_data(event);
    // An event that cannot be written is one that was missed.
    named.unwrap_or_else(|_| SseEvent::default().event("reload").data("{\"event\":\"reload\"}"))
}
