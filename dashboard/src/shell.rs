use hearth_model::api::session::SessionState;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::KeyboardEvent;

use crate::browser;
use crate::components::icon::Icon;
use crate::components::mark::mark;
use crate::components::notice::ErrorState;
use crate::components::toast::ToastList;
use crate::components::words::words;
use crate::live::use_live;
use crate::pages;
use crate::route::{AppTab, Route};
use crate::router::{Router, use_router};
use crate::session::use_session;
use crate::task::Lifetime;
use crate::text::shell as text;

/// Lets in who is signed in; everybody else gets the page that leads there.
#[component]
pub(crate) fn Gate() -> impl IntoView {
    #[derive(Clone, Copy, PartialEq)]
    enum Stands {
        Waiting,
        Unreachable,
        SetUp,
        SignIn,
        In,
    }
    let session = use_session();
    let stands = Memo::new(move |_| match (session.state(), session.failure()) {
        (Some(SessionState::NeedsSetup), _) => Stands::SetUp,
        (Some(SessionState::SignedOut), _) => Stands::SignIn,
        (Some(SessionState::SignedIn { .. }), _) => Stands::In,
        (None, Some(_)) => Stands::Unreachable,
        (None, None) => Stands::Waiting,
    });
    move || match stands.get() {
        Stands::Waiting => view! { <div class="boot">{mark()}</div> }.into_any(),
        Stands::Unreachable => {
            let message = session.failure().map(|error| error.message()).unwrap_or_default();
            view! {
                <main class="alone">
                    <ErrorState message retry=Callback::new(move |()| session.ask()) />
                </main>
            }
            .into_any()
        }
        Stands::SetUp => view! { <pages::set_up::SetUp /> }.into_any(),
        Stands::SignIn => view! { <pages::sign_in::SignIn /> }.into_any(),
        Stands::In => view! { <Shell /> }.into_any(),
    }
}

/// The places that the navigation leads to.
#[derive(Clone, Copy)]
enum Place {
    Home,
    Store,
    History,
    Settings,
}

impl Place {
    const ALL: [Place; 4] = [Place::Home, Place::Store, Place::History, Place::Settings];

    fn route(self) -> Route {
        match self {
            Place::Home => Route::Home,
            Place::Store => Route::Store,
            Place::History => Route::History,
            Place::Settings => Route::Settings,
        }
    }

    fn icon(self) -> Icon {
        match self {
            Place::Home => Icon::Home,
            Place::Store => Icon::Store,
            Place::History => Icon::History,
            Place::Settings => Icon::Settings,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Home => text::HOME,
            Place::Store => text::STORE,
            Place::History => text::HISTORY,
            Place::Settings => text::SETTINGS,
        }
    }

    fn holds(self, route: &Route) -> bool {
        match self {
            Place::Home => matches!(route, Route::Home | Route::App { .. } | Route::Open { .. }),
            Place::Store => matches!(route, Route::Store | Route::Package { .. }),
            Place::History => matches!(route, Route::History),
            Place::Settings => matches!(route, Route::Settings | Route::System),
        }
    }
}

#[component]
fn Shell() -> impl IntoView {
    let router = use_router();
    let live = use_live();
    let session = use_session();
    listen_to_keys(router);
    // The parts of an app's page stand in one page: going from one to the other must not make it anew.
    let shown = Memo::new(move |_| match router.route() {
        Route::App { id, tab: _ } => Route::App { id, tab: AppTab::Overview },
        route => route,
    });
    let link = move |place: Place| {
        view! {
            <a
                href=place.route().to_string()
                aria-current=move || router.is(|route| place.holds(route)).then_some("page")
            >
                {place.icon().draw()}
                <span>{place.name()}</span>
            </a>
        }
    };
    view! {
        <a class="skip" href="#main">{text::SKIP}</a>
        <div class="shell">
            <header class="rail">
                <a class="brand" href="/" aria-label=text::HOME>
                    {mark()}
                    <span>"Hearth"</span>
                </a>
                <nav class="nav" aria-label=text::NAVIGATION>{Place::ALL.map(link)}</nav>
                <div class="rail-foot">
                    <p class="rail-box">
                        <strong>{move || live.box_name()}</strong>
                        <span class="muted">{move || session.user().map(|user| user.username)}</span>
                    </p>
                    <button
                        type="button"
                        class="button is-quiet is-icon"
                        title=text::SIGN_OUT
                        aria-label=text::SIGN_OUT
                        on:click=move |_| session.end()
                    >
                        {Icon::SignOut.draw()}
                    </button>
                </div>
            </header>
            <div class="stage">
                <Banners />
                <main id="main" tabindex="-1">{move || page(&shown.get())}</main>
            </div>
        </div>
        <ToastList />
    }
}

fn page(route: &Route) -> AnyView {
    match route.clone() {
        Route::Home => view! { <pages::home::Home /> }.into_any(),
        Route::Store => view! { <pages::store::Store /> }.into_any(),
        Route::Package { store, package } => view! { <pages::package::Package store package /> }.into_any(),
        Route::App { id, tab: _ } => view! { <pages::app::App id /> }.into_any(),
        Route::Open { id, path } => view! { <pages::open::Open id path /> }.into_any(),
        Route::History => view! { <pages::history::History /> }.into_any(),
        Route::Settings => view! { <pages::settings::Settings /> }.into_any(),
        Route::System => view! { <pages::system::System /> }.into_any(),
        Route::NotFound => view! { <pages::not_found::NotFound /> }.into_any(),
    }
}

/// What the owner should know on every page.
#[component]
fn Banners() -> impl IntoView {
    let live = use_live();
    view! {
        <div class="banners" aria-live="assertive">
            <Show when=move || live.is_lost()>
                <div class="banner is-lost">
                    {Icon::Unplugged.draw()} <p><strong>{text::LOST}</strong> " " {text::LOST_HELP}</p>
                </div>
            </Show>
            <Show when=move || live.is_engine_starting()>
                <div class="banner">
                    {Icon::Engine.draw()}
                    <p><strong>{text::ENGINE_STARTS}</strong> " " {text::ENGINE_STARTS_HELP}</p>
                </div>
            </Show>
            {move || {
                live.engine_problem()
                    .map(|reason| {
                        view! {
                            <div class="banner is-bad">
                                {Icon::Engine.draw()}
                                <p>
                                    <strong>{text::ENGINE_AWAY}</strong>
                                    " "
                                    {words(&reason)}
                                    " "
                                    {text::ENGINE_AWAY_HELP}
                                </p>
                            </div>
                        }
                    })
            }}
        </div>
    }
}

/// `/` leads to the search field, on the store's page when this one has none.
fn listen_to_keys(router: Router) {
    let lifetime = Lifetime::current();
    let press = Closure::<dyn Fn(KeyboardEvent)>::new(move |event: KeyboardEvent| {
        let plain = !event.ctrl_key() && !event.meta_key() && !event.alt_key();
        if event.key() != "/" || !plain || is_typing() {
            return;
        }
        event.prevent_default();
        if !browser::focus("[data-search]") {
            router.go(&Route::Store);
            lifetime.on_next_frame(|| {
                browser::focus("[data-search]");
            });
        }
    });
    let target = document();
    let _ = target.add_event_listener_with_callback("keydown", press.as_ref().unchecked_ref());
    // The shell goes at sign-out and comes again: its listener must go with it.
    let press = StoredValue::new_local(press);
    on_cleanup(move || {
        press.with_value(|press| {
            let _ = document().remove_event_listener_with_callback("keydown", press.as_ref().unchecked_ref());
        });
    });
}

fn is_typing() -> bool {
    let focused = document().active_element();
    focused.is_some_and(|element| element.matches("input, textarea, select, dialog *").unwrap_or(false))
}
