use leptos::prelude::*;

use crate::browser;
use crate::client;
use crate::components::field::{PasswordField, TextField};
use crate::components::mark::mark;
use crate::components::notice::{FormError, Notice, Tone};
use crate::session::use_session;
use crate::task::{self, Lifetime};
use crate::text::session as text;

/// The way in.
#[component]
pub(crate) fn SignIn() -> impl IntoView {
    let session = use_session();
    let username = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    Lifetime::current().on_next_frame(|| {
        browser::focus("#username");
    });

    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get() {
            return;
        }
        if username.with(String::is_empty) || password.with(String::is_empty) {
            error.set(Some(text::BOTH_NEEDED.to_owned()));
            return;
        }
        busy.set(true);
        error.set(None);
        let (name, secret) = (username.get().trim().to_owned(), password.get());
        task::spawn(async move {
            match client::sign_in(name, secret).await {
                Ok(()) => session.ask(),
                Err(refused) => {
                    error.set(Some(refused.message()));
                    password.set(String::new());
                    browser::focus("#password");
                }
            }
            busy.set(false);
        });
    };
    view! {
        <main class="alone">
            <section class="card sign-in">
                {mark()} <h1>{text::SIGN_IN_TITLE}</h1>
                <Show when=move || session.is_expired()>
                    <Notice tone=Tone::Info>{text::EXPIRED}</Notice>
                </Show>
                <form class="form" on:submit=submit novalidate>
                    <TextField id="username" label=text::NAME value=username autocomplete="username" />
                    <PasswordField
                        id="password"
                        label=text::PASSWORD
                        value=password
                        autocomplete="current-password"
                    />
                    <FormError error />
                    <button type="submit" class="button is-primary is-large" disabled=move || busy.get()>
                        {move || if busy.get() { text::SIGNING_IN } else { text::SIGN_IN }}
                    </button>
                </form>
            </section>
        </main>
    }
}
