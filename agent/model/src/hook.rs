use std::fmt;

use serde::{Deserialize, Serialize};

/// A script of a package that runs at a point of the app's life: `hooks/<name>` in its folder.
///
/// The names and points are [umbrelOS's](https://github.com/getumbrel/umbrel-apps/blob/master/README.md). Any of them may
/// run more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Once the app's folder is made, before its first start.
    PreInstall,
    /// Once the app runs for the first time.
    PostInstall,
    /// Before the first container starts; the app is resolved anew afterwards, since this may write its variables.
    PreStart,
    /// Once every container was started.
    PostStart,
    /// Before the first container is stopped.
    PreStop,
    /// Once every container is stopped.
    PostStop,
    /// Before the data is copied for an update.
    PreUpdate,
    /// Once another version of the package runs.
    PostUpdate,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Hook; 8] = [
        Hook::PreInstall,
        Hook::PostInstall,
        Hook::PreStart,
        Hook::PostStart,
        Hook::PreStop,
        Hook::PostStop,
        Hook::PreUpdate,
        Hook::PostUpdate,
    ];

    /// Returns the script's file name.
    pub fn name(self) -> &'static str {
        match self {
            Hook::PreInstall => "pre-install",
            Hook::PostInstall => "post-install",
            Hook::PreStart => "pre-start",
            Hook::PostStart => "post-start",
            Hook::PreStop => "pre-stop",
            Hook::PostStop => "post-stop",
            Hook::PreUpdate => "pre-update",
            Hook::PostUpdate => "post-update",
        }
    }

    /// Returns the hook of a file name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// Returns the script's path in the app's folder.
    pub fn path(self) -> String {
        format!("hooks/{}", self.name())
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
