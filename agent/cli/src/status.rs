use hearth_model::api::system::SystemInfo;
use hearth_model::event::Event;
use hearth_model::observed::EngineState;
use hearth_model::{AppStatus, Bytes};
use serde::Serialize;

use super::client::Client;
use super::error::CliError;
use super::output::{Output, table};
use super::wait::{explain, state_word};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keeps showing what changes.
    #[arg(long)]
    pub(super) watch: bool,
}

#[derive(Debug, Serialize)]
struct Status {
    system: SystemInfo,
    apps: Vec<AppStatus>,
}

pub(super) async fn run(client: &Client, output: &Output, args: &Args) -> Result<(), CliError> {
    if args.watch {
        return watch(client, output, |_| true).await;
    }
    let status = Status { system: client.get("/system").await?, apps: client.get("/apps").await? };
    output.value(&status, |status| format!("{}\n{}", about(&status.system), apps(&status.apps)))
}

fn about(system: &SystemInfo) -> String {
    let name = system.settings.box_name.as_deref().unwrap_or(&system.hostname);
    let engine = match &system.engine {
        EngineState::Unknown => "not asked yet".to_owned(),
        EngineState::Starting => "is starting".to_owned(),
        EngineState::Ready { version, api_version } => format!("{version} (API {api_version})"),
        EngineState::Unreachable { reason } => format!("does not answer: {reason}"),
    };
    let host = &system.host;
    let mut text = format!(
        "Hearth {} on {name}, generation {}\nDocker  {engine}\nMemory  {} free of {}\nDisk    {} free of {}\n",
        system.version,
        system.generation,
        Bytes(host.memory_available_bytes),
        Bytes(host.memory_total_bytes),
        Bytes(host.data_free_bytes),
        Bytes(host.data_total_bytes),
    );
    for warning in &system.warnings {
        text.push_str(&format!("Note    {warning}\n"));
    }
    text
}

/// Lists apps for people, a line each.
pub(super) fn apps(apps: &[AppStatus]) -> String {
    let rows: Vec<_> = apps
        .iter()
        .map(|app| {
            let update = app.update.as_ref().map(|update| format!("{} is there", update.version));
            let open =
                app.open.as_ref().map(|open| format!("{}://…:{}{}", open.scheme, open.port, open.path));
            [
                app.id.to_string(),
                app.version.clone(),
                state_word(app.state).to_owned(),
                update.unwrap_or_default(),
                open.unwrap_or_default(),
            ]
        })
        .collect();
    let none = "no apps are installed; `hearth store search` shows what there is";
    table(["APP", "VERSION", "STATE", "UPDATE", "OPEN"], &rows, none)
}

/// Shows one app for people, with its services.
pub(super) fn app(app: &AppStatus) -> String {
    let mut text =
        format!("{}\nVersion  {} from {}\n", explain(app, app.reason.as_ref()), app.version, app.store);
    if let Some(update) = &app.update {
        text.push_str(&format!("Update   {} is there: `hearth app update {}`\n", update.version, app.id));
    }
    if let Some(open) = &app.open {
        text.push_str(&format!("Open     {}://<this box>:{}{}\n", open.scheme, open.port, open.path));
    }
    if let Some(onion) = &app.onion {
        text.push_str(&format!("Tor      {onion}\n"));
    }
    if let Some(login) = &app.default_login {
        text.push_str(&format!("Sign-in  {} / {}\n", login.username, login.password));
    }
    if let Some(update) = &app.last_update {
        let what = match &update.reverted {
            Some(reason) => format!("was taken back: {}", reason.message),
            None => format!("from {} went well", update.from_version),
        };
        text.push_str(&format!("Update   the last one, at {}, {what}\n", update.at));
    }
    let rows: Vec<_> = app
        .services
        .iter()
        .map(|service| [service.service.clone(), service.state.clone(), service.image.clone()])
        .collect();
    text.push('\n');
    text.push_str(&table(["SERVICE", "STATE", "IMAGE"], &rows, "it has no containers yet"));
    text
}

/// Tells what changes, a line each, until the service stops.
pub(super) async fn watch(
    client: &Client,
    output: &Output,
    wanted: impl Fn(&Event) -> bool,
) -> Result<(), CliError> {
    let mut events = client.events("/events").await?;
    let mut last = String::new();
    while let Some(event) = events.next().await? {
        let event = serde_json::from_str::<Event>(&event)
            .map_err(|error| CliError::failed(format!("an event of the service cannot be read: {error}")))?;
        if !wanted(&event) {
            continue;
        }
        // An app tells of changes that a line does not show; the same line twice says nothing.
        let line = in_words(&event);
        if output.is_json() || line != last {
            output.line(&event, |_| line.clone())?;
        }
        last = line;
    }
    Ok(())
}

fn in_words(event: &Event) -> String {
    match event {
        Event::App { app } => explain(app, app.reason.as_ref()),
        Event::AppRemoved { id } => format!("{id} is gone"),
        Event::Progress { id, progress } => {
            let done = progress.images.values().map(|image| image.done_bytes).sum();
            format!("{id}: {}, {} fetched", progress.text, Bytes(done))
        }
        Event::Generation { generation } => format!("generation {generation} is in force"),
        Event::Engine { engine: EngineState::Ready { version, .. } } => format!("Docker {version} answers"),
        Event::Engine { engine: EngineState::Unreachable { reason } } => {
            format!("Docker does not answer: {reason}")
        }
        Event::Engine { engine: EngineState::Unknown } => "Docker was not asked yet".to_owned(),
        Event::Engine { engine: EngineState::Starting } => "Docker is starting".to_owned(),
        Event::Store => "the stores were read anew".to_owned(),
        Event::StoreProgress { id, .. } => format!("{id}: being refreshed"),
        Event::Os => "an update of the operating system came further".to_owned(),
        Event::Reload => "something was missed".to_owned(),
    }
}
