use hearth_model::StoreId;
use hearth_model::api::store::{AddStore, StoreSummary};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client;
use crate::components::dialog::Dialog;
use crate::components::field::TextField;
use crate::components::icon::Icon;
use crate::components::notice::FormError;
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::form::id_of;
use crate::live::use_live;
use crate::pages::set_up::sentence;
use crate::remote::Remote;
use crate::text::stores as text;

/// Sources of packages.
#[component]
pub(super) fn Stores() -> impl IntoView {
    let live = use_live();
    let stores = Remote::new(move || {
        live.store_changed.track();
        client::stores()
    });
    let adding = RwSignal::new(false);
    view! {
        <section class="card">
            <div class="card-head">
                <h2>{text::TITLE}</h2>
                <button type="button" class="button is-small" on:click=move |_| adding.set(true)>
                    {Icon::Plus.draw()}
                    {text::ADD}
                </button>
            </div>
            {stores
                .show(
                    || view! { <Skeleton class="line" count=3 /> }.into_any(),
                    move |all| {
                        let rows = all.into_iter().map(|store| view! { <Row store stores /> }).collect_view();
                        view! { <ul class="stores">{rows}</ul> }.into_any()
                    },
                )}
        </section>
        <Dialog open=adding title=text::ADD_TITLE.to_owned()>
            <AddForm open=adding stores />
        </Dialog>
    }
}

#[component]
fn Row(store: StoreSummary, stores: Remote<Vec<StoreSummary>>) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let id = StoredValue::new(store.id.clone());
    let refresh = move |_| {
        busy.set(true);
        spawn_local(async move {
            match client::refresh_store(&id.get_value()).await {
                Ok(()) => stores.reload(),
                Err(error) => toasts.warn(error.message()),
            }
            let _ = busy.try_set(false);
        });
    };
    let removing = RwSignal::new(false);
    let title = text::remove_title(&store.name);
    let remove = move |_| {
        busy.set(true);
        spawn_local(async move {
            match client::remove_store(&id.get_value()).await {
                Ok(()) => stores.reload(),
                Err(error) => toasts.warn(error.message()),
            }
            let _ = removing.try_set(false);
            let _ = busy.try_set(false);
        });
    };
    let refused = store.refused;
    view! {
        <li class="store">
            <div class="store-text">
                <strong>{store.name}</strong>
                <code>{store.location}</code>
                <span class="muted">{text::packages(store.packages)}</span>
            </div>
            <div class="store-actions">
                <button
                    type="button"
                    class="button is-quiet is-icon"
                    title=text::REFRESH
                    aria-label=text::REFRESH
                    disabled=move || busy.get()
                    on:click=refresh
                >
                    {Icon::Refresh.draw()}
                </button>
                {(!store.built_in)
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button is-quiet is-icon"
                                title=text::REMOVE
                                aria-label=text::REMOVE
                                on:click=move |_| removing.set(true)
                            >
                                {Icon::Trash.draw()}
                            </button>
                        }
                    })}
            </div>
            {(!refused.is_empty())
                .then(|| {
                    let items = refused
                        .iter()
                        .map(|refused| {
                            view! { <li><code>{refused.package.clone()}</code> <span>{refused.reason.clone()}</span></li> }
                        })
                        .collect_view();
                    view! {
                        <details class="refused">
                            <summary>{Icon::Warning.draw()} {text::refused(refused.len())}</summary>
                            <ul>{items}</ul>
                        </details>
                    }
                })}
            <Dialog open=removing title>
                <div class="form">
                    <p>{text::REMOVE_WORDS}</p>
                    <footer class="dialog-foot">
                        <button type="button" class="button" on:click=move |_| removing.set(false)>
                            {text::CANCEL}
                        </button>
                        <button
                            type="button"
                            class="button is-danger is-filled"
                            disabled=move || busy.get()
                            on:click=remove
                        >
                            {text::REMOVE}
                        </button>
                    </footer>
                </div>
            </Dialog>
        </li>
    }
}

#[component]
fn AddForm(open: RwSignal<bool>, stores: Remote<Vec<StoreSummary>>) -> impl IntoView {
    let toasts = use_toasts();
    let name = RwSignal::new(String::new());
    let location = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get() {
            return;
        }
        let (name, location) = (name.get().trim().to_owned(), location.get().trim().to_owned());
        let Ok(id) = id_of(&name).parse::<StoreId>() else {
            error.set(Some(text::NAME_NEEDED.to_owned()));
            return;
        };
        if location.is_empty() {
            error.set(Some(text::LOCATION_NEEDED.to_owned()));
            return;
        }
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let said = text::added(&name);
            match client::add_store(&AddStore { id, name, location }).await {
                Ok(()) => {
                    stores.reload();
                    open.set(false);
                    toasts.say(said);
                }
                Err(refused) => error.set(Some(sentence(&refused))),
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <div class="dialog-scroll">
                <TextField id="store-name" label=text::NAME value=name />
                <TextField
                    id="store-location"
                    label=text::LOCATION
                    value=location
                    help=text::LOCATION_HELP
                    placeholder="https://"
                />
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button type="submit" class="button is-primary" disabled=move || busy.get()>
                    {move || if busy.get() { text::ADDING } else { text::ADD }}
                </button>
            </footer>
        </form>
    }
}
