/// Settings of the box, the account and this browser.
pub(crate) mod settings {
    pub(crate) const ABOUT: &str = "About this box";
    pub(crate) const ACCOUNT: &str = "Account";
    pub(crate) const API: &str = "API description";
    pub(crate) const APPEARANCE: &str = "Appearance";
    pub(crate) const BOX: &str = "Box";
    pub(crate) const BOX_NAME: &str = "Name of the box";
    pub(crate) const BOX_NAME_HELP: &str =
        "What this dashboard calls it. Leave it empty to use its name in the network.";
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const CHANGE_PASSWORD: &str = "Change password";
    pub(crate) const CURRENT_PASSWORD: &str = "Current password";
    pub(crate) const DISK: &str = "Disk";
    pub(crate) const ENGINE: &str = "Docker";
    pub(crate) const ENGINE_AWAY: &str = "Not reachable";
    pub(crate) const ENGINE_STARTS: &str = "Starting…";
    pub(crate) const ENGINE_UNKNOWN: &str = "Checking…";
    pub(crate) const GENERATION: &str = "Change";
    pub(crate) const HOST: &str = "Host";
    pub(crate) const HOST_ZONE: &str = "Same as the box";
    pub(crate) const MEMORY: &str = "Memory";
    pub(crate) const NEW_PASSWORD: &str = "New password";
    pub(crate) const OS_MANAGED: &str = "Updated by Hearth";
    pub(crate) const OS_OTHERS: &str = "Updated by you";
    pub(crate) const PASSWORD_CHANGED: &str = "Your password is changed. Other devices were signed out.";
    pub(crate) const PROCESSOR: &str = "Processor";
    pub(crate) const SAVED: &str = "Saved.";
    pub(crate) const SIGN_OUT: &str = "Sign out";
    pub(crate) const SYSTEM: &str = "Operating system";
    pub(crate) const THEME_AUTO: &str = "Auto";
    pub(crate) const THEME_DARK: &str = "Dark";
    pub(crate) const THEME_LIGHT: &str = "Light";
    pub(crate) const NAMES: &str = "Other names";
    pub(crate) const NAMES_EXAMPLE: &str = "cloud.example.org";
    pub(crate) const NAMES_HELP: &str = "Names under which you open this box through a DNS server or proxy of your own. It answers to no others, so that no stranger's page can pose as it.";
    pub(crate) const TIME_ZONE: &str = "Time zone";
    pub(crate) const TIME_ZONE_HELP: &str = "Given to every app.";
    pub(crate) const TITLE: &str = "Settings";

    /// Who is signed in.
    pub(crate) fn signed_in_as(name: &str) -> String {
        format!("Signed in as {name}, the owner of this box.")
    }

    /// The engine's version, and its API's.
    pub(crate) fn engine(version: &str, api_version: &str) -> String {
        format!("{version} (API {api_version})")
    }

    /// Hearth's version.
    pub(crate) fn version(version: &str) -> String {
        format!("Version {version}")
    }

    /// Offers the time zone of this browser.
    pub(crate) fn use_zone(zone: &str) -> String {
        format!("Use {zone}")
    }
}

/// Sources of packages.
pub(crate) mod stores {
    pub(crate) const ADD: &str = "Add a store";
    pub(crate) const ADDING: &str = "Adding…";
    pub(crate) const ADD_TITLE: &str = "Add a store";
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const FETCHING: &str = "Fetching";
    pub(crate) const GONE: &str = "Removed";
    pub(crate) const KEEPS: &str = "You see the packages from the last refresh that worked.";
    pub(crate) const LOCATION: &str = "Location";
    pub(crate) const LOCATION_HELP: &str = "The address of a git repository or of an archive (.zip, .tar.gz, .tar.zst, .tar), or a folder on your box: a store in the format of Hearth, Umbrel, CasaOS or Runtipi. Add stores that you trust: their apps run on your box.";
    pub(crate) const LOCATION_NEEDED: &str =
        "Say where the store is: an address that begins with https://, or a folder that begins with /.";
    pub(crate) const NAME: &str = "Name";
    pub(crate) const NAME_HELP: &str = "Leave it empty to use the end of its address.";
    pub(crate) const NAME_NEEDED: &str = "Give the store a name with at least one letter or digit.";
    pub(crate) const NEVER_WORKED: &str = "It has no packages yet.";
    pub(crate) const NEW: &str = "New";
    pub(crate) const PROGRESS: &str = "Progress of the store";
    pub(crate) const READING: &str = "Reading packages";
    pub(crate) const REMOVE: &str = "Remove";
    pub(crate) const REMOVE_WORDS: &str = "Its packages leave your store. Apps that you installed from it stay and go on running, without updates.";
    pub(crate) const TITLE: &str = "Stores";
    pub(crate) const UNPROTECTED: &str = "It comes over plain http: whoever is on the way between your box and its server can change its packages. Use an address that begins with https:// if it has one.";
    pub(crate) const UNPACKING: &str = "Unpacking";
    pub(crate) const UPDATED: &str = "Updated";

    /// When its source was last asked.
    pub(crate) fn checked(ago: &str) -> String {
        format!("checked {ago}")
    }

    /// That the last refresh failed.
    pub(crate) fn not_refreshed(ago: &str) -> String {
        format!("It could not be refreshed {ago}.")
    }

    /// The button that asks a store's source.
    pub(crate) fn refresh(name: &str) -> String {
        format!("Look for new packages in {name}")
    }

    /// The button that removes a store.
    pub(crate) fn remove(name: &str) -> String {
        format!("Remove {name}")
    }

    /// That a refresh worked.
    pub(crate) fn refreshed(name: &str) -> String {
        format!("{name} is up to date.")
    }

    /// How much of something there is.
    pub(crate) fn so_far(what: &str, done: &str, total: Option<&str>) -> String {
        match total {
            Some(total) => format!("{what}, {done} of {total}"),
            None => format!("{what}, {done}"),
        }
    }

    /// How many packages came, changed and went.
    pub(crate) fn changes(on: &str, new: usize, updated: usize, gone: usize) -> String {
        let counts = [(new, "new"), (updated, "updated"), (gone, "removed")];
        let words = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> =
            words.map(|(count, what)| format!("{} {what}", crate::format::count(*count))).collect();
        format!("{on}: {}", words.join(", "))
    }

    /// Which apps came from a store.
    pub(crate) fn came_from_it(names: &[String]) -> String {
        format!("You have apps from this store: {}.", names.join(", "))
    }

    /// How many packages a store offers.
    pub(crate) fn packages(count: usize) -> String {
        match count {
            1 => "1 package".to_owned(),
            count => format!("{} packages", crate::format::count(count)),
        }
    }

    /// How many packages could not be read.
    pub(crate) fn refused(count: usize) -> String {
        match count {
            1 => "1 package could not be read".to_owned(),
            count => format!("{} packages could not be read", crate::format::count(count)),
        }
    }

    /// The title of the question.
    pub(crate) fn remove_title(name: &str) -> String {
        format!("Remove {name}?")
    }

    /// It is there.
    pub(crate) fn added(name: &str) -> String {
        format!("{name} is added.")
    }
}
