use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::letters::capitalize;
use crate::text::common as text;

/// A labelled line of a form, with its help and what is wrong with it.
#[component]
pub(crate) fn FieldFrame(
    /// Id of the control.
    id: String,
    #[prop(into)] label: String,
    #[prop(optional)] optional: bool,
    #[prop(optional, into)] help: Option<String>,
    #[prop(into)] error: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    let help_id = format!("{id}-help");
    let error_id = format!("{id}-error");
    view! {
        <div class="field" class:is-wrong=move || error.with(Option::is_some)>
            <label for=id>
                {label} {optional.then(|| view! { <span class="field-optional">{text::OPTIONAL}</span> })}
            </label>
            {children()}
            {help
                .filter(|help| !help.is_empty())
                .map(|help| view! { <p class="field-help" id=help_id>{help}</p> })}
            {move || {
                error
                    .get()
                    .map(|error| {
                        view! {
                            <p class="field-error" id=error_id.clone() role="alert">
                                {Icon::Warning.draw()}
                                {capitalize(&error)}
                            </p>
                        }
                    })
            }}
        </div>
    }
}

/// Ids of a control's help and error, for `aria-describedby`.
pub(crate) fn described_by(id: &str) -> String {
    format!("{id}-error {id}-help")
}

/// One line of text.
#[component]
pub(crate) fn TextField(
    id: &'static str,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(optional, into)] help: Option<String>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    /// What browsers may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
) -> impl IntoView {
    view! {
        <FieldFrame id=id.to_owned() label help=help.unwrap_or_default() error>
            <input
                class="input"
                id=id
                type="text"
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                placeholder=placeholder
                aria-describedby=described_by(id)
                aria-invalid=move || error.with(Option::is_some).to_string()
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
        </FieldFrame>
    }
}

/// A password, that can be shown.
#[component]
pub(crate) fn PasswordField(
    id: &'static str,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(optional, into)] help: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    /// `current-password` or `new-password`.
    autocomplete: &'static str,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    view! {
        <FieldFrame id=id.to_owned() label help=help.unwrap_or_default() error>
            <span class="input-group">
                <input
                    class="input"
                    id=id
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby=described_by(id)
                    aria-invalid=move || error.with(Option::is_some).to_string()
                    prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
                {reveal(shown)}
            </span>
        </FieldFrame>
    }
}

/// The eye that shows and hides a secret.
pub(crate) fn reveal(shown: RwSignal<bool>) -> AnyView {
    view! {
        <button
            type="button"
            class="button is-quiet is-icon"
            aria-pressed=move || shown.get().to_string()
            aria-label=text::SHOW_SECRET
            title=text::SHOW_SECRET
            on:click=move |_| shown.update(|shown| *shown = !*shown)
        >
            {move || if shown.get() { Icon::EyeOff.draw() } else { Icon::Eye.draw() }}
        </button>
    }
    .into_any()
}
