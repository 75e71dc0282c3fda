use hearth_model::condition::{ImageProgress, Progress};
use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::format::{self, Fetched, percent};
use crate::text::app as text;

/// A ring around an app's picture: how far it is, or that it is under way.
#[component]
pub(crate) fn Ring(
    /// In percent; `None` when nobody knows.
    #[prop(into)]
    percent: Signal<Option<u8>>,
) -> impl IntoView {
    view! {
        <svg class="ring" class:is-turning=move || percent.get().is_none() viewBox="0 0 100 100" aria-hidden="true">
            <rect class="ring-track" x="3" y="3" width="94" height="94" rx="27" pathLength="100" />
            <rect
                class="ring-done"
                x="3"
                y="3"
                width="94"
                height="94"
                rx="27"
                pathLength="100"
                stroke-dasharray=move || format!("{} 100", percent.get().unwrap_or(28))
            />
        </svg>
    }
}

/// What is going on with an app, image by image.
#[component]
pub(crate) fn ProgressPanel(progress: RwSignal<Option<Progress>>) -> impl IntoView {
    // Bytes move many times a second; words do not, and only they are read out.
    let words =
        Memo::new(move |_| progress.with(|progress| progress.as_ref().map(|progress| progress.text.clone())));
    let fetched = move || progress.with(|progress| progress.as_ref().and_then(Fetched::of));
    let names = Memo::new(move |_| {
        progress.with(|progress| {
            progress
                .as_ref()
                .map(|progress| progress.images.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        })
    });
    view! {
        <section class="card progress-panel">
            <div class="progress-head">
                <p aria-live="polite">{move || words.get().unwrap_or_else(|| text::UNDER_WAY.to_owned())}</p>
                <span class="muted">
                    {move || fetched().map(|all| text::of_bytes(all.done_bytes, all.total_bytes))}
                </span>
            </div>
            {move || bar(text::PROGRESS, fetched().map(Fetched::percent))}
            <ul class="progress-images">
                {move || names.get().into_iter().map(|name| image(name, progress)).collect_view()}
            </ul>
        </section>
    }
}

/// How much is done, in percent; moves without end while nobody knows.
pub(crate) fn bar(label: &'static str, share: Option<u8>) -> impl IntoView {
    view! {
        <div
            class="progress-bar"
            class:is-turning=share.is_none()
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=share.map(|share| share.to_string())
            style:--share=format!("{}%", share.unwrap_or(100))
        ></div>
    }
}

fn image(name: String, progress: RwSignal<Option<Progress>>) -> impl IntoView {
    let key = StoredValue::new(name.clone());
    let now = move || {
        let image = |progress: &Progress| key.with_value(|key| progress.images.get(key).copied());
        progress.with(|progress| progress.as_ref().and_then(image)).unwrap_or_default()
    };
    view! {
        <li class:is-done=move || now().complete>
            <span class="progress-name">
                {move || if now().complete { Icon::Check.draw() } else { Icon::Engine.draw() }} <code>{name}</code>
            </span>
            <span class="progress-bytes">{move || words(now())}</span>
            <span
                class="progress-line"
                aria-hidden="true"
                style:--share=move || format!("{}%", share(now()))
            ></span>
        </li>
    }
}

fn share(image: ImageProgress) -> u8 {
    if image.complete {
        100
    } else if image.total_bytes == 0 {
        0
    } else {
        percent(image.done_bytes, image.total_bytes)
    }
}

fn words(image: ImageProgress) -> String {
    if image.complete {
        format::bytes(image.total_bytes)
    } else if image.total_bytes == 0 {
        text::WAITING.to_owned()
    } else if image.done_bytes >= image.total_bytes {
        text::UNPACKING.to_owned()
    } else {
        text::of_bytes(image.done_bytes, image.total_bytes)
    }
}
