use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::components::words::words;
use crate::text::common as text;

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Good to know.
    Info,
    /// Look at it.
    Warn,
    /// It stands in the way.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Info => "notice is-info",
            Tone::Warn => "notice is-warn",
            Tone::Bad => "notice is-bad",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Tone::Info => Icon::Info,
            Tone::Warn => Icon::Warning,
            Tone::Bad => Icon::Failed,
        }
    }
}

/// Something that the owner should know, in the page.
#[component]
pub(crate) fn Notice(tone: Tone, children: Children) -> impl IntoView {
    let role = if tone == Tone::Bad { "alert" } else { "status" };
    view! {
        <div class=tone.class() role=role>
            {tone.icon().draw()}
            <div class="notice-text">{children()}</div>
        </div>
    }
}

/// The error of a form as a whole; holds its room only when there is one.
#[component]
pub(crate) fn FormError(error: RwSignal<Option<String>>) -> impl IntoView {
    move || error.get().map(|message| view! { <Notice tone=Tone::Bad><p>{words(&message)}</p></Notice> })
}

/// Something that could not be loaded.
#[expect(clippy::needless_pass_by_value, reason = "a component owns what it is given")]
#[component]
pub(crate) fn ErrorState(
    #[prop(into)] message: String,
    #[prop(optional, into)] retry: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <div class="empty" role="alert">
            <span class="empty-icon is-bad">{Icon::Unplugged.draw()}</span>
            <h2>{text::NOT_LOADED}</h2>
            <p>{words(&message)}</p>
            {retry
                .map(|retry| {
                    view! {
                        <button type="button" class="button" on:click=move |_| retry.run(())>
                            {Icon::Refresh.draw()}
                            {text::TRY_AGAIN}
                        </button>
                    }
                })}
        </div>
    }
}

/// A page, or a part of one, that has nothing to show.
#[component]
pub(crate) fn Empty(
    icon: Icon,
    #[prop(into)] title: String,
    #[prop(into)] words: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="empty-icon">{icon.draw()}</span>
            <h2>{title}</h2>
            <p>{words}</p>
            {children.map(|children| children())}
        </div>
    }
}
