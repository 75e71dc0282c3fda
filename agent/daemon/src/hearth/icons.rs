use hearth_model::StoreId;
use hearth_model::desired::DesiredApp;
use sha2::{Digest as _, Sha256};

use crate::catalog::Entry;
use crate::db::{self, packages::Icon};
use crate::error::{Error, Result};
use crate::hearth::Hearth;

/// What the addresses of icons end with.
///
/// A browser fetches a picture by itself, without the key of the session, and a cookie would be sent by pages of apps as well.
/// So an icon is given to whoever knows its address, and nobody can guess that.
#[derive(Debug, Clone)]
pub(crate) struct IconKey(String);

impl IconKey {
    /// Returns the key of a box, from its seed. It is not an HMAC of the seed: those are what packages may ask for.
    pub(crate) fn of(seed: &str) -> Self {
        let digest = Sha256::new_with_prefix("hearth icons\0").chain_update(seed).finalize();
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    fn is(&self, shown: &str) -> bool {
        // Hashed, so that the time of the comparison says nothing about the key.
        Sha256::digest(&self.0) == Sha256::digest(shown)
    }
}

impl Hearth {
    /// Returns the address of the icon of a package on offer; empty when it has none, so that no page asks for it in vain.
    pub(crate) fn entry_icon_path(&self, entry: &Entry) -> String {
        if entry.icon.is_none() {
            return String::new();
        }
        self.icon_path(&entry.package.store, entry.package.manifest.id.as_str())
    }

    /// Returns the address of the icon of an installed app, from its store or from the package that is kept; empty when
    /// neither has one.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn app_icon_path(&self, app: &DesiredApp) -> Result<String> {
        let in_store = self.catalog.entry(&app.store, &app.package).is_ok_and(|entry| entry.icon.is_some());
        if in_store || db::packages::has_icon(&self.db, &app.digest).await? {
            return Ok(self.icon_path(&app.store, &app.package));
        }
        Ok(String::new())
    }

    fn icon_path(&self, store: &StoreId, package: &str) -> String {
        format!("/api/v1/store/packages/{store}/{package}/icon?k={}", self.icon_key.0)
    }

    /// Returns the icon of a package, also when its store is gone and the app is still installed.
    ///
    /// # Errors
    /// When there is none, and to whoever does not know the key of its address.
    pub async fn icon(&self, store: &StoreId, package: &str, key: &str) -> Result<Icon> {
        let missing = || Error::NoSuchPackage { store: store.to_string(), package: package.to_owned() };
        if !self.icon_key.is(key) {
            return Err(missing());
        }
        if let Ok(entry) = self.catalog.entry(store, package)
            && let Some(icon) = &entry.icon
        {
            return Ok(icon.clone());
        }
        let desired = self.in_force().desired;
        let installed = desired.apps.values().find(|app| &app.store == store && app.package == package);
        if let Some(app) = installed
            && let Some(icon) = db::packages::icon(&self.db, &app.digest).await?
        {
            return Ok(icon);
        }
        Err(missing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icons_key_stays_with_its_box_and_is_no_secret_of_an_app() {
        let key = IconKey::of("seed");
        assert!(key.is(&IconKey::of("seed").0) && key.0.len() == 32);
        assert!(!key.is("") && !key.is(&IconKey::of("other seed").0));
        assert!(!hearth_adapters::variables::derive("seed", "hearth icons\0").contains(&key.0));
    }
}
