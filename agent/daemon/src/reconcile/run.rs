use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hearth_docker::PullProgress;
use hearth_model::condition::{Progress, ReasonCode};
use hearth_model::event::Event;
use hearth_model::{AppId, Chain, ContainerSpec, DataStep, EngineStep, Reason, Step};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::db;
use crate::hearth::Hearth;
use crate::reconcile::start::start;

/// How often listeners hear of a pull's progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Files that a copy left out and that are named one by one.
const NAMED_IN_THE_LOG: usize = 50;

/// Does a step; the token ends one that fetches or runs a script. A copy of data goes on to its end.
///
/// # Errors
/// Why it failed.
pub(crate) async fn one(
    hearth: &Hearth,
    app: &AppId,
    step: &Step,
    cancel: &CancellationToken,
) -> Result<(), Reason> {
    tracing::debug!(app.id = %app, "{}", step.describe());
    match step {
        Step::Engine(step) => engine(hearth, app, step, cancel).await,
        Step::Data(step) => data(hearth, step).await,
        Step::RunHook { app, hook } => hearth.run_hook(app, *hook, cancel).await,
    }
}

/// Does a step on the engine. The app itself can write to its folder, so paths below it are checked just before.
async fn engine(
    hearth: &Hearth,
    app: &AppId,
    step: &EngineStep,
    cancel: &CancellationToken,
) -> Result<(), Reason> {
    match step {
        EngineStep::PullImage { .. } => {
            let report = |progress: PullProgress| hearth.set_image_progress(app, &progress);
            let _permit = hearth.pulls.acquire().await;
            tokio::select! {
                // Dropping the pull ends it; layers that are complete stay on the engine.
                () = cancel.cancelled() => Ok(()),
                result = hearth.engine.execute(step, &report) => result.map_err(|error| error.reason()),
            }
        }
        EngineStep::CreateContainer { container, .. } => {
            check_mounts(hearth, app, container).await?;
            on_engine(hearth, step).await
        }
        EngineStep::StartContainer { name } => start(hearth, app, name).await,
        EngineStep::CreateVolume { volume, .. } => {
            if let Some(folder) = volume.host_folder().map(PathBuf::from) {
                let (data, app) = (hearth.data.clone(), app.clone());
                blocking(move || match folder.starts_with(data.path(&app)) {
                    true => data.check_path(&app, &folder),
                    false => Ok(()),
                })
                .await?;
            }
            on_engine(hearth, step).await
        }
        EngineStep::CreateNetwork { .. }
        | EngineStep::RemoveNetwork { .. }
        | EngineStep::RemoveVolume { .. }
        | EngineStep::StopContainer { .. }
        | EngineStep::RemoveContainer { .. } => on_engine(hearth, step).await,
    }
}

/// Does a step on an app's folder, and records it where the disk alone does not tell that it was done.
async fn data(hearth: &Hearth, step: &DataStep) -> Result<(), Reason> {
    match step {
        DataStep::CreateData { app } => {
            on_disk(hearth, step).await?;
            recorded(db::data::set_created(&hearth.db, app, Timestamp::now()).await)?;
            recorded(hearth.note_installed(app).await)
        }
        DataStep::RemoveData { app } => {
            on_disk(hearth, step).await?;
            hearth.janitor.wake();
            recorded(hearth.forget_data(app).await)
        }
        DataStep::WriteFiles { .. } | DataStep::KeepVolumes { .. } => on_disk(hearth, step).await,
        DataStep::SnapshotData { .. } | DataStep::RestoreData { .. } | DataStep::RemoveSnapshot { .. } => {
            let done = on_disk(hearth, step).await;
            // What a copy replaced is in the trash by now, even when the step failed later.
            hearth.janitor.wake();
            done
        }
    }
}

async fn on_engine(hearth: &Hearth, step: &EngineStep) -> Result<(), Reason> {
    hearth.engine.execute(step, &|_| {}).await.map_err(|error| error.reason())
}

/// Refuses a link in the app's folder that leads a mount out of it: the engine itself follows links.
///
/// # Errors
/// Which one.
pub(crate) async fn check_mounts(
    hearth: &Hearth,
    app: &AppId,
    container: &ContainerSpec,
) -> Result<(), Reason> {
    let volumes = hearth.specs.spec(app).map(|spec| spec.volumes).unwrap_or_default();
    let (data, app, container) = (hearth.data.clone(), app.clone(), container.clone());
    blocking(move || data.check_mounts(&app, &container, &volumes)).await
}

async fn on_disk(hearth: &Hearth, step: &DataStep) -> Result<(), Reason> {
    let (data, step) = (hearth.data.clone(), step.clone());
    let what = step.describe();
    let left_out = blocking(move || data.execute(&step)).await?;
    for left in left_out.iter().take(NAMED_IN_THE_LOG) {
        tracing::warn!("{what}: left out {left}");
    }
    if let Some(more @ 1..) = left_out.len().checked_sub(NAMED_IN_THE_LOG) {
        tracing::warn!("{what}: left out {more} more");
    }
    Ok(())
}

/// Does work on the app's folder where it does not hold up anything else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, hearth_host::data::Error> + Send + 'static,
) -> Result<T, Reason> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| {
            Reason::new(ReasonCode::FileError, format!("Work on the app's folder broke off: {error}."))
        })?
        .map_err(|error| error.reason())
}

fn recorded(result: crate::error::Result<()>) -> Result<(), Reason> {
    result.map_err(|error| {
        tracing::error!("{}", Chain(&error));
        Reason::new(ReasonCode::FileError, format!("{error}. Look at the disk of this box."))
    })
}

/// Returns a stage in words for the owner.
pub(super) fn describe(stage: &[Step]) -> String {
    let text = match stage.first() {
        Some(Step::Engine(EngineStep::PullImage { .. })) if stage.len() == 1 => "Fetching an image",
        Some(Step::Engine(EngineStep::PullImage { .. })) => {
            return format!("Fetching {} images", stage.len());
        }
        Some(Step::Engine(EngineStep::CreateContainer { .. })) => "Making containers",
        Some(Step::Engine(EngineStep::StartContainer { .. })) => "Starting",
        Some(Step::Engine(EngineStep::StopContainer { .. })) => "Stopping",
        Some(Step::Engine(EngineStep::RemoveContainer { .. })) => "Removing containers",
        Some(Step::Data(DataStep::KeepVolumes { .. })) => "Copying data into the app's folder",
        Some(Step::Data(DataStep::SnapshotData { .. })) => "Copying the data aside",
        Some(Step::Data(DataStep::RestoreData { .. })) => "Putting the data back",
        Some(Step::RunHook { .. }) => "Running a script of the package",
        Some(Step::Data(DataStep::RemoveData { .. })) => "Deleting the data",
        Some(
            Step::Engine(EngineStep::RemoveNetwork { .. } | EngineStep::RemoveVolume { .. })
            | Step::Data(DataStep::RemoveSnapshot { .. }),
        ) => "Tidying up",
        Some(
            Step::Data(DataStep::CreateData { .. } | DataStep::WriteFiles { .. })
            | Step::Engine(EngineStep::CreateNetwork { .. } | EngineStep::CreateVolume { .. }),
        )
        | None => "Preparing",
    };
    text.to_owned()
}

/// Progress of one app, with the moment listeners heard of it last.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    pub(crate) progress: Progress,
    told: Option<Instant>,
}

impl Hearth {
    pub(super) fn set_progress_text(&self, app: &AppId, text: &str) {
        self.report_progress(app, true, |progress| {
            // Images of an earlier stage are there by now.
            *progress = Progress { text: text.to_owned(), images: BTreeMap::new() };
        });
    }

    fn set_image_progress(&self, app: &AppId, update: &PullProgress) {
        self.report_progress(app, update.progress.complete, |progress| {
            progress.images.insert(update.image.familiar(), update.progress);
        });
    }

    fn report_progress(&self, app: &AppId, at_once: bool, change: impl FnOnce(&mut Progress)) {
        let mut all = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let reported = all.entry(app.clone()).or_default();
        change(&mut reported.progress);
        if at_once || reported.told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
            reported.told = Some(Instant::now());
            self.tell(Event::Progress { id: app.clone(), progress: reported.progress.clone() });
        }
    }

    /// Returns how far the steps of an app are, while they run.
    pub(crate) fn progress_of(&self, app: &AppId) -> Option<Progress> {
        let all = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.get(app).map(|reported| reported.progress.clone())
    }

    pub(crate) fn clear_progress(&self, app: &AppId) {
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(app);
    }
}
