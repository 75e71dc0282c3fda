use hearth_model::{AppState, AppStatus};
use leptos::prelude::*;

use crate::browser;
use crate::client::{self, Verb};
use crate::components::app_icon::AppIcon;
use crate::components::icon::Icon;
use crate::components::notice::Empty;
use crate::components::progress::Ring;
use crate::components::skeleton::Skeleton;
use crate::components::state_badge::StateBadge;
use crate::components::toast::use_toasts;
use crate::format::Fetched;
use crate::live::{LiveApp, use_live};
use crate::route::{AppTab, Route};
use crate::router::use_router;
use crate::task;
use crate::text::app as text;

/// What it writes.
mod logs;
/// State, services, ports.
mod overview;
/// Answers to its form.
mod settings;
/// The dialog that takes it away.
mod uninstall;
/// The dialog that brings it to another version.
mod update;

/// Whether an app is installed.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Here,
    Missing,
    NotYet,
}

/// One installed app.
#[component]
pub(crate) fn App(id: String) -> impl IntoView {
    let live = use_live();
    let id = StoredValue::new(id);
    let find = move || id.with_value(|id| live.app(id));
    // A value of its own, so that the page is not drawn anew when the rest of the apps has been loaded.
    let known = Memo::new(move |_| match (find().is_some(), live.is_loaded()) {
        (true, _) => Known::Here,
        (false, true) => Known::Missing,
        (false, false) => Known::NotYet,
    });
    view! {
        <a class="back" href=Route::Home.to_string()>
            {Icon::Back.draw()}
            {text::BACK}
        </a>
        {move || match known.get() {
            Known::Here => untrack(find).map(|app| view! { <Page app /> }).into_any(),
            Known::Missing => {
                view! {
                    <Empty icon=Icon::Search title=text::NOT_INSTALLED words=text::NOT_INSTALLED_WORDS>
                        <a class="button is-primary" href=Route::Store.to_string()>
                            {text::TO_STORE}
                        </a>
                    </Empty>
                }
                    .into_any()
            }
            Known::NotYet => {
                view! {
                    <div class="hero" aria-busy="true">
                        <Skeleton class="hero-icon" count=1 />
                        <div class="hero-text">
                            <Skeleton class="line is-title" count=1 />
                            <Skeleton class="line" count=1 />
                        </div>
                    </div>
                }
                    .into_any()
            }
        }}
    }
}

#[component]
fn Page(app: LiveApp) -> impl IntoView {
    let LiveApp { id, status: app, progress } = app;
    let (app, progress) = (RwSignal::from(app), RwSignal::from(progress));
    let router = use_router();
    let tab = Memo::new(move |_| match router.route() {
        Route::App { tab, .. } => tab,
        _ => AppTab::Overview,
    });
    let (name, icon) = app.with_untracked(|app| (app.name.clone(), app.icon.clone()));
    let state = Memo::new(move |_| app.with(|app| app.state));
    let share = Signal::derive(move || Fetched::percent_of(progress.get().as_ref()));
    let tab_link = |which: AppTab, name: &'static str| {
        let route = Route::App { id: id.to_string(), tab: which };
        view! {
            <a href=route.to_string() aria-current=move || (tab.get() == which).then_some("page")>
                {name}
            </a>
        }
    };
    let tabs = [
        tab_link(AppTab::Overview, text::OVERVIEW),
        tab_link(AppTab::Logs, text::LOGS),
        tab_link(AppTab::Settings, text::SETTINGS),
    ];
    view! {
        <header class="hero">
            <span class="hero-icon">
                <AppIcon icon name=name.clone() />
                <Show when=move || state.get().is_busy()>
                    <Ring percent=share />
                </Show>
            </span>
            <div class="hero-text">
                <h1>{name}</h1>
                <p class="lead">{app.with_untracked(|app| app.tagline.clone())}</p>
                <p class="hero-meta">
                    <StateBadge state />
                    <span class="muted">{move || app.with(|app| text::version(&app.version))}</span>
                </p>
            </div>
            <div class="hero-actions">
                <Actions app />
            </div>
        </header>
        <nav class="tabs" aria-label=text::PARTS>{tabs}</nav>
        {move || match tab.get() {
            AppTab::Overview => view! { <overview::Overview app progress /> }.into_any(),
            AppTab::Logs => view! { <logs::Logs app /> }.into_any(),
            AppTab::Settings => view! { <settings::SettingsTab app /> }.into_any(),
        }}
    }
}

/// What can be done with the app as it is now.
#[component]
fn Actions(app: RwSignal<AppStatus>) -> impl IntoView {
    let state = Memo::new(move |_| app.with(|app| app.state));
    let open = Memo::new(move |_| app.with(|app| app.open.as_ref().map(browser::address_of)));
    let updating = RwSignal::new(false);
    let has_update =
        Memo::new(move |_| app.with(|app| app.update.as_ref().map(|update| update.version.clone())));
    let open_link = move || {
        let answers = matches!(state.get(), AppState::Running | AppState::Unhealthy);
        open.get().filter(|_| answers).map(|address| {
            view! {
                <a class="button is-primary" href=address target="_blank" rel="noopener">
                    {text::OPEN}
                    {Icon::Open.draw()}
                </a>
            }
        })
    };
    let update_button = move || {
        has_update.get().filter(|_| !state.get().is_busy()).map(|version| {
            view! {
                <button type="button" class="button is-accent" on:click=move |_| updating.set(true)>
                    {Icon::Update.draw()}
                    {text::update_to(&version)}
                </button>
            }
        })
    };
    view! {
        {open_link}
        {update_button}
        {move || verbs(state.get()).iter().map(|verb| view! { <VerbButton app verb=*verb /> }).collect_view()}
        <update::UpdateDialog open=updating app />
    }
}

/// What makes sense in a state.
fn verbs(state: AppState) -> &'static [Verb] {
    match state {
        AppState::Running | AppState::Unhealthy => &[Verb::Restart, Verb::Stop],
        AppState::Starting | AppState::Installing | AppState::Updating => &[Verb::Stop],
        AppState::Stopped | AppState::Stopping => &[Verb::Start],
        AppState::Failed => &[Verb::Retry, Verb::Stop],
        AppState::Unknown | AppState::Reverting | AppState::Removing | AppState::EngineUnreachable => &[],
    }
}

/// A button that tells the box to do something with the app.
#[component]
fn VerbButton(app: RwSignal<AppStatus>, verb: Verb) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let (icon, name) = match verb {
        Verb::Start => (Icon::Start, text::START),
        Verb::Stop => (Icon::Stop, text::STOP),
        Verb::Restart => (Icon::Restart, text::RESTART),
        Verb::GoBack => (Icon::Undo, text::GO_BACK),
        Verb::Retry => (Icon::Refresh, text::RETRY),
        Verb::StartFresh => (Icon::Plus, text::START_FRESH),
    };
    let press = move |_| {
        busy.set(true);
        let id = app.with_untracked(|app| app.id.clone());
        task::spawn(async move {
            if let Err(error) = client::tell(&id, verb).await {
                toasts.warn(error.message());
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <button type="button" class="button" disabled=move || busy.get() on:click=press>
            {icon.draw()}
            {name}
        </button>
    }
}
