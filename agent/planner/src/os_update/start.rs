use hearth_model::os::{Boot, Declined, Release, ReleaseVersion, UpdateRecord, UpdateState};
use jiff::Timestamp;

use super::on_offer;

/// Returns what a start of the agent makes of what is remembered. What runs is what counts: the record may be older than
/// the boot, or lost.
pub(super) fn started(record: &UpdateRecord, boot: &Boot, now: Timestamp) -> UpdateRecord {
    let restarted = record.boot_id != boot.id;
    let state = if boot.on_trial {
        on_trial(&record.state, boot, restarted, now)
    } else {
        settled(&record.state, boot, restarted, now)
    };
    let mut declined = record.declined.clone();
    if let UpdateState::WentBack { from, reason, at } = &state {
        declined.entry(*from).or_insert_with(|| Declined { reason: reason.clone(), at: *at });
    }
    // Also after it was blessed in spite of it: what runs well is not declined.
    declined.retain(|version, _| *version != boot.version);
    UpdateRecord { state, declined, boot_id: boot.id.clone(), ..record.clone() }
}

/// The boot loader counts the tries of what runs.
fn on_trial(state: &UpdateState, boot: &Boot, restarted: bool, now: Timestamp) -> UpdateState {
    match state {
        // Its checks failed; that it runs again means that going back was cut off.
        UpdateState::Failing { version, .. } if *version == boot.version => state.clone(),
        UpdateState::Trying { version, .. } if *version == boot.version && !restarted => state.clone(),
        _ => UpdateState::Trying { version: boot.version, since: now },
    }
}

/// What runs was blessed, now or long ago.
fn settled(state: &UpdateState, boot: &Boot, restarted: bool, now: Timestamp) -> UpdateState {
    let runs = |version: &ReleaseVersion| *version == boot.version;
    let blessed = || UpdateState::Blessed { version: boot.version, at: now };
    match state {
        // The power went between the note of the checks and the boot loader's, and that start had used up the last try.
        UpdateState::Blessed { version, .. } if !runs(version) && is_used_up(version, boot) => went_back(
            *version,
            format!(
                "It passed its checks, and the power went before the boot loader knew of that, so {} is back.",
                boot.version
            ),
            now,
        ),
        UpdateState::Idle
        | UpdateState::Blessed { .. }
        | UpdateState::WentBack { .. }
        | UpdateState::Refused { .. } => state.clone(),
        UpdateState::Checking { offer: Some(release) } if release.version > boot.version => {
            on_offer(release.clone())
        }
        UpdateState::Checking { .. } => UpdateState::Idle,
        UpdateState::Available { release, .. } if release.version <= boot.version => UpdateState::Idle,
        UpdateState::Available { .. } => state.clone(),
        UpdateState::Downloading { release, .. }
        | UpdateState::Verified { release }
        | UpdateState::Installing { release }
        | UpdateState::Withdrawing { release }
        | UpdateState::ReadyToReboot { release }
        | UpdateState::Rebooting { release }
            if runs(&release.version) =>
        {
            blessed()
        }
        // The cut came between a change of the boot loader's entry and the note of it, and starts used up its tries.
        UpdateState::Installing { release } | UpdateState::Withdrawing { release }
            if is_used_up(&release.version, boot) =>
        {
            not_started(release, boot, now)
        }
        UpdateState::Downloading { .. }
        | UpdateState::Verified { .. }
        | UpdateState::Installing { .. }
        | UpdateState::Withdrawing { .. } => state.clone(),
        UpdateState::ReadyToReboot { .. } | UpdateState::Rebooting { .. } if !restarted => state.clone(),
        UpdateState::ReadyToReboot { release } | UpdateState::Rebooting { release } => {
            not_started(release, boot, now)
        }
        // It was blessed, and the agent stopped before it had noted that.
        UpdateState::Trying { version, .. } | UpdateState::Failing { version, .. } if runs(version) => {
            blessed()
        }
        UpdateState::Trying { version, .. } => went_back(
            *version,
            format!(
                "It started, and stopped before it had shown that everything works, so {} is back.",
                boot.version
            ),
            now,
        ),
        UpdateState::Failing { version, reason } => went_back(*version, reason.clone(), now),
        UpdateState::GoingBack { to } if runs(to) => UpdateState::Idle,
        UpdateState::GoingBack { .. } if !restarted => state.clone(),
        UpdateState::GoingBack { to } => {
            let reason = format!("release {to} did not start, so {} runs as before", boot.version);
            UpdateState::Refused { reason, at: now }
        }
    }
}

fn is_used_up(version: &ReleaseVersion, boot: &Boot) -> bool {
    boot.entry(version).is_some_and(|entry| entry.tries_left == Some(0))
}

/// The box was restarted and another release runs than the one that it was restarted for.
fn not_started(release: &Release, boot: &Boot, now: Timestamp) -> UpdateState {
    match boot.entry(&release.version).map(|entry| entry.tries_left) {
        // Somebody chose another one on the screen: the next restart tries it.
        Some(Some(1..)) => UpdateState::ReadyToReboot { release: release.clone() },
        Some(None) => UpdateState::Idle,
        Some(Some(0)) => {
            let reason = "It was tried and did not start far enough to say why; the box came back by itself.";
            went_back(release.version, reason.to_owned(), now)
        }
        None => {
            let reason = "The boot loader does not know it any more, so it was not tried.";
            went_back(release.version, reason.to_owned(), now)
        }
    }
}

fn went_back(from: ReleaseVersion, reason: String, at: Timestamp) -> UpdateState {
    UpdateState::WentBack { from, reason, at }
}
