/// The list of packages.
pub(crate) mod store {
    pub(crate) const ALL: &str = "Everything";
    pub(crate) const CATEGORIES: &str = "Categories";
    pub(crate) const INSTALLED: &str = "Installed";
    pub(crate) const LEAD: &str = "Software for your home. It runs on your box, and only there.";
    pub(crate) const NOTHING_FOUND: &str = "Nothing found";
    pub(crate) const NOTHING_FOUND_WORDS: &str = "No app in your stores has all of these words.";
    pub(crate) const NO_PACKAGES: &str = "The shelves are empty";
    pub(crate) const NO_PACKAGES_WORDS: &str =
        "None of your stores offers a package. Look at your stores in the settings: one may be out of reach.";
    pub(crate) const SEARCH: &str = "Search apps";
    pub(crate) const SHOW_ALL: &str = "Show everything";
    pub(crate) const TITLE: &str = "Store";
    pub(crate) const TO_SETTINGS: &str = "Open the store settings";

    /// The store that a package is from, where another package has the same name.
    pub(crate) fn from_store(store: &str) -> String {
        format!("· from {store}")
    }

    /// How many packages were found.
    pub(crate) fn found(count: usize) -> String {
        match count {
            1 => "1 app".to_owned(),
            count => format!("{} apps", crate::format::count(count)),
        }
    }
}

/// One package.
pub(crate) mod package {
    pub(crate) const ABOUT: &str = "About";
    pub(crate) const ACCESS: &str = "What it may access";
    pub(crate) const BACK: &str = "Store";
    pub(crate) const DEVELOPER: &str = "Made by";
    pub(crate) const DISK: &str = "Disk";
    pub(crate) const FACTS: &str = "Details";
    pub(crate) const IMAGES: &str = "Images";
    pub(crate) const INSTALL: &str = "Install";
    pub(crate) const LICENSE: &str = "Licence";
    pub(crate) const MEMORY: &str = "Memory";
    pub(crate) const PORTS: &str = "Ports";
    pub(crate) const REFUSED: &str = "This package cannot be installed";
    pub(crate) const RUNS_ON: &str = "Runs on";
    pub(crate) const SERVICES: &str = "Services";
    pub(crate) const SHOW_INSTALLED: &str = "Installed";
    pub(crate) const SOURCE: &str = "Source code";
    pub(crate) const STORE: &str = "Store";
    pub(crate) const SUPPORT: &str = "Help";
    pub(crate) const TIPS: &str = "Before you install";
    pub(crate) const VERSION: &str = "Version";
    pub(crate) const WEBSITE: &str = "Website";
    pub(crate) const WIDGETS: &str = "Widgets";

    /// The version, and who makes the software.
    pub(crate) fn version_by(version: &str, developer: Option<&str>) -> String {
        match developer {
            Some(developer) => format!("Version {version} · {developer}"),
            None => format!("Version {version}"),
        }
    }

    /// The title of release notes.
    pub(crate) fn whats_new(version: &str) -> String {
        format!("New in {version}")
    }

    /// The port of the app's page.
    pub(crate) fn web_port(port: u16) -> String {
        format!("{port} (page)")
    }
}

/// The dialog that installs a package.
pub(crate) mod install {
    pub(crate) const ACCESS: &str = "What it may access";
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const INSTALL: &str = "Install";
    pub(crate) const CHOOSE: &str = "Choose…";
    pub(crate) const COMPANIONS: &str = "Works with";
    pub(crate) const INSTALLING: &str = "Installing…";
    pub(crate) const KEPT_DATA: &str = "Data of an earlier install is still here. The app will find it.";
    pub(crate) const PORTS: &str = "Ports";
    pub(crate) const SETTINGS: &str = "Settings";
    pub(crate) const WEB_PORT: &str = "Web page";

    /// The dialog's title.
    pub(crate) fn title(name: &str) -> String {
        format!("Install {name}")
    }

    /// The installed app that it talks to.
    pub(crate) fn uses(name: &str) -> String {
        format!("It uses {name}, which is installed.")
    }

    /// Which of several apps takes the place of a package.
    pub(crate) fn use_for(package: &str) -> String {
        format!("As its {package}")
    }

    /// What has to be installed first.
    pub(crate) fn first(package: &str, ways: usize) -> String {
        match ways {
            1 => "It needs another app. Install that first:".to_owned(),
            _ => format!("It needs {package}, or an app that can replace it. Install one of these first:"),
        }
    }

    /// What no store has.
    pub(crate) fn nowhere(package: &str) -> String {
        format!("It needs {package}, which none of your stores offers. Add the store that has it.")
    }

    /// What a port is for.
    pub(crate) fn port_of(service: &str, protocol: &str) -> String {
        format!("{service}, {}", protocol.to_ascii_uppercase())
    }

    /// Nothing stands in the way.
    pub(crate) fn all_clear(size: Option<&str>) -> String {
        match size {
            Some(size) => format!("Ready to install. It takes about {size} of disk."),
            None => "Ready to install.".to_owned(),
        }
    }
}
