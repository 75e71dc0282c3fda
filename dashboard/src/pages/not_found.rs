use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::components::notice::Empty;
use crate::text::not_found as text;

/// An address that leads nowhere.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    view! {
        <Empty icon=Icon::Search title=text::TITLE words=text::WORDS>
            <a class="button is-primary" href="/">{text::HOME}</a>
        </Empty>
    }
}
