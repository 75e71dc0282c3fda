use std::time::Duration;

use leptos::prelude::*;

use crate::browser;
use crate::components::icon::Icon;
use crate::task::Lifetime;
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
    let lifetime = Lifetime::current();
    let copy = move |_| {
        let what = what.run(());
        lifetime.spawn(async move {
            if browser::copy(&what).await {
                copied.set(true);
                lifetime.after(SAID_FOR, move || copied.set(false));
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
