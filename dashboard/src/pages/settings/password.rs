use hearth_model::api::session::ChangePassword;
use leptos::prelude::*;

use crate::client;
use crate::components::field::PasswordField;
use crate::components::notice::FormError;
use crate::components::toast::use_toasts;
use crate::pages::set_up::{FEWEST_PASSWORD_CHARACTERS, password_problem, sentence};
use crate::task;
use crate::text::session as session_text;
use crate::text::settings as text;

/// Changes the account's password; folded until asked for.
#[component]
pub(super) fn PasswordForm() -> impl IntoView {
    let toasts = use_toasts();
    let shown = RwSignal::new(false);
    let current = RwSignal::new(String::new());
    let new = RwSignal::new(String::new());
    let tried = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let problem =
        Signal::derive(move || tried.get().then(|| new.with(|new| password_problem(new))).flatten());
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        if busy.get() || problem.get().is_some() {
            return;
        }
        busy.set(true);
        error.set(None);
        let change = ChangePassword { current: current.get(), new: new.get() };
        task::spawn(async move {
            match client::change_password(&change).await {
                Ok(()) => {
                    toasts.say(text::PASSWORD_CHANGED);
                    shown.set(false);
                    tried.set(false);
                    current.set(String::new());
                    new.set(String::new());
                }
                Err(refused) => error.set(Some(sentence(&refused))),
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <Show
            when=move || shown.get()
            fallback=move || {
                view! {
                    <button type="button" class="button" on:click=move |_| shown.set(true)>
                        {text::CHANGE_PASSWORD}
                    </button>
                }
            }
        >
            <form class="form" on:submit=submit novalidate>
                <PasswordField
                    id="current-password"
                    label=text::CURRENT_PASSWORD
                    value=current
                    autocomplete="current-password"
                />
                <PasswordField
                    id="new-password"
                    label=text::NEW_PASSWORD
                    value=new
                    autocomplete="new-password"
                    help=session_text::password_help(FEWEST_PASSWORD_CHARACTERS)
                    error=problem
                />
                <FormError error />
                <div class="form-foot">
                    <button type="button" class="button" on:click=move |_| shown.set(false)>
                        {text::CANCEL}
                    </button>
                    <button type="submit" class="button is-primary" disabled=move || busy.get()>
                        {text::CHANGE_PASSWORD}
                    </button>
                </div>
            </form>
        </Show>
    }
}
