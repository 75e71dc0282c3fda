use hearth_model::AppStatus;
use hearth_model::api::apps::DataChoice;
use leptos::prelude::*;

use crate::client;
use crate::components::choice::choice;
use crate::components::dialog::Dialog;
use crate::components::field::TextField;
use crate::components::notice::FormError;
use crate::components::toast::use_toasts;
use crate::letters::lower;
use crate::route::Route;
use crate::router::use_router;
use crate::task;
use crate::text::uninstall as text;

/// The dialog that takes an app away. Deleting its data asks for its name, typed.
#[component]
pub(super) fn UninstallDialog(open: RwSignal<bool>, app: RwSignal<AppStatus>) -> impl IntoView {
    let title = Signal::derive(move || app.with(|app| text::title(&app.name)));
    view! {
        <Dialog open title>
            <UninstallForm open app />
        </Dialog>
    }
}

#[component]
fn UninstallForm(open: RwSignal<bool>, app: RwSignal<AppStatus>) -> impl IntoView {
    let router = use_router();
    let toasts = use_toasts();
    let (id, name) = app.with_untracked(|app| (app.id.clone(), app.name.clone()));
    let data = RwSignal::new(DataChoice::Keep);
    let typed = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let expected = lower(&name);
    let confirmed = Signal::derive(move || {
        data.get() == DataChoice::Keep || typed.with(|typed| lower(typed.trim()) == expected)
    });
    let said = name.clone();
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get() || !confirmed.get() {
            return;
        }
        busy.set(true);
        error.set(None);
        let (id, name) = (id.clone(), said.clone());
        let data = data.get_untracked();
        task::spawn(async move {
            match client::uninstall(&id, data).await {
                Ok(_) => {
                    open.set(false);
                    toasts.say(match data {
                        DataChoice::Keep => text::done_kept(&name),
                        DataChoice::Delete => text::done_deleted(&name),
                    });
                    router.go(&Route::Home);
                }
                Err(refused) => error.set(Some(refused.message())),
            }
            let _ = busy.try_set(false);
        });
    };
    let answer = move |which: DataChoice, title: &'static str, words: &'static str| {
        let meaning = view! { <span class="muted">{words}</span> }.into_any();
        choice("data", data, which, which == DataChoice::Delete, title, meaning)
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <div class="dialog-scroll">
                <p>{text::words(&name)}</p>
                <fieldset class="choices">
                    <legend class="visually-hidden">{text::DATA}</legend>
                    {answer(DataChoice::Keep, text::KEEP, text::KEEP_WORDS)}
                    {answer(DataChoice::Delete, text::DELETE, text::DELETE_WORDS)}
                </fieldset>
                <Show when=move || data.get() == DataChoice::Delete>
                    <TextField id="confirm-name" label=text::type_name(&name) value=typed />
                </Show>
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button type="submit" class="button is-danger is-filled" disabled=move || busy.get() || !confirmed.get()>
                    {move || match data.get() {
                        DataChoice::Keep => text::GO_KEEP,
                        DataChoice::Delete => text::GO_DELETE,
                    }}
                </button>
            </footer>
        </form>
    }
}
