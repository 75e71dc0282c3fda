//! Hello.
use leptos::prelude::*;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlDialogElement;

/// Starts.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    let _ = serde_json::from_str::<hearth_model::AppStatus>("{}").map(|_| js_sys::Date::now());
    let dialog: NodeRef<leptos::html::Dialog> = NodeRef::new();
    let show = move |_| { let _ = dialog.get().map(|d: HtmlDialogElement| d.show_modal()); };
    leptos::mount::mount_to_body(move || view! { <p on:click=show>"Hearth"</p><dialog node_ref=dialog></dialog> });
}
