/// The document as a file.
mod document;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use hearth_model::api::apps::Changed;
use hearth_model::api::generations::{GenerationDetail, PlanPreview, Proposal};
use hearth_model::desired::{Actor, GenerationInfo};
use hearth_model::{Desired, Generation};
use hyper::Method;

use super::client::Client;
use super::error::{CliError, Exit};
use super::output::{Output, note, table};
use super::wait::state_word;

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Includes secrets that you typed, to set up another box; without it the document refers to those kept here.
    #[arg(long)]
    with_secrets: bool,
    /// Does not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The document; `-` reads it from standard input.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    /// The document; `-` reads it from standard input.
    file: PathBuf,
    /// Why, for the list of generations.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Refuses when the desired state has changed since the document was exported.
    #[arg(long, value_name = "N")]
    based_on: Option<Generation>,
    /// Removes installed apps that are not in the document, without asking.
    #[arg(long)]
    allow_removal: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Shows this one.
    generation: Option<Generation>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RollbackArgs {
    /// The generation; the one before the current one by default.
    generation: Option<Generation>,
}

pub(super) async fn export(client: &Client, output: &Output, args: &ExportArgs) -> Result<(), CliError> {
    let path = if args.with_secrets { "/desired?secrets=true" } else { "/desired" };
    if args.with_secrets {
        note("this prints passwords; keep it to yourself, and out of git");
        let is_person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if is_person && !args.yes && !agrees("Print them? [y/N] ")? {
            return Err(CliError::new(Exit::Refused, "nothing was printed"));
        }
    }
    if output.is_json() {
        return output.value(&client.get::<Desired>(path).await?, |_| String::new());
    }
    output.text(&document::framed(&client.text(path, "application/yaml").await?))
}

pub(super) async fn plan(client: &Client, output: &Output, args: &PlanArgs) -> Result<(), CliError> {
    let desired = document::read(&args.file)?;
    let proposal = Proposal { desired, based_on: None, why: None, allow_removal: false };
    let preview = client.send::<PlanPreview>(Method::POST, "/plan", &proposal).await?;
    output.value(&preview, plan_in_words)
}

pub(super) async fn apply(client: &Client, output: &Output, args: &ApplyArgs) -> Result<(), CliError> {
    let ApplyArgs { file, why, based_on, allow_removal } = args;
    let mut proposal = Proposal {
        desired: document::read(file)?,
        based_on: *based_on,
        why: why.clone(),
        allow_removal: *allow_removal,
    };
    let changed = match client.send::<Changed>(Method::PUT, "/desired", &proposal).await {
        Err(error) if error.is("removes-apps") => {
            let removed = removed_apps(client, &proposal.desired).await?;
            if !agrees_to_removal(file, &removed)? {
                let message = format!(
                    "{} is not in the document and would be removed; apply it with --allow-removal if that is meant",
                    removed.join(", ")
                );
                return Err(CliError { message, ..error });
            }
            proposal.allow_removal = true;
            client.send::<Changed>(Method::PUT, "/desired", &proposal).await?
        }
        other => other?,
    };
    output.value(&changed, |changed| {
        format!("generation {} is in force; `hearth status --watch` tells how it goes", changed.generation)
    })
}

/// Returns the installed apps that a document leaves out.
async fn removed_apps(client: &Client, document: &Desired) -> Result<Vec<String>, CliError> {
    let now = client.get::<Desired>("/desired").await?;
    let gone = now.apps.keys().filter(|app| !document.apps.contains_key(*app));
    Ok(gone.map(ToString::to_string).collect())
}

/// Asks whether these apps may go, where there is somebody to ask.
fn agrees_to_removal(file: &Path, removed: &[String]) -> Result<bool, CliError> {
    if file == Path::new("-") || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    agrees(&format!("The document removes {}; their data is kept. Go on? [y/N] ", removed.join(", ")))
}

/// Asks a person at the terminal; no answer is a no.
fn agrees(question: &str) -> Result<bool, CliError> {
    let (input, mut stderr) = (std::io::stdin(), std::io::stderr());
    let mut answer = String::new();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .and_then(|()| input.read_line(&mut answer))
        .map_err(|error| CliError::failed(format!("the question cannot be asked: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) async fn list(client: &Client, output: &Output, args: &ListArgs) -> Result<(), CliError> {
    if let Some(generation) = args.generation {
        let detail = client.get::<GenerationDetail>(&format!("/generations/{generation}")).await?;
        return output.value(&detail, detail_in_words);
    }
    let all = client.get::<Vec<GenerationInfo>>("/generations").await?;
    output.value(&all, |all| {
        let rows: Vec<_> = all
            .iter()
            .map(|info| {
                let current = if info.current { "in force" } else { "" };
                let (number, at) = (info.generation.to_string(), to_the_second(info.at));
                [number, current.to_owned(), at, actor(&info.by), info.why.clone()]
            })
            .collect();
        table(["N", "", "AT", "BY", "WHY"], &rows, "nothing was changed yet")
    })
}

pub(super) async fn roll_back(client: &Client, output: &Output, args: &RollbackArgs) -> Result<(), CliError> {
    let target = match args.generation {
        Some(generation) => generation,
        None => {
            let all = client.get::<Vec<GenerationInfo>>("/generations").await?;
            let earlier = all.iter().filter(|info| !info.current).map(|info| info.generation).max();
            earlier.ok_or_else(|| {
                CliError::new(Exit::NotFound, "there is no generation before the one in force")
            })?
        }
    };
    let changed = client.post::<Changed>(&format!("/generations/{target}/restore")).await?;
    output.value(&changed, |changed| {
        format!("generation {} is in force and wants what generation {target} wanted", changed.generation)
    })
}

fn plan_in_words(preview: &PlanPreview) -> String {
    if preview.changes.is_empty() && preview.apps.iter().all(|app| app.steps.is_empty()) {
        return "nothing would change".to_owned();
    }
    let mut text = String::new();
    for change in &preview.changes {
        text.push_str(&format!("{change}\n"));
    }
    for app in preview.apps.iter().filter(|app| !app.steps.is_empty() || app.reason.is_some()) {
        text.push_str(&format!("\n{}: {}\n", app.app, state_word(app.state)));
        if let Some(reason) = &app.reason {
            text.push_str(&format!("  {}\n", reason.message));
        }
        for step in &app.steps {
            text.push_str(&format!("  {step}\n"));
        }
    }
    text
}

fn detail_in_words(detail: &GenerationDetail) -> String {
    let GenerationDetail { info, desired: _, changes_from_current } = detail;
    let mut text = format!(
        "Generation {}, {} by {}: {}\n",
        info.generation,
        to_the_second(info.at),
        actor(&info.by),
        info.why
    );
    if changes_from_current.is_empty() {
        text.push_str("It wants the same as the one in force.\n");
        return text;
    }
    text.push_str("Going back to it would:\n");
    for change in changes_from_current {
        text.push_str(&format!("  {change}\n"));
    }
    text
}

/// People who want more ask for JSON.
fn to_the_second(at: jiff::Timestamp) -> String {
    at.round(jiff::Unit::Second).unwrap_or(at).to_string()
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::User(name) => name.clone(),
        Actor::Cli(name) => format!("{name} (command line)"),
        Actor::Hearth => "Hearth".to_owned(),
    }
}
