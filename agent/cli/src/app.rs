use std::time::Duration;

use clap::Subcommand;
use hearth_model::api::apps::{AppSettings, Changed, ChangedVersion, ConfigureApp, LogLine, UpdateApp};
use hearth_model::api::system::{SystemInfo, TrashEntry};
use hearth_model::event::Event;
use hearth_model::{AppId, AppStatus, Bytes, Generation};
use hyper::Method;

use super::client::{Client, part};
use super::error::CliError;
use super::install::{self, Answers};
use super::output::{Output, note, table};
use super::status;
use super::wait::{self, Goal};

/// How often, and how long after each other, it is asked whether removed data is deleted.
const TRASH_TURNS: u32 = 10;
const TRASH_TURN: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists installed apps.
    List,
    /// Shows an app with its services.
    Show {
        /// The app.
        app: AppId,
    },
    /// Installs an app and waits until it runs.
    Install(install::Args),
    /// Shows an app's settings, or changes those that are given.
    Configure(Configure),
    /// Starts an app.
    Start(Change),
    /// Stops an app; its containers and data stay.
    Stop(Change),
    /// Restarts every container of an app.
    Restart(Change),
    /// Updates an app to the version that its store offers. It goes back by itself when that does not get healthy.
    Update(Update),
    /// Goes back to the version before the last update, with the data of that time.
    GoBack(Change),
    /// Retries at once what failed.
    Retry {
        /// The app.
        app: AppId,
    },
    /// Starts an app whose data is missing with an empty folder; the missing data is given up.
    StartFresh(Change),
    /// Uninstalls an app. Its data stays and is found by the next install.
    Remove(Remove),
    /// Prints what an app wrote.
    Logs(Logs),
    /// Shows the state of one app, or of all.
    Status {
        /// The app.
        app: Option<AppId>,
        /// Keeps showing what changes.
        #[arg(long)]
        watch: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// The app.
    app: AppId,
    /// Returns at once instead of waiting until it is done.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    #[command(flatten)]
    change: Change,
    /// Agrees to everything that the new version may do.
    #[arg(long)]
    allow_all: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    #[command(flatten)]
    change: Change,
    /// Deletes the app's folder and its snapshots for good.
    #[arg(long)]
    delete_data: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Configure {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    answers: Answers,
    /// Removes an answer, so that the default applies.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// The app.
    app: AppId,
    /// Follows the log.
    #[arg(short, long)]
    follow: bool,
    /// Only this service.
    #[arg(long)]
    service: Option<String>,
    /// How many past lines to show for each service.
    #[arg(short = 'n', long, default_value_t = 200)]
    tail: u32,
}

pub(super) async fn run(client: &Client, output: &Output, command: Command) -> Result<(), CliError> {
    match command {
        Command::List => {
            output.value(&client.get::<Vec<AppStatus>>("/apps").await?, |apps| status::apps(apps))
        }
        Command::Show { app } | Command::Status { app: Some(app), watch: false } => {
            output.value(&client.get::<AppStatus>(&format!("/apps/{app}")).await?, status::app)
        }
        Command::Status { app: None, watch } => status::run(client, output, &status::Args { watch }).await,
        Command::Status { app: Some(app), watch: true } => {
            client.get::<AppStatus>(&format!("/apps/{app}")).await?;
            status::watch(client, output, |event| is_about(event, &app)).await
        }
        Command::Install(args) => install::run(client, output, args).await,
        Command::Configure(args) => configure(client, output, args).await,
        Command::Start(change) => act(client, output, &change, "start", Goal::Running).await,
        Command::Stop(change) => act(client, output, &change, "stop", Goal::Stopped).await,
        Command::Restart(change) => act(client, output, &change, "restart", Goal::Running).await,
        Command::GoBack(change) => {
            let changed: ChangedVersion = client.post(&format!("/apps/{}/go-back", change.app)).await?;
            finish_version(client, output, &change, changed, Goal::Running).await
        }
        Command::StartFresh(change) => act(client, output, &change, "start-fresh", Goal::Running).await,
        Command::Update(args) => update(client, output, &args).await,
        Command::Retry { app } => {
            // Nothing tells this try from the one before, so there is nothing to wait for.
            let changed: Changed = client.post(&format!("/apps/{app}/retry")).await?;
            output.value(&changed, |_| {
                format!("trying again; `hearth app status {app} --watch` tells how it goes")
            })
        }
        Command::Remove(args) => {
            let data = if args.delete_data { "delete" } else { "keep" };
            let changed = client.delete(&format!("/apps/{}?data={data}", args.change.app)).await?;
            removed(client, output, &args.change, changed).await
        }
        Command::Logs(args) => logs(client, output, &args).await,
    }
}

fn is_about(event: &Event, wanted: &AppId) -> bool {
    match event {
        Event::App { app } => app.id == *wanted,
        Event::AppRemoved { id } | Event::Progress { id, .. } => id == wanted,
        Event::Generation { .. }
        | Event::Engine { .. }
        | Event::Store
        | Event::StoreProgress { .. }
        | Event::Os
        | Event::Reload => false,
    }
}

async fn act(
    client: &Client,
    output: &Output,
    change: &Change,
    verb: &str,
    goal: Goal,
) -> Result<(), CliError> {
    let changed = client.post(&format!("/apps/{}/{verb}", change.app)).await?;
    finish(client, output, change, changed, goal).await
}

/// Waits, unless told not to, and says how it ended.
async fn finish(
    client: &Client,
    output: &Output,
    change: &Change,
    changed: Changed,
    goal: Goal,
) -> Result<(), CliError> {
    let Change { app, no_wait } = change;
    if *no_wait {
        return output.value(&changed, |changed| format!("generation {} wants it so", changed.generation));
    }
    wait::until(client, app, changed, goal).await?;
    output.value(&changed, |_| match goal {
        Goal::Running | Goal::Updated => format!("{app} runs"),
        Goal::Stopped => format!("{app} is stopped"),
        Goal::Gone => format!("{app} is gone"),
    })
}

/// Tells what to know of a change of version, then as [`finish`].
async fn finish_version(
    client: &Client,
    output: &Output,
    change: &Change,
    changed: ChangedVersion,
    goal: Goal,
) -> Result<(), CliError> {
    for about in &changed.notes {
        note(about);
    }
    finish(client, output, change, Changed { generation: changed.generation }, goal).await
}

/// What `hearth app remove` tells.
#[derive(Debug, serde::Serialize)]
struct Removed {
    generation: Generation,
    /// What of the app is still on the disk.
    trash: Vec<TrashEntry>,
}

/// Waits until an app is gone, and says what of its data is still on the disk.
async fn removed(
    client: &Client,
    output: &Output,
    change: &Change,
    changed: Changed,
) -> Result<(), CliError> {
    let Change { app, no_wait } = change;
    if *no_wait {
        return finish(client, output, change, changed, Goal::Gone).await;
    }
    wait::until(client, app, changed, Goal::Gone).await?;
    let mut trash = Vec::new();
    for turn in 0..TRASH_TURNS {
        if turn > 0 {
            tokio::time::sleep(TRASH_TURN).await;
        }
        let system: SystemInfo = client.get("/system").await?;
        trash = system.trash;
        trash.retain(|entry| entry.app.as_ref() == Some(app));
        // A small folder is deleted in a moment; a large one is not waited for.
        if trash.iter().all(|entry| entry.problem.is_some()) {
            break;
        }
    }
    let removed = Removed { generation: changed.generation, trash };
    output.value(&removed, |removed| removed_in_words(app, &removed.trash))
}

fn removed_in_words(app: &AppId, trash: &[TrashEntry]) -> String {
    let mut text = format!("{app} is gone");
    for entry in trash {
        let size = entry.size_bytes.map_or_else(String::new, |size| format!(" ({})", Bytes(size)));
        match &entry.problem {
            Some(problem) => text.push_str(&format!(
                "\nsome of its data{size} could not be deleted: {problem}\nHearth tries it again by itself; `hearth status` tells"
            )),
            None => text.push_str(&format!("\nits data{size} is still being deleted; `hearth status --json` tells")),
        }
    }
    text
}

async fn update(client: &Client, output: &Output, args: &Update) -> Result<(), CliError> {
    let app = &args.change.app;
    let mut request = UpdateApp::default();
    if args.allow_all {
        let status: AppStatus = client.get(&format!("/apps/{app}")).await?;
        let package = format!("/store/packages/{}/{}", status.store, part(&status.package));
        let package: hearth_model::api::store::PackageDetail = client.get(&package).await?;
        request.granted = package.access.into_iter().map(|asked| asked.access).collect();
    }
    let changed = client.send::<ChangedVersion>(Method::POST, &format!("/apps/{app}/update"), &request).await;
    let changed = changed.map_err(|error: CliError| {
        let hint = if error.is("consent-needed") { "\nagree with --allow-all" } else { "" };
        CliError { message: format!("{}{hint}", error.message), ..error }
    })?;
    finish_version(client, output, &args.change, changed, Goal::Updated).await
}

async fn configure(client: &Client, output: &Output, args: Configure) -> Result<(), CliError> {
    let Configure { change, answers, unset } = args;
    let path = format!("/apps/{}/settings", change.app);
    let AppSettings { answers: mut settings, mut ports, access, fields, id } = client.get(&path).await?;
    if answers.is_empty() && unset.is_empty() {
        let now = AppSettings { answers: settings, ports, access, fields, id };
        return output.value(&now, settings_in_words);
    }
    let granted = answers.granted(&access);
    settings.retain(|name, _| !unset.contains(name));
    settings.extend(answers.settings()?);
    ports.extend(answers.ports.iter().cloned());
    let request = ConfigureApp {
        settings: Some(settings),
        ports: Some(ports),
        granted: answers.grants_anything().then_some(granted),
    };
    let changed = client.send(Method::PATCH, &format!("/apps/{}", change.app), &request).await?;
    let before: AppStatus = client.get(&format!("/apps/{}", change.app)).await?;
    let stopped = before.state == hearth_model::AppState::Stopped;
    finish(client, output, &change, changed, if stopped { Goal::Stopped } else { Goal::Running }).await
}

fn settings_in_words(settings: &AppSettings) -> String {
    let rows: Vec<_> = settings
        .fields
        .iter()
        .filter(|field| !field.hidden)
        .map(|field| {
            let secret = field.kind == hearth_model::form::FieldKind::Secret;
            let answer = settings.answers.get(&field.name).cloned();
            let shown = answer.or_else(|| field.default.clone()).unwrap_or_default();
            [field.name.clone(), if secret { "(secret)".to_owned() } else { shown }, field.label.clone()]
        })
        .collect();
    let mut text = table(["SETTING", "VALUE", "MEANING"], &rows, "this app has no settings\n");
    for (port, chosen) in &settings.ports {
        text.push_str(&format!("port {port} of the package is port {chosen} of this box\n"));
    }
    text
}

async fn logs(client: &Client, output: &Output, args: &Logs) -> Result<(), CliError> {
    let Logs { app, follow, service, tail } = args;
    let mut path = format!("/apps/{app}/logs?tail={tail}&follow={follow}");
    if let Some(service) = service {
        path.push_str(&format!("&service={}", part(service)));
    }
    if !follow {
        let lines: Vec<LogLine> = client.get(&path).await?;
        return output.value(&lines, |lines| {
            lines.iter().map(|line| format!("{} | {}\n", line.service, line.line)).collect()
        });
    }
    let mut lines = client.events(&path).await?;
    while let Some(line) = lines.next().await? {
        let line = serde_json::from_str::<LogLine>(&line)
            .map_err(|error| CliError::failed(format!("a line of the log cannot be read: {error}")))?;
        output.line(&line, |line| format!("{} | {}", line.service, line.line))?;
    }
    note("the log ended: the app's containers are gone, or the service stops");
    Ok(())
}
