use hearth_model::StoreId;
use hearth_model::api::store::{AddStore, StoreSummary, is_unprotected};
use leptos::prelude::*;

use super::Unprotected;
use super::progress::ProgressLine;
use crate::client;
use crate::components::field::TextField;
use crate::components::notice::FormError;
use crate::components::toast::use_toasts;
use crate::pages::set_up::sentence;
use crate::remote::Remote;
use crate::task;
use crate::text::stores as text;

/// Endings of addresses that are no part of a store's name.
const ENDINGS: [&str; 7] = [".git", ".zip", ".tar.gz", ".tar.zst", ".tar", ".tgz", ".tzst"];

/// Adds a store by its address; its name may be left out.
#[component]
pub(super) fn AddForm(open: RwSignal<bool>, stores: Remote<Vec<StoreSummary>>) -> impl IntoView {
    let toasts = use_toasts();
    let name = RwSignal::new(String::new());
    let location = RwSignal::new(String::new());
    let adding = RwSignal::new(None::<StoreId>);
    let error = RwSignal::new(None::<String>);
    let is_busy = move || adding.with(Option::is_some);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if is_busy() {
            return;
        }
        let (name, location) = (name.get().trim().to_owned(), location.get().trim().to_owned());
        if location.is_empty() {
            error.set(Some(text::LOCATION_NEEDED.to_owned()));
            return;
        }
        let name = if name.is_empty() { name_of(&location) } else { name };
        let Some(id) = StoreId::from_name(&name) else {
            error.set(Some(text::NAME_NEEDED.to_owned()));
            return;
        };
        adding.set(Some(id.clone()));
        error.set(None);
        task::spawn(async move {
            let said = text::added(&name);
            match client::add_store(&AddStore { id, name, location }).await {
                Ok(()) => {
                    stores.reload();
                    let _ = open.try_set(false);
                    toasts.say(said);
                }
                Err(refused) => {
                    let _ = error.try_set(Some(sentence(&refused)));
                }
            }
            let _ = adding.try_set(None);
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <div class="dialog-scroll">
                <TextField
                    id="store-location"
                    label=text::LOCATION
                    value=location
                    help=text::LOCATION_HELP
                    placeholder="https://"
                />
                {move || location.with(|location| is_unprotected(location.trim())).then(|| view! { <Unprotected /> })}
                <TextField id="store-name" label=text::NAME value=name help=text::NAME_HELP />
                {move || adding.get().map(|store| view! { <ProgressLine store /> })}
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button type="submit" class="button is-primary" disabled=is_busy>
                    {move || if is_busy() { text::ADDING } else { text::ADD }}
                </button>
            </footer>
        </form>
    }
}

/// Makes a name from the last part of an address that says something.
fn name_of(location: &str) -> String {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let mut parts = path.trim_end_matches('/').split('/').rev();
    let last = parts.next().unwrap_or_default();
    let stem = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)).unwrap_or(last);
    match stem {
        // `https://github.com/owner/apps/archive/refs/heads/main.zip`
        "main" | "master" => parts.find(|part| !["archive", "refs", "heads"].contains(part)).unwrap_or(stem),
        stem => stem,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_a_name_is_called_as_its_address_ends() {
        for (location, name) in [
            ("/srv/My Store/", "My Store"),
            ("https://example.org/someone/apps.git#next", "apps"),
            ("https://example.org/store.tar.gz?token=1", "store"),
            ("https://github.com/owner/apps/archive/refs/heads/main.zip", "apps"),
            ("/", ""),
        ] {
            assert_eq!(name_of(location), name, "{location}");
        }
    }
}
