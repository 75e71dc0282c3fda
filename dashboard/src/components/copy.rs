use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser;
use crate::components::icon::Icon;
use crate::text::common as text;

/// How long the button says that it copied.
const SAID_FOR: Duration = Duration::from_secs(2);

/// A button that copies a text and says so.
#[component]
pub(crate) fn CopyButton(
    /// What to copy, asked for at the press.
    #[prop(into)]
    what: Callback<(), String>,
    /// What a screen reader says.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let what = what.run(());
        spawn_local(async move {
            if browser::copy(&what).await {
                let _ = copied.try_set(true);
                // The button may be gone by then.
                let forget = move || {
                    let _ = copied.try_set(false);
                };
                set_timeout(forget, SAID_FOR);
            }
        });
    };
    view! {
        <button type="button" class="button is-quiet is-icon" title=label.clone() aria-label=label on:click=copy>
            {move || if copied.get() { Icon::Check.draw() } else { Icon::Copy.draw() }}
            <span class="visually-hidden" aria-live="polite">
                {move || if copied.get() { text::COPIED } else { "" }}
            </span>
        </button>
    }
}
