/// The operating system and its updates.
pub(crate) mod system {
    use hearth_model::os::Channel;

    pub(crate) const ASKING: &str = "Checking for a newer release";
    pub(crate) const BACK: &str = "Go back to this";
    pub(crate) const BACK_DATA: &str = "The data of your apps stays as it is.";
    pub(crate) const BACK_DO: &str = "Restart into it";
    pub(crate) const BACK_WORDS: &str =
        "The box restarts into it, and stays with it until you install another. Your apps stop meanwhile.";
    pub(crate) const BOTH_STAY: &str = "Both releases stay on the box, so you can come back.";
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const CHANNEL: &str = "Releases";
    pub(crate) const CHANNEL_BETA: &str = "Early releases as well (beta)";
    pub(crate) const CHANNEL_HELP: &str =
        "An early release that proves itself becomes the stable one, bit for bit.";
    pub(crate) const CHANNEL_STABLE: &str = "Stable releases only";
    pub(crate) const CHECKS: &str = "Checks";
    pub(crate) const CHECKS_NOW: &str = "Checks in progress";
    pub(crate) const DOWNLOADING: &str = "Downloading what changed";
    pub(crate) const FAILING: &str = "It is not healthy, so the box goes back to the release before.";
    pub(crate) const FILE: &str = "A file from this device";
    pub(crate) const FILE_HELP: &str = "The archive (.tar) of a release.";
    pub(crate) const FOLDER: &str = "A folder on the box";
    pub(crate) const FOLDER_HELP: &str = "Where a USB stick is mounted, such as /mnt/stick.";
    pub(crate) const FROM: &str = "from";
    pub(crate) const GOING_BACK: &str = "Going back";
    pub(crate) const HOURS: &str = "Hours";
    pub(crate) const INSTALL: &str = "Install";
    pub(crate) const INSTALLING: &str = "Writing it beside the running release";
    pub(crate) const INSTALL_WORDS: &str = "Only what changed is downloaded, and it is written beside the running release. Everything keeps running until the restart, which takes a few minutes and which you start. If the new release does not work on this box, the box goes back to this one by itself.";
    pub(crate) const KEEP_DATA: &str = "Keep Hearth's settings as they are";
    pub(crate) const KEEP_DATA_HELP: &str =
        "The older release reads what it knows and leaves the rest alone.";
    pub(crate) const LIMIT: &str = "Download no faster than";
    pub(crate) const LIMIT_HELP: &str = "In megabytes a second. Leave it empty for no limit.";
    pub(crate) const LIMIT_WRONG: &str = "enter a number above 0, such as 2 or 0.5, or leave it empty";
    pub(crate) const LOG: &str = "Last lines of its log";
    pub(crate) const LOOK_THERE: &str = "Check there";
    pub(crate) const LOOK: &str = "Check for updates";
    pub(crate) const LOST: &str = "What would be lost:";
    pub(crate) const NOTES: &str = "What is new";
    pub(crate) const OFFLINE: &str = "Without the internet";
    pub(crate) const OFFLINE_WORDS: &str =
        "A release from a stick or a file has to be signed like any other.";
    pub(crate) const PROGRESS: &str = "Progress";
    pub(crate) const READY: &str = "It is ready and starts with the next restart.";
    pub(crate) const READY_WORDS: &str =
        "Your apps are stopped in order and start again by themselves. This page reloads by itself.";
    pub(crate) const REBOOTING: &str = "The box is restarting. This page reloads by itself.";
    pub(crate) const RELEASES: &str = "Releases on this box";
    pub(crate) const RESTART: &str = "Restart now";
    pub(crate) const RESTART_LATER: &str = "Restart automatically";
    pub(crate) const RESTART_LATER_HELP: &str =
        "Once a release is installed, the box restarts at night without asking.";
    pub(crate) const RESTORE_DATA: &str = "Put Hearth's settings back as well";
    pub(crate) const RUNS: &str = "Running";
    pub(crate) const SAVED: &str = "Saved.";
    pub(crate) const SENDING: &str = "Sending it to the box…";
    pub(crate) const SETTINGS: &str = "Update settings";
    pub(crate) const TITLE: &str = "Operating system";
    pub(crate) const TO: &str = "to";
    pub(crate) const TO_PAGE: &str = "Updates and releases";
    pub(crate) const TRYING: &str = "It is running on trial and is kept when everything works as before.";
    pub(crate) const UP_TO_DATE: &str = "This is the newest release";
    pub(crate) const VERIFIED: &str = "Downloaded and checked";
    pub(crate) const WITHDRAWING: &str = "Removing it again";

    /// The title of a release.
    pub(crate) fn release(version: &str) -> String {
        format!("Release {version}")
    }

    /// When a release was made, and its size when nothing of it is there yet.
    pub(crate) fn made(moment: &str, size: &str) -> String {
        format!("{moment} · {size} in all")
    }

    /// When the channel was asked.
    pub(crate) fn asked(ago: &str) -> String {
        format!("Checked {ago}.")
    }

    /// How much of a release is there, and how much of it came over the line.
    pub(crate) fn fetched(fetched: &str, of: &str) -> String {
        format!("{fetched} of {of} downloaded; the rest is on the box already")
    }

    /// How much is done.
    pub(crate) fn done(done: &str, of: &str) -> String {
        format!("{done} of {of}")
    }

    /// A download that waits.
    pub(crate) fn waits(reason: &str, until: &str) -> String {
        format!("{reason} The download continues at {until}.")
    }

    /// Why the channel of an offer was not reached since.
    pub(crate) fn unreached(reason: &str) -> String {
        format!("The last check got no answer, so this may not be the newest release: {reason}")
    }

    /// A release that proved itself.
    pub(crate) fn works(version: &str) -> String {
        format!("Release {version} works.")
    }

    /// A release that was not kept.
    pub(crate) fn not_kept(version: &str) -> String {
        format!("Release {version} failed its checks, and the box went back to the one before.")
    }

    /// Since when a release is on the box.
    pub(crate) fn installed(moment: &str) -> String {
        format!("Installed {moment}")
    }

    /// The title of the question before the box goes back.
    pub(crate) fn back_title(version: &str) -> String {
        format!("Go back to release {version}?")
    }

    /// What the copy of the settings is.
    pub(crate) fn copy_of(moment: &str) -> String {
        format!("They are restored to how they were {moment}, before the newer release changed them.")
    }

    /// What tries are left to a release.
    pub(crate) fn tries(left: u32) -> String {
        match left {
            0 => "Failed, and is no longer started".to_owned(),
            1 => "On trial, one start left".to_owned(),
            left => format!("On trial, {left} starts left"),
        }
    }

    /// An hour of the day.
    pub(crate) fn hour(hour: u8) -> String {
        format!("{hour:02}:00")
    }

    /// The name of a channel.
    pub(crate) fn channel(channel: Channel) -> &'static str {
        match channel {
            Channel::Stable => CHANNEL_STABLE,
            Channel::Beta => CHANNEL_BETA,
        }
    }
}
