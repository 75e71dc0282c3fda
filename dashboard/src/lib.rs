//! The dashboard: a client of Hearth's API that runs in the browser.
//!
//! It knows the API and nothing else of the box. What the box tells by itself ([`live`]) arrives as events and changes
//! signals; what is asked for ([`remote`]) is fetched when a page needs it. What can be decided without a browser is in
//! modules of plain functions with their tests. In reading order:

#![expect(unreachable_pub, reason = "the macro for components writes `pub` wherever they stand")]

/// Pages and their addresses.
mod route;
/// Going from page to page.
mod router;
/// One typed function per endpoint of the API.
mod client;
/// Server-sent events.
mod stream;
/// Reading what the box tells.
mod event;
/// What the box tells by itself.
mod live;
/// What is fetched when it is needed.
mod remote;
/// Who is here.
mod session;
/// What else the browser does for us.
mod browser;
/// Light and dark.
mod theme;
/// Numbers and times for people.
mod format;
/// A package's form while it is filled in.
mod form;
/// Searching the store.
mod search;
/// Lines of a log.
mod log_book;
/// The little Markdown that packages use.
mod markdown;
/// Every sentence that a person reads.
mod text;
/// Used by two pages or more.
mod components;
/// What stands around the pages.
mod shell;
/// One file per page.
mod pages;

use leptos::prelude::*;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::components::toast::Toasts;
use crate::live::Live;
use crate::pages::store::Looking;
use crate::router::Router;
use crate::session::Session;
use crate::shell::Gate;
use crate::theme::Theme;

/// Takes the place of the waiting page. The browser calls it once the module is loaded.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(App);
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.remove();
    }
}

#[component]
fn App() -> impl IntoView {
    let live = Live::new();
    provide_context(live);
    provide_context(Session::start(live));
    provide_context(Router::start());
    provide_context(Theme::start());
    provide_context(Toasts::new());
    provide_context(Looking::new());
    view! { <Gate /> }
}
