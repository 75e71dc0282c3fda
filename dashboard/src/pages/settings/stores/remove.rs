use hearth_model::api::store::StoreSummary;
use hearth_model::{AppId, StoreId};
use leptos::prelude::*;

use crate::client;
use crate::components::notice::{FormError, Notice, Tone};
use crate::live::use_live;
use crate::remote::Remote;
use crate::task;
use crate::text::stores as text;

/// Asks before a store goes, and says which apps came from it.
#[component]
pub(super) fn RemoveForm(
    open: RwSignal<bool>,
    stores: Remote<Vec<StoreSummary>>,
    store: StoreId,
    apps: Vec<AppId>,
) -> impl IntoView {
    let live = use_live();
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let id = StoredValue::new(store);
    let remove = move |_| {
        busy.set(true);
        let id = id.get_value();
        task::spawn(async move {
            match client::remove_store(&id).await {
                Ok(()) => {
                    stores.reload();
                    let _ = open.try_set(false);
                }
                Err(refused) => {
                    let _ = error.try_set(Some(refused.message()));
                }
            }
            let _ = busy.try_set(false);
        });
    };
    // By the names that people know, where they are known.
    let names: Vec<String> = apps
        .into_iter()
        .map(|app| {
            let known = live.app(app.as_str());
            known.map_or_else(
                || app.to_string(),
                |app| app.status.with_untracked(|status| status.name.clone()),
            )
        })
        .collect();
    view! {
        <div class="form">
            <p>{text::REMOVE_WORDS}</p>
            {(!names.is_empty()).then(|| view! { <Notice tone=Tone::Warn>{text::came_from_it(&names)}</Notice> })}
            <FormError error />
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
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
    }
}
