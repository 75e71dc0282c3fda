use hearth_model::os::{ReleaseVersion, SlotVerb};
use hearth_planner::os_update::{Event, Work};
use tokio_util::sync::CancellationToken;

use super::{check, fetch, health, restart, slots};
use crate::hearth::Hearth;

/// How a piece of work ended.
pub(super) enum Ended {
    /// This comes of it.
    With(Event),
    /// It was stopped, or what it does shows in the boot loader.
    Quietly,
    /// It failed and must be done again.
    Again(String),
}

impl From<Option<Event>> for Ended {
    fn from(event: Option<Event>) -> Self {
        event.map_or(Self::Quietly, Self::With)
    }
}

/// Does one piece of work; each may be done again. What can be undone ends early when it is stopped.
pub(super) async fn run(hearth: &Hearth, todo: &Work, stop: &CancellationToken) -> Ended {
    match todo {
        Work::Nothing | Work::WaitUntil(_) => Ended::Quietly,
        Work::Check => check::check(hearth, stop).await.into(),
        Work::Fetch(release) => fetch::fetch(hearth, release, stop).await.into(),
        Work::Stage(release) => stage(hearth, release.version).await,
        Work::Install(release) => install(hearth, release.version, stop).await,
        Work::Withdraw(release) => match slots::run(hearth, SlotVerb::Withdraw, release.version).await {
            Ok(()) => Ended::With(Event::Withdrawn),
            Err(reason) => Ended::Again(reason),
        },
        Work::Reboot => Ended::With(Event::RebootFailed(restart::restart_to_try(hearth).await)),
        Work::CheckHealth(version) => health::judge(hearth, *version, stop).await.into(),
        Work::GiveUp(version) => give_up(hearth, *version).await,
        Work::MarkBad(version) => mark_bad(hearth, *version).await,
        Work::BootOther(version) => boot_other(hearth, *version).await,
    }
}

async fn stage(hearth: &Hearth, version: ReleaseVersion) -> Ended {
    let places = hearth.os.places.clone();
    let staged = move || fetch::stage(&places.partial, &places.staged, version);
    match tokio::task::spawn_blocking(staged).await {
        Ok(event) => Ended::With(event),
        Err(error) => Ended::Again(format!("laying the release out broke off: {error}")),
    }
}

async fn install(hearth: &Hearth, version: ReleaseVersion, stop: &CancellationToken) -> Ended {
    for verb in [SlotVerb::Write, SlotVerb::Enable] {
        match slots::run_until(hearth, verb, version, stop).await {
            Some(Ok(())) => {}
            Some(Err(reason)) => return Ended::With(Event::InstallFailed(reason)),
            None => return Ended::Quietly,
        }
    }
    Ended::With(Event::Installed)
}

/// The tries end by themselves too, so the box restarts even where the boot loader cannot be told.
async fn give_up(hearth: &Hearth, version: ReleaseVersion) -> Ended {
    if let Err(reason) = slots::run(hearth, SlotVerb::Bad, version).await {
        tracing::error!("the boot loader could not be told to give release {version} up: {reason}");
    }
    Ended::Again(restart::restart().await)
}

async fn mark_bad(hearth: &Hearth, version: ReleaseVersion) -> Ended {
    if let Err(reason) = slots::run(hearth, SlotVerb::Bad, version).await {
        return Ended::Again(reason);
    }
    let boot = hearth.os.boot().await;
    let tries = boot.ok().and_then(|boot| boot.entry(&version).and_then(|entry| entry.tries_left));
    // What does not show would be done again at once.
    match tries {
        None | Some(0) => Ended::Quietly,
        Some(_) => Ended::Again(format!("the boot loader would still try release {version}")),
    }
}

async fn boot_other(hearth: &Hearth, version: ReleaseVersion) -> Ended {
    let reason = match slots::run(hearth, SlotVerb::Boot, version).await {
        Ok(()) => restart::restart_to_try(hearth).await,
        Err(reason) => reason,
    };
    Ended::With(Event::RebootFailed(reason))
}
