use hearth_model::os::{Boot, Release, ReleaseVersion, UpdateRecord, UpdateState};
use jiff::Timestamp;

/// What has to be done. Each may be done again: the answer is an [`super::Event`] only when it is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Nothing until somebody wants something.
    Nothing,
    /// Nothing until then.
    WaitUntil(Timestamp),
    /// Ask the channel.
    Check,
    /// Fetch what is missing of a release.
    Fetch(Release),
    /// Put its checked files where they are installed from.
    Stage(Release),
    /// Write them into the slot that does not run.
    Install(Release),
    /// Make the boot loader forget a release that was never started.
    Withdraw(Release),
    /// Restart the box; the boot loader takes the newest release that has tries left.
    Reboot,
    /// Look whether what runs is healthy.
    CheckHealth(ReleaseVersion),
    /// Tell the boot loader that what runs is bad, and restart.
    GiveUp(ReleaseVersion),
    /// Tell the boot loader that a release that does not run is bad, so that no restart tries it.
    MarkBad(ReleaseVersion),
    /// Tell the boot loader to take this release from now on, and restart.
    BootOther(ReleaseVersion),
}

/// Returns what has to be done with what is remembered.
pub fn work(record: &UpdateRecord, boot: &Boot, now: Timestamp) -> Work {
    let tried_again = record.declined.keys().find(|version| {
        **version != boot.version
            && boot.entry(version).is_some_and(|entry| matches!(entry.tries_left, Some(1..)))
    });
    if let Some(version) = tried_again {
        return Work::MarkBad(*version);
    }
    match &record.state {
        UpdateState::Checking { .. } => Work::Check,
        UpdateState::Downloading { waiting: Some(waiting), .. } if waiting.until > now => {
            Work::WaitUntil(waiting.until)
        }
        UpdateState::Downloading { release, .. } => Work::Fetch(release.clone()),
        // The other slot is the only one that is known to be good.
        UpdateState::Verified { .. } | UpdateState::Installing { .. } if boot.on_trial => Work::Nothing,
        UpdateState::Verified { release } => Work::Stage(release.clone()),
        UpdateState::Installing { release } => Work::Install(release.clone()),
        UpdateState::Withdrawing { release } => Work::Withdraw(release.clone()),
        UpdateState::Rebooting { .. } => Work::Reboot,
        UpdateState::Trying { version, .. } => Work::CheckHealth(*version),
        UpdateState::Failing { version, .. } => Work::GiveUp(*version),
        UpdateState::GoingBack { to } => Work::BootOther(*to),
        UpdateState::Idle
        | UpdateState::Available { .. }
        | UpdateState::ReadyToReboot { .. }
        | UpdateState::Blessed { .. }
        | UpdateState::WentBack { .. }
        | UpdateState::Refused { .. } => Work::Nothing,
    }
}
