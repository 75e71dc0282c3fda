use hearth_model::api::os::{GoBack, GoBackRequest, Slot};
use leptos::prelude::*;

use crate::client;
use crate::components::choice::choice;
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::markdown::markdown;
use crate::components::notice::FormError;
use crate::components::words::words;
use crate::format;
use crate::live::use_live;
use crate::task;
use crate::text::system as text;

/// The releases that the box has, newest first.
pub(super) fn list(slots: Vec<Slot>) -> AnyView {
    view! { <ul class="releases">{slots.into_iter().map(row).collect::<Vec<_>>()}</ul> }.into_any()
}

fn row(slot: Slot) -> AnyView {
    let open = RwSignal::new(false);
    let version = slot.version.to_string();
    let title = text::back_title(&version);
    let installed = slot.installed_at.map(|at| text::installed(&format::moment(&at)));
    let notes = (!slot.notes.is_empty()).then(|| {
        view! {
            <details class="refused is-news">
                <summary>{Icon::Info.draw()} {text::NOTES}</summary>
                {markdown(&slot.notes)}
            </details>
        }
    });
    let back = slot.back.map(|back| {
        let back = StoredValue::new(back);
        let version = slot.version;
        view! {
            <button type="button" class="button is-small" on:click=move |_| open.set(true)>
                {Icon::Undo.draw()}
                {text::BACK}
            </button>
            <Dialog open title>
                <BackForm open version back=back.get_value() />
            </Dialog>
        }
    });
    view! {
        <li class="release">
            <div class="release-text">
                <p class="moment-why">
                    {text::release(&version)}
                    {slot.runs.then(|| view! { <span class="badge is-good">{text::RUNS}</span> })}
                </p>
                {slot.tries_left.map(|left| view! { <p class="muted">{text::tries(left)}</p> })}
                {installed.map(|installed| view! { <p class="muted">{installed}</p> })}
                {slot.declined.as_deref().map(|why| view! { <p class="muted">{words(why)}</p> })}
                {notes}
            </div>
            {back}
        </li>
    }
    .into_any()
}

/// Says what going back takes, and does it.
#[component]
fn BackForm(open: RwSignal<bool>, version: hearth_model::os::ReleaseVersion, back: GoBack) -> impl IntoView {
    let live = use_live();
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let with_copy = RwSignal::new(false);
    let go = move |_| {
        busy.set(true);
        error.set(None);
        let request = GoBackRequest { version, with_copy: with_copy.get_untracked() };
        task::spawn(async move {
            match client::go_back_os(&request).await {
                Ok(()) => {
                    let _ = open.try_set(false);
                    live.load_os();
                }
                Err(refused) => _ = error.try_set(Some(refused.message())),
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <div class="form">
            <div class="dialog-scroll">
                <p>{text::BACK_WORDS}</p>
                <p class="muted">{text::BOTH_STAY} " " {text::BACK_DATA}</p>
                {back.copy_of.map(|at| choices(with_copy, text::copy_of(&format::moment(&at)), back.loses))}
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button type="button" class="button is-primary" disabled=move || busy.get() on:click=go>
                    {Icon::Restart.draw()}
                    {text::BACK_DO}
                </button>
            </footer>
        </div>
    }
}

fn choices(with_copy: RwSignal<bool>, copy: String, loses: Vec<String>) -> AnyView {
    let answer = move |which: bool, title: &'static str, words: String, loses: Vec<String>| {
        let meaning = view! {
            <span class="muted">{words}</span>
            {(!loses.is_empty())
                .then(|| {
                    view! {
                        <span>{text::LOST}</span>
                        <ul class="changes">
                            {loses.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}
                        </ul>
                    }
                })}
        };
        choice("settings", with_copy, which, which, title, meaning.into_any())
    };
    view! {
        {answer(false, text::KEEP_DATA, text::KEEP_DATA_HELP.to_owned(), Vec::new())}
        {answer(true, text::RESTORE_DATA, copy, loses)}
    }
    .into_any()
}
