use crate::format;

pub(crate) const ACCESS: &str = "What it may access";
pub(crate) const ADDRESS: &str = "Address";
pub(crate) const BACK: &str = "Home";
pub(crate) const COPY_ONION: &str = "Copy the address for Tor Browser";
pub(crate) const DETAILS: &str = "Details";
pub(crate) const GO_BACK: &str = "Go back to it";
pub(crate) const LOGIN: &str = "First sign-in";
pub(crate) const LOGIN_NAME: &str = "Name";
pub(crate) const LOGIN_PASSWORD: &str = "Password";
pub(crate) const LOGIN_WORDS: &str = "The app comes with this account. Change its password once you are in.";
pub(crate) const LOGS: &str = "Logs";
pub(crate) const NOT_INSTALLED: &str = "This app is not installed";
pub(crate) const NOT_INSTALLED_WORDS: &str =
    "It may have been uninstalled meanwhile. You can still find it in the store.";
pub(crate) const NO_SETTINGS: &str =
    "This app asks for no settings, and it has no ports that you can change.";
pub(crate) const ONION: &str = "In the Tor network";
pub(crate) const OPEN: &str = "Open";
pub(crate) const OVERVIEW: &str = "Overview";
pub(crate) const PACKAGE: &str = "Package";
pub(crate) const PARTS: &str = "Parts of the app";
pub(crate) const PORTS: &str = "Ports";
pub(crate) const PROGRESS: &str = "Progress";
pub(crate) const RESTART: &str = "Restart";
pub(crate) const RETRY: &str = "Try again now";
pub(crate) const SAVE: &str = "Save and apply";
pub(crate) const SAVING: &str = "Saving…";
pub(crate) const SERVICES: &str = "Services";
pub(crate) const SETTINGS: &str = "Settings";
pub(crate) const SETTINGS_RESTART: &str =
    "Changes are applied at once. Services that they affect are restarted.";
pub(crate) const SETTINGS_SAVED: &str = "Saved. The app is being brought up to date.";
pub(crate) const START: &str = "Start";
pub(crate) const START_FRESH: &str = "Start with an empty folder";
pub(crate) const STOP: &str = "Stop";
pub(crate) const TO_SETTINGS: &str = "Open its settings";
pub(crate) const TO_STORE: &str = "Go to the store";
pub(crate) const UNDER_WAY: &str = "In progress";
pub(crate) const UNINSTALL: &str = "Uninstall";
pub(crate) const UNINSTALL_BUTTON: &str = "Uninstall…";
pub(crate) const UNINSTALL_WORDS: &str =
    "Removes the app from your box. You choose whether to keep its data.";
pub(crate) const UNPACKING: &str = "Unpacking";
pub(crate) const VERSION: &str = "Version";
pub(crate) const WAITING: &str = "Waiting";
pub(crate) const WHOLE_LOG: &str = "Whole log";

/// The installed version.
pub(crate) fn version(version: &str) -> String {
    format!("Version {version}")
}

/// The button that updates.
pub(crate) fn update_to(version: &str) -> String {
    format!("Update to {version}")
}

/// So much of so much.
pub(crate) fn of_bytes(done: u64, total: u64) -> String {
    format!("{} of {}", format::bytes(done), format::bytes(total))
}

/// The title of a log's end.
pub(crate) fn last_lines(service: Option<&str>) -> String {
    match service {
        Some(service) => format!("Last lines of {service}"),
        None => "Last lines".to_owned(),
    }
}

/// An update that was taken back.
pub(crate) fn reverted(version: &str, when: &str) -> String {
    format!("The update {when} failed. Version {version} was restored, with its data.")
}

/// An update that can be taken back.
pub(crate) fn updated(version: &str, when: &str) -> String {
    format!(
        "Updated from {version} {when}. You can still go back to it; anything saved since then would be lost."
    )
}

/// When a service started.
pub(crate) fn started(when: &str) -> String {
    format!("started {when}")
}

/// Where an app came from.
pub(crate) fn package_of(package: &str, store: &str) -> String {
    format!("{package} from {store}")
}

/// What a copy button copies.
pub(crate) fn copy(label: &str) -> String {
    format!("Copy {}", crate::letters::lower(label))
}

/// Logs.
pub(crate) mod logs {
    pub(crate) const ALL_SERVICES: &str = "All services";
    pub(crate) const CONNECTING: &str = "Reading the log…";
    pub(crate) const COPY: &str = "Copy these lines";
    pub(crate) const FOLLOW: &str = "Follow";
    pub(crate) const LOG: &str = "Log";
    pub(crate) const NOTHING_FOUND: &str = "No line has these words.";
    pub(crate) const NOTHING_YET: &str = "Nothing has been written yet.";
    pub(crate) const RECONNECTING: &str = " · Not live at the moment; trying again…";
    pub(crate) const SEARCH: &str = "Search these lines";
    pub(crate) const SERVICE: &str = "Service";

    /// How many lines are shown, and how many at most are kept.
    pub(crate) fn shown(lines: usize, most: usize) -> String {
        let lines = crate::format::count(lines);
        format!("{lines} lines, the last {} at most", crate::format::count(most))
    }
}
