/// The dialog that takes an app away.
pub(crate) mod uninstall {
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const DATA: &str = "What happens to its data";
    pub(crate) const DELETE: &str = "Delete its data too";
    pub(crate) const DELETE_WORDS: &str =
        "Everything that the app has saved is deleted for good, its snapshots too. This cannot be undone.";
    pub(crate) const GO_DELETE: &str = "Uninstall and delete data";
    pub(crate) const GO_KEEP: &str = "Uninstall, keep data";
    pub(crate) const KEEP: &str = "Keep its data";
    pub(crate) const KEEP_WORDS: &str =
        "The app's folder stays on your box. Install the app again, and it is all there.";

    /// The dialog's title.
    pub(crate) fn title(name: &str) -> String {
        format!("Uninstall {name}?")
    }

    /// What it does in any case.
    pub(crate) fn words(name: &str) -> String {
        format!("{name} stops, and its containers and network are removed.")
    }

    /// Asks for the name.
    pub(crate) fn type_name(name: &str) -> String {
        format!("Type {name} to confirm")
    }

    /// It is done, the data stays.
    pub(crate) fn done_kept(name: &str) -> String {
        format!("{name} is being uninstalled. Its data stays.")
    }

    /// It is done, the data goes.
    pub(crate) fn done_deleted(name: &str) -> String {
        format!("{name} is being uninstalled, with its data.")
    }
}

/// The dialog that brings an app to another version.
pub(crate) mod update {
    pub(crate) const CANCEL: &str = "Not now";
    pub(crate) const NEW_ACCESS: &str = "What it may access from now on";
    pub(crate) const SAFE: &str = "Its data is copied first. If the new version does not get healthy, the old one comes back by itself, data included.";
    pub(crate) const UPDATE: &str = "Update";

    /// The dialog's title.
    pub(crate) fn title(name: &str) -> String {
        format!("Update {name}")
    }

    /// The title of release notes.
    pub(crate) fn whats_new(version: &str) -> String {
        format!("New in {version}")
    }
}
