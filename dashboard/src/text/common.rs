pub(crate) const CLOSE: &str = "Close";
pub(crate) const COPIED: &str = "Copied";
pub(crate) const NOT_LOADED: &str = "This could not be loaded";
pub(crate) const OPTIONAL: &str = "optional";
pub(crate) const SAVE: &str = "Save changes";
pub(crate) const SHOW_SECRET: &str = "Show what is hidden";
pub(crate) const TRY_AGAIN: &str = "Try again";

/// What stands around the pages.
pub(crate) mod shell {
    pub(crate) const ENGINE_AWAY: &str = "Docker cannot be reached.";
    pub(crate) const ENGINE_AWAY_HELP: &str = "Until it is back, Hearth can neither check nor change apps.";
    pub(crate) const ENGINE_STARTS: &str = "The box is still getting ready: Docker is starting.";
    pub(crate) const ENGINE_STARTS_HELP: &str =
        "The first time takes a few minutes. Apps start, and can be installed, as soon as it runs.";
    pub(crate) const HISTORY: &str = "History";
    pub(crate) const HOME: &str = "Home";
    pub(crate) const LOST: &str = "The connection to your box is lost.";
    pub(crate) const LOST_HELP: &str = "What you see may be out of date. Reconnecting…";
    pub(crate) const NAVIGATION: &str = "Pages";
    pub(crate) const SETTINGS: &str = "Settings";
    pub(crate) const SIGN_OUT: &str = "Sign out";
    pub(crate) const SKIP: &str = "Skip to content";
    pub(crate) const STORE: &str = "Store";
}

/// What went wrong between here and the box.
pub(crate) mod error {
    pub(crate) const UNREACHABLE: &str = "Your box does not answer. Check that it is switched on and that this device is in its network, then try again.";

    /// An answer without an explanation.
    pub(crate) fn status(status: u16) -> String {
        match status {
            401 => "The session is over. Sign in again.".to_owned(),
            429 => "Too many attempts. Wait a minute, then try again.".to_owned(),
            502..=504 => "Something between this device and your box does not answer. Try again in a moment."
                .to_owned(),
            _ => format!(
                "Your box refused this with status {status} and did not say why. Its log may say more."
            ),
        }
    }

    /// An answer of another version.
    pub(crate) fn unreadable(why: &str) -> String {
        format!(
            "Your box answered something that this page does not understand ({why}). Reload the page: it may be older than your box."
        )
    }
}

/// Quantities.
pub(crate) mod format {
    /// A number and its unit.
    pub(crate) fn quantity(number: &str, unit: &str) -> String {
        format!("{number}\u{a0}{unit}")
    }
}

/// The way in.
pub(crate) mod session {
    pub(crate) const BOTH_NEEDED: &str = "Enter your name and your password.";
    pub(crate) const CODE: &str = "Set-up code";
    pub(crate) const CODE_EXAMPLE: &str = "ACDE-4679";
    pub(crate) const CODE_HELP: &str = "It proves that this box is yours. It is shown on the screen of the box, and where you flashed or started it; the command “hearth setup-code” on the box prints it.";
    pub(crate) const CODE_NEEDED: &str = "enter the code of your box";
    pub(crate) const EXPIRED: &str = "Your session has ended. Sign in to continue where you left off.";
    pub(crate) const NAME: &str = "Name";
    pub(crate) const NAME_HELP: &str = "Letters, digits, dots, dashes and underscores.";
    pub(crate) const NAME_NEEDED: &str = "choose a name to sign in with";
    pub(crate) const PASSWORD: &str = "Password";
    pub(crate) const SCENE: &str = "Your photos, notes and files.\nAt home, where they belong.";
    pub(crate) const SETTING_UP: &str = "Setting up…";
    pub(crate) const SET_UP: &str = "Make this box mine";
    pub(crate) const SET_UP_NOTE: &str = "This account lives on your box and nowhere else. Nobody can reset its password for you, so keep it safe.";
    pub(crate) const SIGNING_IN: &str = "Signing in…";
    pub(crate) const SIGN_IN: &str = "Sign in";
    pub(crate) const SIGN_IN_TITLE: &str = "Welcome back";
    pub(crate) const WELCOME: &str = "Welcome home";
    pub(crate) const WELCOME_WORDS: &str = "Your box is ready for you. Choose a name and a password, and it is yours; the first app is a minute away.";

    /// The rule for a new password.
    pub(crate) fn password_help(fewest: usize) -> String {
        format!("At least {fewest} characters. A few words that you remember make a good one.")
    }

    /// A new password that is too short.
    pub(crate) fn password_short(fewest: usize) -> String {
        format!("use at least {fewest} characters")
    }
}

/// An address that leads nowhere.
pub(crate) mod not_found {
    pub(crate) const HOME: &str = "Go home";
    pub(crate) const TITLE: &str = "Nothing lives here";
    pub(crate) const WORDS: &str = "The page may have moved, or the address has a typing error.";
}

/// What apps may do.
pub(crate) mod access {
    pub(crate) const NONE: &str = "Its own folder and its own network, nothing else on your box.";

    /// The box to tick.
    pub(crate) fn agree(name: &str) -> String {
        format!("I trust {name} with this")
    }

    /// Which scripts run, and what they reach.
    pub(crate) fn scripts(paths: &[String]) -> String {
        let paths: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
        let paths = paths.join(", ");
        format!("Runs {paths} on this box, with its own folder and containers and without a network.")
    }

    /// Why an app asks for it.
    pub(crate) fn why(reason: &str) -> String {
        format!("Why: {reason}")
    }
}

/// Packages' forms.
pub(crate) mod form {
    pub(crate) const NOT_A_PORT: &str = "a port is a number from 1 to 65535";
    pub(crate) const NO_CHOICE: &str = "Not chosen";
    pub(crate) const PORTS: &str = "Ports";
    pub(crate) const SECRET_KEPT: &str = "Unchanged";
    pub(crate) const SECRET_MADE: &str = "Leave it empty to get a strong one";
    pub(crate) const SETTINGS: &str = "Settings";

    /// A port by its key, `8080/tcp`.
    pub(crate) fn port(key: &str) -> String {
        format!("Instead of {key}")
    }

    /// Offers a free port.
    pub(crate) fn use_port(port: u16) -> String {
        format!("Use {port} instead")
    }
}
