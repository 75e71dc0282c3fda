use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{HtmlAnchorElement, HtmlElement, MouseEvent};

use crate::route::Route;
use crate::task::Lifetime;
use crate::text;

/// Where the visitor is, and the way elsewhere.
///
/// Links are plain `<a href>`: one listener on the document keeps those that lead to a page of the dashboard from loading
/// it anew.
#[derive(Clone, Copy)]
pub(crate) struct Router {
    route: RwSignal<Route>,
    lifetime: Lifetime,
}

impl Router {
    /// Starts to follow the address. May be called once: its listeners stay for the life of the page.
    pub(crate) fn start() -> Self {
        let router =
            Self { route: RwSignal::new(Route::parse(&current_path())), lifetime: Lifetime::current() };

        let back = Closure::<dyn Fn()>::new(move || router.route.set(Route::parse(&current_path())));
        let _ = window().add_event_listener_with_callback("popstate", back.as_ref().unchecked_ref());
        back.forget();

        let click = Closure::<dyn Fn(MouseEvent)>::new(move |event: MouseEvent| {
            if let Some(path) = link_to_a_page(&event) {
                event.prevent_default();
                router.visit(&path);
            }
        });
        let _ = document().add_event_listener_with_callback("click", click.as_ref().unchecked_ref());
        click.forget();

        Effect::new(move |_| document().set_title(&router.route.with(text::title)));
        router
    }

    /// Returns the page; the caller hears of changes.
    pub(crate) fn route(self) -> Route {
        self.route.get()
    }

    /// Tells whether the page answers `test`; the caller hears of changes.
    pub(crate) fn is(self, test: impl Fn(&Route) -> bool) -> bool {
        self.route.with(test)
    }

    /// Goes to a page.
    pub(crate) fn go(self, route: &Route) {
        self.visit(&route.to_string());
    }

    fn visit(self, path: &str) {
        if path != current_path() {
            let history = window().history();
            let pushed = history
                .map(|history| history.push_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(path)));
            if !matches!(pushed, Ok(Ok(()))) {
                let _ = window().location().set_href(path);
                return;
            }
        }
        self.route.set(Route::parse(path));
        self.lifetime.on_next_frame(focus_page);
    }
}

/// Returns the router.
pub(crate) fn use_router() -> Router {
    expect_context()
}

/// A screen reader goes on at the new page, unless the link that was followed is still part of it.
fn focus_page() {
    let focused = document().active_element();
    let Some(main) =
        document().get_element_by_id("main").and_then(|main| main.dyn_into::<HtmlElement>().ok())
    else {
        return;
    };
    if !focused.is_some_and(|focused| main.contains(Some(&focused))) {
        let _ = main.focus();
    }
    // After the focus, which may scroll.
    window().scroll_to_with_x_and_y(0.0, 0.0);
}

fn current_path() -> String {
    window().location().pathname().unwrap_or_default()
}

/// The path of the link that was clicked, when it leads to a page here and the visitor did not ask for a new tab.
fn link_to_a_page(event: &MouseEvent) -> Option<String> {
    let plain = event.button() == 0
        && !event.ctrl_key()
        && !event.meta_key()
        && !event.shift_key()
        && !event.alt_key();
    if !plain || event.default_prevented() {
        return None;
    }
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let link = element.closest("a[href]").ok()??.dyn_into::<HtmlAnchorElement>().ok()?;
    let here = link.origin() == window().location().origin().ok()?;
    let path = link.pathname();
    (here && link.target().is_empty() && !link.has_attribute("download") && !path.starts_with("/api/"))
        .then_some(path)
}
