use leptos::html;
use leptos::prelude::*;

use crate::client::{self, Error};
use crate::components::field::{FieldFrame, TextField};
use crate::components::icon::Icon;
use crate::components::notice::FormError;
use crate::components::progress::bar;
use crate::live::use_live;
use crate::task;
use crate::text::system as text;

/// A release from a stick or a file; folded, because few need it.
#[component]
pub(super) fn Offline() -> impl IntoView {
    let live = use_live();
    let folder = RwSignal::new(String::new());
    let file: NodeRef<html::Input> = NodeRef::new();
    let (sending, busy) = (RwSignal::new(false), RwSignal::new(false));
    let error = RwSignal::new(None::<String>);
    let done = move |answer: Result<(), Error>| {
        let _ = error.try_set(answer.err().map(|refused| refused.message()));
        let _ = busy.try_set(false);
        let _ = sending.try_set(false);
        live.load_os();
    };
    let look = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let from = folder.get_untracked().trim().to_owned();
        if busy.get_untracked() || from.is_empty() {
            return;
        }
        busy.set(true);
        task::spawn(async move { done(client::check_os_folder(&from).await) });
    };
    let send = move |_| {
        let chosen = file.get_untracked().and_then(|input| input.files()).and_then(|files| files.get(0));
        let Some(chosen) = chosen.filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        sending.set(true);
        task::spawn(async move { done(client::upload_os(&chosen).await) });
    };
    view! {
        <details class="card">
            <summary>{Icon::Disk.draw()} {text::OFFLINE}</summary>
            <form class="form" on:submit=look novalidate>
                <p class="muted">{text::OFFLINE_WORDS}</p>
                <TextField id="folder" label=text::FOLDER value=folder help=text::FOLDER_HELP />
                <button type="submit" class="button" disabled=move || busy.get() || folder.with(String::is_empty)>
                    {text::LOOK_THERE}
                </button>
                <FieldFrame id="release-file".to_owned() label=text::FILE help=text::FILE_HELP error=Signal::derive(|| None::<String>)>
                    <input
                        class="input"
                        id="release-file"
                        type="file"
                        accept=".tar"
                        node_ref=file
                        disabled=move || busy.get()
                        on:change=send
                    />
                </FieldFrame>
                <Show when=move || sending.get()>
                    <p class="muted">{text::SENDING}</p>
                    {bar(text::SENDING, None)}
                </Show>
                <FormError error />
            </form>
        </details>
    }
}
