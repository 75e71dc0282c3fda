use hearth_model::Bytes;
use hearth_model::api::os::{
    CheckOutcome, OsProgress, OsSettings, OsStatus, OsUpdate, RestartWindow, Slot, UpdatePhase,
};

use crate::output::table;

/// Lines of a log that people are shown; `--json` has all.
const LOG_LINES: usize = 20;

/// Writes everything about the operating system.
pub(super) fn status(status: &OsStatus) -> String {
    let mut text = format!("{}\n{}\n", status.name, status.note);
    if status.managed {
        text.push('\n');
        text.push_str(&update(status));
        text.push('\n');
        for check in &status.checks {
            let outcome = match check.outcome {
                CheckOutcome::Waiting => "waits",
                CheckOutcome::Passed => "passed",
                CheckOutcome::Failed => "failed",
            };
            let colon = if check.detail.is_empty() { "" } else { ": " };
            text.push_str(&format!("  {outcome:6}  {}{colon}{}\n", check.name, check.detail));
        }
        for line in &status.log[status.log.len().saturating_sub(LOG_LINES)..] {
            text.push_str(&format!("  | {line}\n"));
        }
        text.push_str(&settings(&status.settings));
    }
    if !status.slots.is_empty() {
        let rows: Vec<_> = status.slots.iter().map(row).collect();
        text.push('\n');
        text.push_str(&table(["RELEASE", "STATE"], &rows, ""));
    }
    text
}

/// Writes how far an update is.
pub(super) fn update(status: &OsStatus) -> String {
    let OsUpdate { state, release, version, reason, at } = &status.update;
    let version = version.map_or_else(|| "a release".to_owned(), |version| format!("release {version}"));
    let reason = reason.clone().unwrap_or_default();
    let far = status.progress.as_ref().map(progress).unwrap_or_default();
    match state {
        UpdatePhase::Idle => match status.checked_at {
            Some(at) => format!("no newer release is known; asked at {at}"),
            None => "no newer release is known; `hearth os check` asks for one".to_owned(),
        },
        UpdatePhase::Checking => "asking for the newest release".to_owned(),
        UpdatePhase::Available => {
            let (size, notes) =
                release.as_ref().map_or((0, ""), |release| (release.size_bytes, release.notes.trim()));
            let offer = format!(
                "{version} is available, {} in all; `hearth os update` installs it\n{notes}",
                Bytes(size)
            );
            let unreached = if reason.is_empty() { reason } else { format!("\nnot asked again: {reason}") };
            format!("{}{unreached}", offer.trim_end())
        }
        UpdatePhase::Downloading => match at {
            Some(at) => format!("downloading {version} goes on at {at}: {reason}"),
            None => format!("downloading {version}{far}"),
        },
        UpdatePhase::Verified => format!("{version} is downloaded and checked"),
        UpdatePhase::Installing => format!("installing {version}{far}"),
        UpdatePhase::ReadyToReboot => {
            format!("{version} is installed; `hearth os reboot` restarts the box into it")
        }
        UpdatePhase::Rebooting => format!("the box restarts into {version}"),
        UpdatePhase::Withdrawing => format!("taking {version} back out"),
        UpdatePhase::Trying => format!("{version} runs on trial"),
        UpdatePhase::Failing => format!("{version} is given up: {reason}"),
        UpdatePhase::Blessed => format!("{version} works"),
        UpdatePhase::WentBack => format!("{version} was not kept: {reason}"),
        UpdatePhase::GoingBack => format!("the box goes back to {version}"),
        UpdatePhase::Refused => format!("refused: {reason}"),
    }
}

fn progress(progress: &OsProgress) -> String {
    let OsProgress { done_bytes, total_bytes, fetched_bytes, fetch_bytes } = *progress;
    let mut text = format!(", {} of {} done", Bytes(done_bytes), Bytes(total_bytes));
    if fetch_bytes > 0 {
        text.push_str(&format!(", {} of {} fetched", Bytes(fetched_bytes), Bytes(fetch_bytes)));
    }
    text
}

/// Writes how updates come.
pub(super) fn settings(settings: &OsSettings) -> String {
    let OsSettings { channel, restart_window, bytes_per_second } = settings;
    let window = match restart_window {
        Some(RestartWindow { from_hour, to_hour }) => format!("from {from_hour}:00 to {to_hour}:00"),
        None => "only when you say so".to_owned(),
    };
    let rate = bytes_per_second.map_or_else(|| "no".to_owned(), |rate| format!("{} a second", Bytes(rate)));
    format!("Channel  {}\nRestart  {window}\nLimit    {rate}\n", channel.name())
}

fn row(slot: &Slot) -> [String; 2] {
    let mut state = match slot.tries_left {
        None => "works".to_owned(),
        Some(0) => "did not work, and is not started".to_owned(),
        Some(left) => format!("on trial, {left} tries left"),
    };
    if let Some(at) = slot.installed_at {
        state.push_str(&format!(", installed at {at}"));
    }
    if let Some(reason) = &slot.declined {
        state.push_str(&format!(", not kept: {reason}"));
    }
    if let Some(back) = &slot.back {
        state.push_str(", you can go back to it");
        if let Some(copy) = back.copy_of {
            state.push_str(&format!(", with the data of {copy}"));
        }
    }
    let runs = if slot.runs { "runs, " } else { "" };
    [slot.version.to_string(), format!("{runs}{state}")]
}

#[cfg(test)]
mod tests {
    use hearth_model::os::ReleaseVersion;

    use super::*;

    #[test]
    fn each_release_is_shown_with_what_it_is_worth() {
        let slot = |patch, runs, tries_left| Slot {
            version: ReleaseVersion::new(1, 0, patch),
            runs,
            tries_left,
            installed_at: None,
            notes: String::new(),
            declined: None,
            back: None,
        };
        let rows =
            [slot(3, false, Some(0)), slot(2, true, Some(1)), slot(1, false, None)].map(|slot| row(&slot));
        let expected = [
            ["1.0.3", "did not work, and is not started"],
            ["1.0.2", "runs, on trial, 1 tries left"],
            ["1.0.1", "works"],
        ];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    }
}
