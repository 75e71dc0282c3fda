use hearth_model::api::system::SystemInfo;
use hearth_model::desired;
use hearth_model::observed::EngineState;
use leptos::prelude::*;

use crate::browser;
use crate::client;
use crate::components::field::{FieldFrame, TextField};
use crate::components::icon::Icon;
use crate::components::mark::mark;
use crate::components::notice::FormError;
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::format;
use crate::letters::lower;
use crate::live::use_live;
use crate::route::Route;
use crate::session::use_session;
use crate::task;
use crate::text::settings as text;
use crate::text::{architecture, common};
use crate::theme::{Choice, use_theme};

/// The account's password.
mod password;
/// Sources of packages.
mod stores;

/// Settings of the box, the account, the stores and this browser.
#[component]
pub(crate) fn Settings() -> impl IntoView {
    let live = use_live();
    let session = use_session();
    // The form starts once from what holds; events must not write over what is being typed.
    let known = Memo::new(move |_| live.system().map(|system| system.settings));
    view! {
        <header class="page-head">
            <h1 class="display">{text::TITLE}</h1>
        </header>
        <div class="columns">
            <div class="column">
                <section class="card">
                    <h2>{text::BOX}</h2>
                    {move || match known.get() {
                        Some(settings) => view! { <BoxForm settings /> }.into_any(),
                        None => view! { <Skeleton class="line" count=4 /> }.into_any(),
                    }}
                </section>
                <stores::Stores />
            </div>
            <div class="column is-narrow">
                <section class="card">
                    <h2>{text::APPEARANCE}</h2>
                    <ThemeChoice />
                </section>
                <section class="card">
                    <h2>{text::ACCOUNT}</h2>
                    <p class="muted">
                        {move || session.user().map(|user| text::signed_in_as(&user.username))}
                    </p>
                    <password::PasswordForm />
                    <button type="button" class="button" on:click=move |_| session.end()>
                        {Icon::SignOut.draw()}
                        {text::SIGN_OUT}
                    </button>
                </section>
                <section class="card about">
                    <h2>{text::ABOUT}</h2>
                    {move || match live.system() {
                        Some(system) => about(&system).into_any(),
                        None => view! { <Skeleton class="line" count=5 /> }.into_any(),
                    }}
                </section>
            </div>
        </div>
    }
}

#[component]
fn BoxForm(settings: desired::Settings) -> impl IntoView {
    let toasts = use_toasts();
    let live = use_live();
    let name = RwSignal::new(settings.box_name.clone().unwrap_or_default());
    let zone = RwSignal::new(settings.time_zone.clone().unwrap_or_default());
    let names = RwSignal::new(settings.names.iter().cloned().collect::<Vec<_>>().join(" "));
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let wanted = Signal::derive(move || desired::Settings {
        box_name: Some(name.get().trim().to_owned()).filter(|name| !name.is_empty()),
        time_zone: Some(zone.get()).filter(|zone| !zone.is_empty()),
        names: names.with(|names| {
            let names = names.split([' ', ',', ';']).filter(|name| !name.is_empty());
            names.map(lower).collect()
        }),
    });
    let changed = Signal::derive(move || wanted.get() != settings);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get() {
            return;
        }
        busy.set(true);
        error.set(None);
        let wanted = wanted.get_untracked();
        task::spawn(async move {
            match client::change_settings(&wanted).await {
                Ok(()) => {
                    toasts.say(text::SAVED);
                    live.load_system();
                }
                Err(refused) => error.set(Some(refused.message())),
            }
            let _ = busy.try_set(false);
        });
    };
    // A zone that this browser does not know must not be lost by saving.
    let mut zones = browser::time_zones();
    let mine = browser::time_zone();
    let held = zone.get_untracked();
    if !held.is_empty() && !zones.contains(&held) {
        zones.insert(0, held);
    }
    let options = zones.into_iter().map(move |name| {
        let value = name.clone();
        view! { <option selected=move || zone.get() == name>{value}</option> }
    });
    let use_mine = move || {
        mine.clone().filter(|mine| zone.with(|zone| zone != mine)).map(|mine| {
            let label = text::use_zone(&mine);
            view! {
                <button type="button" class="button is-small" on:click=move |_| zone.set(mine.clone())>
                    {label}
                </button>
            }
        })
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <TextField id="box-name" label=text::BOX_NAME value=name help=text::BOX_NAME_HELP />
            <FieldFrame id="time-zone".to_owned() label=text::TIME_ZONE help=text::TIME_ZONE_HELP error=Signal::derive(|| None::<String>)>
                <span class="port-row">
                    <select class="input" id="time-zone" on:change=move |event| zone.set(event_target_value(&event))>
                        <option value="" selected=move || zone.with(String::is_empty)>
                            {text::HOST_ZONE}
                        </option>
                        {options.collect_view()}
                    </select>
                    {use_mine}
                </span>
            </FieldFrame>
            <TextField id="names" label=text::NAMES value=names help=text::NAMES_HELP placeholder=text::NAMES_EXAMPLE />
            <FormError error />
            <div class="form-foot">
                <button type="submit" class="button is-primary" disabled=move || busy.get() || !changed.get()>
                    {common::SAVE}
                </button>
            </div>
        </form>
    }
}

#[component]
fn ThemeChoice() -> impl IntoView {
    let theme = use_theme();
    let button = move |choice: Choice| {
        let (icon, name) = match choice {
            Choice::Auto => (Icon::Auto, text::THEME_AUTO),
            Choice::Light => (Icon::Sun, text::THEME_LIGHT),
            Choice::Dark => (Icon::Moon, text::THEME_DARK),
        };
        view! {
            <button
                type="button"
                aria-pressed=move || (theme.choice() == choice).to_string()
                on:click=move |_| theme.choose(choice)
            >
                {icon.draw()}
                <span>{name}</span>
            </button>
        }
    };
    view! {
        <div class="segments" role="group" aria-label=text::APPEARANCE>
            {Choice::ALL.map(button)}
        </div>
    }
}

fn about(system: &SystemInfo) -> impl IntoView + use<> {
    let engine = match &system.engine {
        EngineState::Ready { version, api_version } => text::engine(version, api_version),
        EngineState::Unreachable { .. } => text::ENGINE_AWAY.to_owned(),
        EngineState::Starting => text::ENGINE_STARTS.to_owned(),
        EngineState::Unknown => text::ENGINE_UNKNOWN.to_owned(),
    };
    let mut rows = vec![
        (text::HOST, system.hostname.clone()),
        (text::ENGINE, engine),
        (text::MEMORY, format::bytes(system.host.memory_total_bytes)),
        (text::DISK, format::bytes(system.host.data_total_bytes)),
        (text::GENERATION, system.generation.to_string()),
        (text::SYSTEM, if system.os_managed { text::OS_MANAGED } else { text::OS_OTHERS }.to_owned()),
    ];
    if let Some(processor) = system.host.architecture {
        rows.insert(2, (text::PROCESSOR, architecture(processor).to_owned()));
    }
    let rows = rows.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> });
    view! {
        <p class="about-mark">
            {mark()} <span>
                <strong>"Hearth"</strong>
                <span class="muted">{text::version(&system.version)}</span>
            </span>
        </p>
        <dl class="facts">{rows.collect_view()}</dl>
        <p class="links">
            <a href=Route::System.to_string()>{Icon::Update.draw()} {crate::text::system::TO_PAGE}</a>
            <a href="/api/v1/openapi.json" target="_blank">
                {text::API}
                {Icon::Open.draw()}
            </a>
        </p>
    }
}
