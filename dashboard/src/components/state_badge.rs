use hearth_model::AppState;
use leptos::prelude::*;

use crate::text;

/// The colour of a state.
pub(crate) fn tone(state: AppState) -> &'static str {
    match state {
        AppState::Running => "is-good",
        AppState::Installing
        | AppState::Starting
        | AppState::Stopping
        | AppState::Updating
        | AppState::Reverting
        | AppState::Removing => "is-busy",
        AppState::Unhealthy => "is-warn",
        AppState::Failed | AppState::EngineUnreachable => "is-bad",
        AppState::Stopped | AppState::Unknown => "is-off",
    }
}

/// An app's state, by a word and a dot.
#[component]
pub(crate) fn StateBadge(#[prop(into)] state: Signal<AppState>) -> impl IntoView {
    view! {
        <span class=move || format!("state {}", tone(state.get()))>
            <span class="state-dot" aria-hidden="true"></span>
            {move || text::state(state.get())}
        </span>
    }
}
