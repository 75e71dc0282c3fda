//! Starts containers, those among them whose mounts the app itself could exchange meanwhile.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use hearth_model::condition::ReasonCode;
use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppSpec, EngineStep, Reason};

use super::run::check_mounts;
use crate::hearth::Hearth;

/// Held while containers of an app are paused.
#[derive(Debug, Default)]
pub(crate) struct Starts(tokio::sync::Mutex<()>);

/// Starts a container. Before that its mounts are checked, for between two starts the app itself may have put a link where
/// its mount was.
///
/// An engine before version 26 looks paths up after that check, while other containers of the app may exchange what they
/// name. So these are paused from before the check until the container runs.
///
/// # Errors
/// Why it does not run.
pub(super) async fn start(hearth: &Hearth, app: &AppId, name: &str) -> Result<(), Reason> {
    let spec = hearth.specs.spec(app);
    let step = EngineStep::StartContainer { name: name.to_owned() };
    let Some(spec) = spec.filter(|spec| may_be_exchanged(hearth, spec)) else {
        check(hearth, app, name).await?;
        return on_engine(hearth, &step).await;
    };
    let _turn = hearth.starts.0.lock().await;
    resume(hearth).await?;
    tracing::debug!(app.id = %app, "the other containers of {app} are paused until {name} runs");
    let paused = hearth.engine.pause_others(app, name, |id| note(&journal(hearth), id)).await;
    let started = match paused {
        Ok(_) => start_alone(hearth, app, name, &spec, &step).await,
        Err(error) => Err(error.reason()),
    };
    let resumed = resume(hearth).await;
    started.and(resumed)
}

/// Resumes containers that an agent which was killed left paused.
pub(super) async fn resume_left_paused(hearth: &Hearth) {
    // While the turn is taken, they are paused on purpose.
    let Ok(_turn) = hearth.starts.0.try_lock() else { return };
    if let Err(reason) = resume(hearth).await {
        tracing::warn!("containers may still be paused: {}", reason.message);
    }
}

async fn start_alone(
    hearth: &Hearth,
    app: &AppId,
    name: &str,
    spec: &AppSpec,
    step: &EngineStep,
) -> Result<(), Reason> {
    // A container that a script runs once mounts what the one of its service does.
    for service in spec.services.values() {
        let is_it = service.container.name == name;
        let is_service = spec.services.values().any(|service| service.container.name == name);
        if is_it || !is_service {
            check_mounts(hearth, app, &service.container).await?;
        }
    }
    on_engine(hearth, step).await
}

async fn check(hearth: &Hearth, app: &AppId, name: &str) -> Result<(), Reason> {
    match hearth.specs.container(app, name) {
        Some(container) => check_mounts(hearth, app, &container).await,
        None => Ok(()),
    }
}

async fn on_engine(hearth: &Hearth, step: &EngineStep) -> Result<(), Reason> {
    hearth.engine.execute(step, &|_| {}).await.map_err(|error| error.reason())
}

/// Tells whether this engine would follow links of the app in any of its containers.
fn may_be_exchanged(hearth: &Hearth, spec: &AppSpec) -> bool {
    let version = match hearth.engine_state() {
        EngineState::Ready { api_version, .. } => api_version,
        EngineState::Unknown | EngineState::Starting | EngineState::Unreachable { .. } => String::new(),
    };
    spec.services.values().any(|service| hearth_docker::follows_links(&service.container, &version))
}

/// The ids of the containers that are paused, one a line.
fn journal(hearth: &Hearth) -> PathBuf {
    hearth.options.state_dir.join("paused-containers")
}

fn note(journal: &std::path::Path, id: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(journal)?;
    writeln!(file, "{id}")
}

async fn resume(hearth: &Hearth) -> Result<(), Reason> {
    let journal = journal(hearth);
    let broken = |error: std::io::Error| {
        Reason::new(
            ReasonCode::FileError,
            format!("Hearth could not use {}: {error}. Look at the disk of this box.", journal.display()),
        )
    };
    let text = match fs::read_to_string(&journal) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(broken(error)),
    };
    let ids: Vec<String> = text.lines().map(str::to_owned).collect();
    hearth.engine.resume_containers(&ids).await.map_err(|error| error.reason())?;
    fs::remove_file(&journal).map_err(broken)
}
