use hearth_model::AppState;
use hearth_model::api::system::SystemInfo;
use hearth_model::observed::EngineState;
use leptos::prelude::*;

use crate::browser;
use crate::components::app_icon::AppIcon;
use crate::components::icon::Icon;
use crate::components::meter::Meter;
use crate::components::notice::{Empty, ErrorState, Notice, Tone};
use crate::components::progress::Ring;
use crate::components::skeleton::Skeleton;
use crate::components::state_badge::tone;
use crate::components::words::words;
use crate::format::{self, Fetched};
use crate::live::{LiveApp, use_live};
use crate::route::Route;
use crate::session::use_session;
use crate::text::home as text;
use crate::text::state;

/// Installed apps, and how the box is.
#[component]
pub(crate) fn Home() -> impl IntoView {
    let live = use_live();
    let session = use_session();
    // Disk and memory move without an event; who comes here wants to know.
    live.load_system();
    let greeting = move || {
        text::greeting(browser::hour(), &session.user().map(|user| user.username).unwrap_or_default())
    };
    let summary = move || {
        let states: Vec<AppState> =
            live.apps().into_iter().map(|app| app.status.with(|app| app.state)).collect();
        match (live.is_loaded(), live.engine_problem()) {
            (false, _) => String::new(),
            (true, Some(_)) if states.is_empty() => text::ENGINE_NEEDED.to_owned(),
            (true, None) if live.is_engine_starting() => text::ENGINE_SOON.to_owned(),
            (true, _) => text::summary(&states),
        }
    };
    let news = Memo::new(move |_| live.os().as_ref().and_then(text::system_news));
    view! {
        <header class="page-head">
            <h1 class="display">{greeting}</h1>
            <p class="lead page-summary">{summary}</p>
        </header>
        {move || news.get().map(news_of_the_system)}
        {move || match (live.is_loaded(), live.failure()) {
            (true, _) => apps().into_any(),
            (false, Some(error)) => {
                let retry = Callback::new(move |()| live.load());
                view! { <ErrorState message=error.message() retry /> }.into_any()
            }
            (false, None) => {
                view! {
                    <div class="tiles" aria-busy="true">
                        <Skeleton class="tile" count=6 />
                    </div>
                }
                    .into_any()
            }
        }}
        <section class="health" aria-label=text::HEALTH>
            {move || match live.system() {
                Some(system) => health(&system).into_any(),
                None => view! { <Skeleton class="meter" count=3 /> }.into_any(),
            }}
        </section>
        {move || live.system().map(|system| warnings(&system))}
    }
}

fn news_of_the_system((is_bad, news): (bool, String)) -> impl IntoView {
    let tone = if is_bad { Tone::Warn } else { Tone::Info };
    view! {
        <Notice tone>
            <span>{news} " " <a href=Route::System.to_string()>{text::SYSTEM_MORE}</a></span>
        </Notice>
    }
}

fn apps() -> impl IntoView {
    let live = use_live();
    move || {
        if live.apps().is_empty() {
            return view! {
                <Empty icon=Icon::Store title=text::EMPTY words=text::EMPTY_WORDS>
                    <a class="button is-primary" href=Route::Store.to_string()>
                        {text::TO_STORE}
                    </a>
                </Empty>
            }
            .into_any();
        }
        view! {
            <ul class="tiles">
                <For each=move || live.apps() key=|app| app.id.to_string() let:app>
                    <Tile app />
                </For>
                <li>
                    <a class="tile is-add" href=Route::Store.to_string()>
                        <span class="tile-plus">{Icon::Plus.draw()}</span>
                        <span>{text::ADD}</span>
                    </a>
                </li>
            </ul>
        }
        .into_any()
    }
}

#[component]
fn Tile(app: LiveApp) -> impl IntoView {
    let LiveApp { id, status: app, progress } = app;
    let app = RwSignal::from(app);
    let (name, icon) = app.with_untracked(|app| (app.name.clone(), app.icon.clone()));
    let status = Memo::new(move |_| app.with(|app| app.state));
    let share = Signal::derive(move || Fetched::percent_of(progress.get().as_ref()));
    let open = Memo::new(move |_| {
        app.with(|app| app.open.as_ref().filter(|_| app.state == AppState::Running).map(browser::address_of))
    });
    let has_update = Memo::new(move |_| app.with(|app| app.update.is_some()));
    let name_again = name.clone();
    view! {
        <li class="tile" class:is-off=move || status.get() == AppState::Stopped>
            <a class="tile-link" href=Route::app(&id).to_string()>
                <span class="tile-icon">
                    <AppIcon icon name=name.clone() />
                    <Show when=move || status.get().is_busy()>
                        <Ring percent=share />
                    </Show>
                    <Show when=move || has_update.get() && !status.get().is_busy()>
                        <span class="tile-update" title=text::UPDATE>{Icon::Update.draw()}</span>
                    </Show>
                </span>
                <span class="tile-name">{name}</span>
                <span class=move || format!("state {}", tone(status.get()))>
                    <span class="state-dot" aria-hidden="true"></span>
                    {move || match share.get() {
                        Some(share) if status.get().is_busy() => text::state_share(status.get(), share),
                        _ => state(status.get()).to_owned(),
                    }}
                </span>
            </a>
            {move || {
                open.get()
                    .map(|address| {
                        view! {
                            <a
                                class="tile-open"
                                href=address
                                target="_blank"
                                rel="noopener"
                                title=text::open(&name_again)
                                aria-label=text::open(&name_again)
                            >
                                {Icon::Open.draw()}
                            </a>
                        }
                    })
            }}
        </li>
    }
}

fn health(system: &SystemInfo) -> impl IntoView + use<> {
    let host = &system.host;
    let (engine_class, engine_words) = match &system.engine {
        EngineState::Ready { version, .. } => ("state is-good", text::engine_version(version)),
        EngineState::Unreachable { .. } => ("state is-bad", text::ENGINE_AWAY.to_owned()),
        EngineState::Starting => ("state is-busy", text::ENGINE_STARTS.to_owned()),
        EngineState::Unknown => ("state is-off", text::ENGINE_UNKNOWN.to_owned()),
    };
    let disk_used = host.data_total_bytes.saturating_sub(host.data_free_bytes);
    let memory_used = host.memory_total_bytes.saturating_sub(host.memory_available_bytes);
    view! {
        <div class="meter">
            {Icon::Engine.draw()}
            <div class="meter-text">
                <span class="meter-label">{text::ENGINE}</span>
                <span class=engine_class><span class="state-dot" aria-hidden="true"></span>{engine_words}</span>
            </div>
        </div>
        <Meter
            icon=Icon::Disk
            label=text::DISK
            used=disk_used
            whole=host.data_total_bytes
            words=text::free_of(&format::bytes(host.data_free_bytes), &format::bytes(host.data_total_bytes))
        />
        <Meter
            icon=Icon::Memory
            label=text::MEMORY
            used=memory_used
            whole=host.memory_total_bytes
            words=text::free_of(&format::bytes(host.memory_available_bytes), &format::bytes(host.memory_total_bytes))
        />
    }
}

/// What the box warns of; that the engine is away stands in a banner already.
fn warnings(system: &SystemInfo) -> impl IntoView + use<> {
    let engine_is_away = system.engine.problem().is_some();
    let warnings = if engine_is_away { Vec::new() } else { system.warnings.clone() };
    warnings
        .into_iter()
        .map(|warning| view! { <Notice tone=Tone::Warn>{words(&warning)}</Notice> })
        .collect_view()
}
