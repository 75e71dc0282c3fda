use std::collections::BTreeSet;

use hearth_model::AppStatus;
use hearth_model::api::apps::{AccessRequest, UpdateApp};
use hearth_model::package::Access;
use leptos::prelude::*;

use crate::client;
use crate::components::access::Consent;
use crate::components::dialog::Dialog;
use crate::components::markdown::markdown;
use crate::components::notice::FormError;
use crate::components::skeleton::Skeleton;
use crate::remote::Remote;
use crate::task;
use crate::text::update as text;

/// The dialog that brings an app to the version that its store has.
#[component]
pub(super) fn UpdateDialog(open: RwSignal<bool>, app: RwSignal<AppStatus>) -> impl IntoView {
    let title = Signal::derive(move || app.with(|app| text::title(&app.name)));
    view! {
        <Dialog open title>
            <UpdateForm open app />
        </Dialog>
    }
}

/// What the new version may do, told apart by whether the installed one may.
#[derive(Debug, Clone, PartialEq)]
struct Asks {
    all: BTreeSet<Access>,
    new: Vec<AccessRequest>,
}

#[component]
fn UpdateForm(open: RwSignal<bool>, app: RwSignal<AppStatus>) -> impl IntoView {
    let (id, store, package, name, from) = app.with_untracked(|app| {
        (app.id.clone(), app.store.clone(), app.package.clone(), app.name.clone(), app.version.clone())
    });
    let (to, notes) = app.with_untracked(|app| {
        app.update
            .as_ref()
            .map(|update| (update.version.clone(), update.release_notes.clone()))
            .unwrap_or_default()
    });
    let whose = id.clone();
    let asks = Remote::new(move || {
        let (id, store, package) = (whose.clone(), store.to_string(), package.clone());
        async move {
            let now = client::app_settings(&id).await?;
            let next = client::package(&store, &package).await?;
            let known: BTreeSet<Access> = now.access.into_iter().map(|request| request.access).collect();
            let all = next.access.iter().map(|request| request.access.clone()).collect();
            let new = next.access.into_iter().filter(|request| !known.contains(&request.access)).collect();
            Ok(Asks { all, new })
        }
    });
    let granted = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let ready = Signal::derive(move || asks.ready().is_some_and(|asks| asks.new.is_empty() || granted.get()));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(asks) = asks.ready().filter(|_| ready.get() && !busy.get()) else { return };
        busy.set(true);
        error.set(None);
        let id = id.clone();
        task::spawn(async move {
            match client::update(&id, &UpdateApp { granted: asks.all }).await {
                Ok(_) => open.set(false),
                Err(refused) => error.set(Some(refused.message())),
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <div class="dialog-scroll">
                <p class="version-step">
                    <span>{from}</span>
                    <span aria-hidden="true">"→"</span>
                    <strong>{to.clone()}</strong>
                </p>
                {notes.map(|notes| view! { <h3>{text::whats_new(&to)}</h3> {markdown(&notes)} })}
                <p class="muted">{text::SAFE}</p>
                {asks
                    .show(
                        || view! { <Skeleton class="line" count=2 /> }.into_any(),
                        move |asks| {
                            (!asks.new.is_empty())
                                .then(|| {
                                    view! {
                                        <h3>{text::NEW_ACCESS}</h3>
                                        <Consent requests=asks.new granted name=name.clone() />
                                    }
                                })
                                .into_any()
                        },
                    )}
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button type="submit" class="button is-primary" disabled=move || busy.get() || !ready.get()>
                    {text::UPDATE}
                </button>
            </footer>
        </form>
    }
}
