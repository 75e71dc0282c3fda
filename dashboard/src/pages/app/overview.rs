use hearth_model::condition::{LastUpdate, Progress, Reason, ReasonCode, ServiceStatus};
use hearth_model::package::{DefaultLogin, PublishedPort};
use hearth_model::{AppState, AppStatus};
use leptos::prelude::*;

use super::VerbButton;
use super::uninstall::UninstallDialog;
use crate::browser;
use crate::client::Verb;
use crate::clock::ago;
use crate::components::copy::CopyButton;
use crate::components::field::reveal;
use crate::components::icon::Icon;
use crate::components::notice::{Notice, Tone};
use crate::components::progress::ProgressPanel;
use crate::components::words::words;
use crate::route::{AppTab, Route};
use crate::text::app as text;

/// State, services, ports, first sign-in.
#[component]
pub(super) fn Overview(app: RwSignal<AppStatus>, progress: RwSignal<Option<Progress>>) -> impl IntoView {
    let is_under_way = Memo::new(move |_| progress.with(Option::is_some));
    let why = move || app.with(|app| app.reason.clone().map(|reason| (app.state, reason)));
    let last_update = move || app.with(|app| app.last_update.clone());
    let services = move || {
        app.with(|app| {
            app.services.iter().map(|each| service(each.clone(), app.state.is_busy())).collect_view()
        })
    };
    // Not drawn again with every change of state: what the owner made it show must not be hidden.
    let has_login = Memo::new(move |_| app.with(|app| app.default_login.is_some()));
    let login =
        move || has_login.get().then(|| app.with_untracked(|app| app.default_login.clone())).flatten();
    let removing = RwSignal::new(false);
    view! {
        {move || why().map(|(state, reason)| reason_panel(app, state, reason))}
        <Show when=move || is_under_way.get()>
            <ProgressPanel progress />
        </Show>
        {move || last_update().map(|last| last_update_panel(app, last))}
        <div class="columns">
            <div class="column">
                <section class="card">
                    <h2>{text::SERVICES}</h2>
                    <ul class="services">{services}</ul>
                </section>
                {move || login().map(|login| view! { <Login login /> })}
            </div>
            <div class="column is-narrow">
                <section class="card">
                    <h2>{text::DETAILS}</h2>
                    {move || app.with(details)}
                </section>
                <section class="card is-flat">
                    <h2>{text::UNINSTALL}</h2>
                    <p class="muted">{text::UNINSTALL_WORDS}</p>
                    <button type="button" class="button is-danger" on:click=move |_| removing.set(true)>
                        {Icon::Trash.draw()}
                        {text::UNINSTALL_BUTTON}
                    </button>
                </section>
            </div>
        </div>
        <UninstallDialog open=removing app />
    }
}

/// Why the app is in its state, with what its log says and what can be done.
fn reason_panel(app: RwSignal<AppStatus>, state: AppState, reason: Reason) -> impl IntoView {
    let tone = match state {
        AppState::Failed | AppState::EngineUnreachable => Tone::Bad,
        AppState::Unhealthy | AppState::Reverting => Tone::Warn,
        AppState::Unknown
        | AppState::Installing
        | AppState::Starting
        | AppState::Running
        | AppState::Stopping
        | AppState::Stopped
        | AppState::Updating
        | AppState::Removing => Tone::Info,
    };
    let id = app.with_untracked(|app| app.id.to_string());
    let to_settings = Route::App { id: id.clone(), tab: AppTab::Settings }.to_string();
    let to_logs = Route::App { id, tab: AppTab::Logs }.to_string();
    let settings_help = matches!(
        reason.code,
        ReasonCode::PortTaken | ReasonCode::SettingsInvalid | ReasonCode::ConsentNeeded
    );
    let data_missing = reason.code == ReasonCode::DataMissing;
    let log = reason.log.join("\n");
    let has_log = !log.is_empty();
    view! {
        <Notice tone>
            <p class="reason">{words(&reason.message)}</p>
            {has_log
                .then(|| {
                    view! {
                        <figure class="log-tail">
                            <figcaption>
                                {text::last_lines(reason.service.as_deref())} <a href=to_logs>{text::WHOLE_LOG}</a>
                            </figcaption>
                            <pre tabindex="0">{log}</pre>
                        </figure>
                    }
                })}
            {settings_help.then(|| view! { <a class="button is-small" href=to_settings>{text::TO_SETTINGS}</a> })}
            {data_missing.then(|| view! { <VerbButton app verb=Verb::StartFresh /> })}
        </Notice>
    }
}

/// What the last update did, and the way back while there is one.
fn last_update_panel(app: RwSignal<AppStatus>, last: LastUpdate) -> impl IntoView {
    match last.reverted {
        Some(reason) => view! {
            <Notice tone=Tone::Warn>
                <p>
                    <strong>{move || text::reverted(&last.from_version, &ago(&last.at))}</strong>
                </p>
                <p>{reason.message}</p>
                {(!reason.log.is_empty())
                    .then(|| {
                        view! {
                            <figure class="log-tail">
                                <figcaption>{text::last_lines(reason.service.as_deref())}</figcaption>
                                <pre tabindex="0">{reason.log.join("\n")}</pre>
                            </figure>
                        }
                    })}
            </Notice>
        }
        .into_any(),
        None => last
            .can_go_back
            .then(|| {
                view! {
                    <Notice tone=Tone::Info>
                        <p>{move || text::updated(&last.from_version, &ago(&last.at))}</p>
                        <VerbButton app verb=Verb::GoBack />
                    </Notice>
                }
            })
            .into_any(),
    }
}

/// One service. While something is going on, one that is not there yet is nothing to warn of.
fn service(service: ServiceStatus, busy: bool) -> impl IntoView {
    let class = match (service.ok, busy) {
        (true, _) => "state is-good",
        (false, true) => "state is-off",
        (false, false) => "state is-warn",
    };
    let started = service.started_at.map(|at| move || text::started(&ago(&at)));
    view! {
        <li>
            <span class=class>
                <span class="state-dot" aria-hidden="true"></span>
            </span>
            <span class="service-text">
                <strong>{service.service}</strong>
                <code>{service.image}</code>
            </span>
            <span class="service-state">{service.state} {started.map(|started| view! { <small class="muted">{started}</small> })}</span>
        </li>
    }
}

fn details(app: &AppStatus) -> impl IntoView + use<> {
    let address = app.open.as_ref().map(browser::address_of);
    let ports = app.ports.iter().map(port).collect_view();
    let has_ports = !app.ports.is_empty();
    let package = Route::package(&app.store, &app.package).to_string();
    view! {
        <dl class="facts">
            {address
                .map(|address| {
                    let words = address.clone();
                    view! {
                        <div>
                            <dt>{text::ADDRESS}</dt>
                            <dd>
                                <a href=address target="_blank" rel="noopener">
                                    {words}
                                </a>
                            </dd>
                        </div>
                    }
                })}
            {app.onion.clone()
                .map(|onion| {
                    let what = onion.clone();
                    view! {
                        <div>
                            <dt>{text::ONION}</dt>
                            <dd class="onion">
                                <code>{onion}</code>
                                <CopyButton what=move |()| what.clone() label=text::COPY_ONION />
                            </dd>
                        </div>
                    }
                })}
            {has_ports.then(|| view! { <div><dt>{text::PORTS}</dt><dd>{ports}</dd></div> })}
            <div>
                <dt>{text::VERSION}</dt>
                <dd>{app.version.clone()}</dd>
            </div>
            <div>
                <dt>{text::PACKAGE}</dt>
                <dd>
                    <a href=package>{text::package_of(&app.package, app.store.as_str())}</a>
                </dd>
            </div>
        </dl>
    }
}

fn port(port: &PublishedPort) -> impl IntoView + use<> {
    let text = format!("{}/{} · {}", port.port, port.protocol.as_str(), port.service);
    view! { <span class="fact-line">{text}</span> }
}

/// The first sign-in that the software ships with.
#[component]
fn Login(login: DefaultLogin) -> impl IntoView {
    let shown = RwSignal::new(false);
    let DefaultLogin { username, password } = login;
    let row = |label: &'static str, value: String, hidden: bool| {
        let copied = value.clone();
        let dots = "•".repeat(10);
        (!value.is_empty()).then(|| {
            view! {
                <div class="login-row">
                    <dt>{label}</dt>
                    <dd>
                        <code>{move || if hidden && !shown.get() { dots.clone() } else { value.clone() }}</code>
                        {hidden.then(|| reveal(shown))}
                        <CopyButton what=move |()| copied.clone() label=text::copy(label) />
                    </dd>
                </div>
            }
        })
    };
    view! {
        <section class="card">
            <h2>{Icon::Key.draw()} {text::LOGIN}</h2>
            <p class="muted">{text::LOGIN_WORDS}</p>
            <dl class="login">
                {row(text::LOGIN_NAME, username, false)} {row(text::LOGIN_PASSWORD, password, true)}
            </dl>
        </section>
    }
}
