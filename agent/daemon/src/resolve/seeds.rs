use std::collections::BTreeMap;

use hearth_adapters::variables::derive;
use hearth_model::AppId;

/// What secrets are derived from.
///
/// Each app has a seed of its own, made when it is installed. Two kinds of apps share one: those that were installed
/// before Hearth made such seeds use the box's, and those of one import use that of the box that they came from. Their
/// data is locked with what was derived from it, so it stays. Because a seed may be shared, a package never chooses freely
/// what is derived: see [`Seeds::of_package`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seeds {
    of_box: String,
    of_apps: BTreeMap<AppId, String>,
}

impl Seeds {
    /// Takes the box's seed, which never changes, and those of apps.
    pub(crate) fn new(of_box: String, of_apps: BTreeMap<AppId, String>) -> Self {
        Self { of_box, of_apps }
    }

    /// Records the seeds of apps.
    pub(crate) fn extend(&mut self, seeds: impl IntoIterator<Item = (AppId, String)>) {
        self.of_apps.extend(seeds);
    }

    /// Forgets the seed of an app whose data is gone.
    pub(crate) fn remove(&mut self, app: &AppId) {
        self.of_apps.remove(app);
    }

    /// Returns the box's seed, to spread boxes over time with; secrets come from the other methods.
    pub(crate) fn of_box(&self) -> &str {
        &self.of_box
    }

    /// Returns the secret that the package of `owner` derives from a message, for the variables of `reader`.
    ///
    /// A message that Hearth derives from itself, or that names another app's seed, gives a value that nobody else has.
    pub(crate) fn of_package(&self, owner: &AppId, reader: &AppId, message: &str) -> String {
        let seed = self.seed(owner);
        if is_hearths(message) || names_another(message, [owner, reader]) {
            return derive(seed, &format!("package/{owner}/{message}"));
        }
        derive(seed, message)
    }

    /// Returns 64 hexadecimal digits from which the key of an app's onion service is made.
    pub(crate) fn of_onion(&self, app: &AppId) -> String {
        derive(self.seed(app), &format!("app-{app}-onion"))
    }

    /// Returns the password of the control port of the box's Tor.
    pub(crate) fn tor_control_password(&self) -> String {
        derive(&self.of_box, "tor-control-password")
    }

    /// Returns the salt with which Tor keeps that password.
    pub(crate) fn tor_control_salt(&self) -> String {
        derive(&self.of_box, "tor-control-salt")
    }

    fn seed(&self, app: &AppId) -> &str {
        self.of_apps.get(app).unwrap_or(&self.of_box)
    }
}

/// Tells whether Hearth derives secrets of its own from such a message: for onion services, and for Tor's control port.
fn is_hearths(message: &str) -> bool {
    (message.starts_with("app-") && message.ends_with("-onion")) || message.starts_with("tor-control-")
}

/// Tells whether a message names the seed of an app, `app-<id>-seed` as umbrelOS calls it, other than these.
fn names_another(message: &str, own: [&AppId; 2]) -> bool {
    let others =
        own.iter().fold(message.to_owned(), |rest, app| rest.replace(&format!("app-{app}-seed"), ""));
    others.match_indices("app-").any(|(at, _)| {
        let begins = !others[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        begins && others[at..].contains("-seed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(app: &str) -> AppId {
        app.parse().expect("an id")
    }

    fn seeds() -> Seeds {
        Seeds::new("of the box".to_owned(), BTreeMap::from([(id("new"), "of new".to_owned())]))
    }

    #[test]
    fn an_app_that_was_installed_before_keeps_its_secrets() {
        let wiki = id("wiki");
        for message in ["app-wiki-seed", "env-app-wiki-seed-KEY", "wiki-rpc-pass", "app-wiki-seed-my-seed"] {
            assert_eq!(seeds().of_package(&wiki, &wiki, message), derive("of the box", message), "{message}");
        }
        // What an exporter derives for an app that depends on it.
        let exported = seeds().of_package(&wiki, &id("reader"), "env-app-reader-seed-KEY");
        assert_eq!(exported, derive("of the box", "env-app-reader-seed-KEY"));
    }

    #[test]
    fn an_app_has_a_seed_of_its_own() {
        let new = id("new");
        assert_eq!(seeds().of_package(&new, &new, "plain"), derive("of new", "plain"));
    }

    #[test]
    fn a_package_cannot_name_what_belongs_to_another_app_or_to_hearth() {
        let (evil, seeds) = (id("evil"), seeds());
        let bitcoin = id("bitcoin");
        let theirs = |message: &str| seeds.of_package(&evil, &evil, message);
        for message in ["app-bitcoin-seed", "app-bitcoin-seed-APP_PASSWORD", "env-app-bitcoin-seed-KEY"] {
            assert_ne!(theirs(message), seeds.of_package(&bitcoin, &bitcoin, message), "{message}");
        }
        assert_ne!(theirs("app-wordpress-onion"), seeds.of_onion(&id("wordpress")));
        assert_ne!(theirs("app-evil-onion"), seeds.of_onion(&evil));
        assert_ne!(theirs("tor-control-password"), seeds.tor_control_password());
        assert_ne!(theirs("tor-control-salt"), seeds.tor_control_salt());
    }
}
