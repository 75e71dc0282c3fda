//! The dashboard: a client of Hearth's API that runs in the browser.
//!
//! It knows the API and nothing else of the box. What the box tells by itself ([`live`]) arrives as events and changes
//! signals; what is asked for ([`remote`]) is fetched when a page needs it. What can be decided without a browser is in
//! modules of plain functions with their tests. In reading order:

#![expect(unreachable_pub, reason = "the macro for components writes `pub` wherever they stand")]

/// What else the browser does for us.
mod browser;
/// One typed function per endpoint of the API.
mod client;
/// Time that passes while a page stands open.
mod clock;
/// Used by two pages or more.
mod components;
/// Reading what the box tells.
mod event;
/// A package's form while it is filled in.
mod form;
/// Numbers and times for people.
mod format;
/// Reading JSON, in as little code as can be.
mod json;
/// Small and capital letters.
mod letters;
/// What the box tells by itself.
mod live;
/// Lines of a log.
mod log_book;
/// The little Markdown that packages use.
mod markdown;
/// One file per page.
mod pages;
/// What is fetched when it is needed.
mod remote;
/// Pages and their addresses.
mod route;
/// Going from page to page.
mod router;
/// Searching the store.
mod search;
/// Who is here.
mod session;
/// What stands around the pages.
mod shell;
/// Server-sent events.
mod stream;
/// Work that the browser calls back.
mod task;
/// Every sentence that a person reads.
mod text;
/// Light and dark.
mod theme;

use leptos::prelude::*;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::clock::Clock;
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
    // Where the build makes a panic end at once, there is nothing that the hook could pass on.
    #[cfg(not(panic = "immediate-abort"))]
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
    provide_context(Clock::start());
    view! { <Gate /> }
}
