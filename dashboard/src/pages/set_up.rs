use hearth_model::api::session::SetUp as Owner;
use leptos::prelude::*;

use crate::browser;
use crate::client;
use crate::components::field::{PasswordField, TextField};
use crate::components::icon::Icon;
use crate::components::mark::{fireplace, mark};
use crate::components::notice::FormError;
use crate::session::use_session;
use crate::task;
use crate::text::session as text;

/// What the fragment of the printed address calls the set-up code: `http://hearth.local/#setup=ACDE-4679`. Browsers send
/// fragments to nobody.
const CODE_IN_ADDRESS: &str = "setup";
/// What the API calls the set-up code when it is wrong.
const CODE_FIELD: &str = "code";

/// Fewest characters of a new password, as the API has it.
pub(crate) const FEWEST_PASSWORD_CHARACTERS: usize = 10;

/// What is wrong with a new password, for the owner.
pub(crate) fn password_problem(password: &str) -> Option<String> {
    let characters = password.chars().count();
    (characters < FEWEST_PASSWORD_CHARACTERS).then(|| text::password_short(FEWEST_PASSWORD_CHARACTERS))
}

/// The first page ever: it makes the owner.
#[component]
pub(crate) fn SetUp() -> impl IntoView {
    let session = use_session();
    let username = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    // The address that was printed carries the code; who came by another one types it.
    let carried = browser::from_fragment(CODE_IN_ADDRESS);
    let asks_for_code = RwSignal::new(carried.is_none());
    let code = RwSignal::new(carried.unwrap_or_default());
    let tried = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let name_problem = Signal::derive(move || {
        (tried.get() && username.with(|name| name.trim().is_empty())).then(|| text::NAME_NEEDED.to_owned())
    });
    let password_problem = Signal::derive(move || {
        tried.get().then(|| password.with(|password| password_problem(password))).flatten()
    });

    let code_problem = Signal::derive(move || {
        (tried.get() && code.with(|code| code.trim().is_empty())).then(|| text::CODE_NEEDED.to_owned())
    });

    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        let problems = [name_problem, password_problem, code_problem];
        if busy.get() || problems.iter().any(|problem| problem.with(Option::is_some)) {
            return;
        }
        busy.set(true);
        error.set(None);
        let owner = Owner {
            username: username.get().trim().to_owned(),
            password: password.get(),
            code: Some(code.get()),
        };
        task::spawn(async move {
            match client::set_up(&owner).await {
                Ok(()) => {
                    browser::forget_fragment();
                    session.ask();
                }
                Err(refused) if refused.fields().iter().any(|field| field.field == CODE_FIELD) => {
                    asks_for_code.set(true);
                    error.set(Some(refused.message()));
                }
                Err(refused) => error.set(Some(sentence(&refused))),
            }
            busy.set(false);
        });
    };
    view! {
        <main class="welcome">
            <section class="welcome-scene">
                {fireplace()} <p class="welcome-line">{text::SCENE}</p>
            </section>
            <section class="welcome-form">
                <div class="welcome-brand">{mark()} <span>"Hearth"</span></div>
                <h1>{text::WELCOME}</h1>
                <p class="lead">{text::WELCOME_WORDS}</p>
                <form class="form" on:submit=submit novalidate>
                    <TextField
                        id="username"
                        label=text::NAME
                        value=username
                        autocomplete="username"
                        help=text::NAME_HELP
                        error=name_problem
                    />
                    <PasswordField
                        id="password"
                        label=text::PASSWORD
                        value=password
                        autocomplete="new-password"
                        help=text::password_help(FEWEST_PASSWORD_CHARACTERS)
                        error=password_problem
                    />
                    <Show when=move || asks_for_code.get()>
                        <TextField
                            id="setup-code"
                            label=text::CODE
                            value=code
                            placeholder=text::CODE_EXAMPLE
                            help=text::CODE_HELP
                            error=code_problem
                        />
                    </Show>
                    <FormError error />
                    <button type="submit" class="button is-primary is-large" disabled=move || busy.get()>
                        {move || if busy.get() { text::SETTING_UP } else { text::SET_UP }}
                    </button>
                </form>
                <p class="welcome-note">{Icon::Shield.draw()} {text::SET_UP_NOTE}</p>
            </section>
        </main>
    }
}

/// The error of a form whose fields are few: their problems follow the sentence.
pub(crate) fn sentence(error: &client::Error) -> String {
    match error.fields() {
        [] => error.message(),
        fields => fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}
