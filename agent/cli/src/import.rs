use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use hearth_model::api::import::{ImportApp, ImportItem, ImportPlan, ImportState, ImportStatus, ImportUmbrel};
use hearth_model::desired::Run;
use hearth_model::package::Access;
use hearth_model::{AppId, Bytes};
use hyper::Method;

use super::client::Client;
use super::error::{CliError, Exit};
use super::install::{Allowed, allowed};
use super::output::{Output, Ticker, note};

/// How often the service is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Imports apps from an umbrelOS box, with their data and passwords. That box's folder is only read; shut it down
    /// first, so that nothing changes meanwhile.
    Umbrel(Umbrel),
    /// Shows how far an import is.
    Status,
    /// Cancels an import; apps that were imported stay.
    Cancel,
}

#[derive(Debug, clap::Args)]
pub(super) struct Umbrel {
    /// Its data folder: `/home/umbrel/umbrel` on its disk, or where umbrelOS 0.5 was installed.
    folder: PathBuf,
    /// Shows what would be imported, and what would not and why; changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Only this app; may be given more than once.
    #[arg(long = "app", value_name = "APP")]
    apps: Vec<AppId>,
    /// Leaves out the files that apps share, such as downloads.
    #[arg(long)]
    without_files: bool,
    /// Copies what is mounted in an app's folder there as well, such as a disk with photos.
    #[arg(long)]
    copy_mounts: bool,
    /// Agrees to what the apps may do beyond their own folder and network, by its kind: `host-network`, `devices` …;
    /// `whole-box` for a path, a device or a right that equals control of the whole box.
    #[arg(long, value_name = "KIND", value_parser = allowed)]
    allow: Vec<Allowed>,
    /// Agrees to everything that the apps may do.
    #[arg(long)]
    allow_all: bool,
}

pub(super) async fn run(client: &Client, output: &Output, command: Command) -> Result<(), CliError> {
    match command {
        Command::Umbrel(args) => umbrel(client, output, args).await,
        Command::Status => output.value(&client.get::<ImportStatus>("/import").await?, status_in_words),
        Command::Cancel => {
            client.delete_for_nothing("/import").await?;
            output.value(&serde_json::json!({}), |_| "what goes on is given up".to_owned())
        }
    }
}

async fn umbrel(client: &Client, output: &Output, args: Umbrel) -> Result<(), CliError> {
    let Umbrel { folder, dry_run, apps, without_files, copy_mounts, allow, allow_all } = args;
    // The service has another working directory.
    let folder = std::fs::canonicalize(&folder).map_err(|error| {
        let message = format!("the folder {} cannot be opened: {error}", folder.display());
        CliError::new(Exit::NotFound, message)
    })?;
    let mut request = ImportUmbrel {
        folder: folder.display().to_string(),
        apps: apps.into_iter().collect(),
        granted: BTreeMap::new(),
        without_files,
        copy_mounts,
    };
    let mut plan: ImportPlan = client.send(Method::POST, "/import/umbrel/check", &request).await?;
    request.granted = granted(&plan, |access| allow_all || allow.contains(&Allowed::needed_for(access)));
    if !request.granted.is_empty() {
        plan = client.send(Method::POST, "/import/umbrel/check", &request).await?;
    }
    if dry_run {
        return output.value(&plan, plan_in_words);
    }
    note(plan_in_words(&plan).trim_end());
    let begun: ImportStatus = client.send(Method::POST, "/import/umbrel", &request).await?;
    let ended = until_ended(client, output, begun).await?;
    output.value(&ended, status_in_words)?;
    let failed: Vec<&str> = ended
        .items
        .iter()
        .filter(|item| matches!(item.state, ImportState::Failed | ImportState::GivenUp))
        .map(|item| item.name.as_str())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format!("not taken over: {}; the same command tries them again", failed.join(", "))))
}

/// Returns what is agreed to, for each app that asks.
fn granted(plan: &ImportPlan, agreed: impl Fn(&Access) -> bool) -> BTreeMap<AppId, BTreeSet<Access>> {
    let asked = plan.apps.iter().filter_map(|app| {
        let accesses: BTreeSet<Access> =
            app.access.iter().map(|asked| &asked.access).filter(|access| agreed(access)).cloned().collect();
        Some((app.id.parse().ok()?, accesses)).filter(|(_, accesses)| !accesses.is_empty())
    });
    asked.collect()
}

async fn until_ended(
    client: &Client,
    output: &Output,
    begun: ImportStatus,
) -> Result<ImportStatus, CliError> {
    let mut ticker = Ticker::default();
    let mut status = begun;
    while status.is_running {
        if !output.is_json()
            && let Some(item) = status.items.iter().find(|item| item.state == ImportState::Copying)
        {
            ticker.show(&item_in_words(item));
        }
        tokio::time::sleep(ASK_EVERY).await;
        status = client.get("/import").await?;
    }
    ticker.finish();
    Ok(status)
}

fn plan_in_words(plan: &ImportPlan) -> String {
    let mut text = format!("apps of {}:\n", plan.folder);
    for app in &plan.apps {
        text.push_str(&app_in_words(app));
    }
    if plan.apps.is_empty() {
        text.push_str("  none\n");
    }
    for files in &plan.files {
        text.push_str(&format!("files that apps share: {}, {}\n", files.folder, Bytes(files.size_bytes)));
    }
    for store in &plan.missing_stores {
        text.push_str(&format!("a store that this box does not have: hearth store add {store}\n"));
    }
    text.push_str(&format!(
        "needs {} of room; {} are free\n",
        Bytes(plan.needed_bytes),
        Bytes(plan.free_bytes)
    ));
    text
}

fn app_in_words(app: &ImportApp) -> String {
    let what = match (app.is_installed, app.blockers.is_empty(), app.run) {
        (true, _, _) => "is here already".to_owned(),
        (false, false, _) => "is left out".to_owned(),
        (false, true, Run::Running) => format!("is taken over, {}", Bytes(app.size_bytes)),
        (false, true, Run::Stopped) => format!("is taken over and stays stopped, {}", Bytes(app.size_bytes)),
    };
    let version = if app.version.is_empty() { String::new() } else { format!(" {}", app.version) };
    let mut text = format!("  {}{version} {what}\n", app.name);
    let (blockers, notes) = (app.blockers.iter(), app.notes.iter());
    if !app.is_installed {
        blockers.for_each(|why| text.push_str(&format!("    because {why}\n")));
    }
    notes.for_each(|what| text.push_str(&format!("    note: {what}\n")));
    if app.blockers.is_empty() {
        app.access.iter().for_each(|asked| text.push_str(&format!("    it may: {}\n", asked.means)));
    }
    if !app.missing_consent.is_empty() {
        let kinds = app.missing_consent.iter();
        let names = kinds.filter_map(|kind| serde_json::to_value(kind).ok()?.as_str().map(str::to_owned));
        let flags: Vec<_> = names.map(|kind| format!("--allow {kind}")).collect();
        text.push_str(&format!("    agree with {}, or with --allow-all\n", flags.join(" ")));
    }
    text
}

fn status_in_words(status: &ImportStatus) -> String {
    status.items.iter().map(|item| item_in_words(item) + "\n").collect()
}

fn item_in_words(item: &ImportItem) -> String {
    let what = match item.state {
        ImportState::Waiting => "waits",
        ImportState::Copying => "is being copied",
        ImportState::Done => "is taken over",
        ImportState::LeftOut => "is left out",
        ImportState::Failed => "failed",
        ImportState::GivenUp => "was given up",
    };
    let mut text = format!("{} {what}", item.name);
    if item.state == ImportState::Copying {
        text.push_str(&format!(", {} of {}", Bytes(item.done_bytes), Bytes(item.total_bytes)));
    }
    if let Some(message) = &item.message {
        text.push_str(&format!(": {message}"));
    }
    text
}
