use hearth_model::os::{ReleaseVersion, SlotVerb};
use hearth_planner::os_update::{Event, Work};
use tokio_util::sync::CancellationToken;

use crate::probe::HealthProbe;
use crate::{OsUpdates, check, fetch, health, restart, slots};

/// How a piece of work ended.
pub(crate) enum WorkOutcome {
    /// This comes of it.
    With(Event),
    /// It was stopped, or what it does shows in the boot loader.
    Quietly,
    /// It failed and must be done again.
    Again(String),
}

impl From<Option<Event>> for WorkOutcome {
    fn from(event: Option<Event>) -> Self {
        event.map_or(Self::Quietly, Self::With)
    }
}

/// Does one piece of work; each may be done again. What can be undone ends early when it is stopped.
pub(crate) async fn run(
    os: &OsUpdates,
    probe: &dyn HealthProbe,
    todo: &Work,
    stop: &CancellationToken,
) -> WorkOutcome {
    match todo {
        Work::Nothing | Work::WaitUntil(_) => WorkOutcome::Quietly,
        Work::Check => check::check(os, stop).await.into(),
        Work::Fetch(release) => fetch::fetch(os, release, stop).await.into(),
        Work::Stage(release) => stage(os, release.version).await,
        Work::Install(release) => install(os, release.version, stop).await,
        Work::Withdraw(release) => match slots::run(os, SlotVerb::Withdraw, release.version).await {
            Ok(()) => WorkOutcome::With(Event::Withdrawn),
            Err(reason) => WorkOutcome::Again(reason),
        },
        Work::Reboot => WorkOutcome::With(Event::RebootFailed(restart::restart_to_try(os, probe).await)),
        Work::CheckHealth(version) => health::judge(os, probe, *version, stop).await.into(),
        Work::GiveUp(version) => give_up(os, *version).await,
        Work::MarkBad(version) => mark_bad(os, *version).await,
        Work::BootOther(version) => boot_other(os, probe, *version).await,
    }
}

async fn stage(os: &OsUpdates, version: ReleaseVersion) -> WorkOutcome {
    let paths = os.paths.clone();
    let staged = move || fetch::stage(&paths.partial, &paths.staged, version);
    match tokio::task::spawn_blocking(staged).await {
        Ok(event) => WorkOutcome::With(event),
        Err(error) => WorkOutcome::Again(format!("laying the release out broke off: {error}")),
    }
}

async fn install(os: &OsUpdates, version: ReleaseVersion, stop: &CancellationToken) -> WorkOutcome {
    for verb in [SlotVerb::Write, SlotVerb::Enable] {
        match slots::run_until(os, verb, version, stop).await {
            Some(Ok(())) => {}
            Some(Err(reason)) => return WorkOutcome::With(Event::InstallFailed(reason)),
            None => return WorkOutcome::Quietly,
        }
    }
    WorkOutcome::With(Event::Installed)
}

/// The tries end by themselves too, so the box restarts even where the boot loader cannot be told.
async fn give_up(os: &OsUpdates, version: ReleaseVersion) -> WorkOutcome {
    if let Err(reason) = slots::run(os, SlotVerb::Bad, version).await {
        tracing::error!("the boot loader could not be told to give release {version} up: {reason}");
    }
    WorkOutcome::Again(restart::restart().await)
}

async fn mark_bad(os: &OsUpdates, version: ReleaseVersion) -> WorkOutcome {
    if let Err(reason) = slots::run(os, SlotVerb::Bad, version).await {
        return WorkOutcome::Again(reason);
    }
    let boot = os.boot().await;
    let tries = boot.ok().and_then(|boot| boot.entry(&version).and_then(|entry| entry.tries_left));
    // What does not show would be done again at once.
    match tries {
        None | Some(0) => WorkOutcome::Quietly,
        Some(_) => WorkOutcome::Again(format!("the boot loader would still try release {version}")),
    }
}

async fn boot_other(os: &OsUpdates, probe: &dyn HealthProbe, version: ReleaseVersion) -> WorkOutcome {
    let reason = match slots::run(os, SlotVerb::Boot, version).await {
        Ok(()) => restart::restart_to_try(os, probe).await,
        Err(reason) => reason,
    };
    WorkOutcome::With(Event::RebootFailed(reason))
}
