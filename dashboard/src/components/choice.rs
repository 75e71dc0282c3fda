use leptos::prelude::*;

/// One of the answers to a question: a radio button with a title and what it means.
pub(crate) fn choice<T: Copy + PartialEq + Send + Sync + 'static>(
    question: &'static str,
    chosen: RwSignal<T>,
    which: T,
    is_dangerous: bool,
    title: &'static str,
    meaning: AnyView,
) -> AnyView {
    view! {
        <label class="choice" class:is-danger=is_dangerous>
            <input
                type="radio"
                name=question
                prop:checked=move || chosen.get() == which
                on:change=move |_| chosen.set(which)
            />
            <span>
                <strong>{title}</strong>
                {meaning}
            </span>
        </label>
    }
    .into_any()
}
