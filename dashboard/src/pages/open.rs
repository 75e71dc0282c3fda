use leptos::prelude::*;

use super::app::App;
use crate::browser;
use crate::live::use_live;

/// Leads on to an app as soon as it is known where that is; until then, or when it is not installed, its page says so.
///
/// Only the path is the visitor's word: the host is this one, and the port that of an installed app.
#[component]
pub(crate) fn Open(id: String, path: String) -> impl IntoView {
    let live = use_live();
    let app = id.clone();
    Effect::new(move |_| {
        if let Some(open) = live.app(&app).and_then(|app| app.status.with(|status| status.open.clone())) {
            // A browser keeps the part after `#` to itself all the way here.
            let below = window().location().hash().unwrap_or_default();
            let _ = window().location().replace(&browser::address_at(&open, &format!("{path}{below}")));
        }
    });
    view! { <App id /> }
}
