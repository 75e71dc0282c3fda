use hearth_model::desired::Stored;
use hearth_model::form::FieldKind;
use hearth_model::{AppId, Desired};

use crate::error::{Error, Result};
use crate::hearth::Hearth;

impl Hearth {
    /// Returns a document without what must not get into a git repository or a mail: answers to questions for secrets, and
    /// passwords in addresses of stores. It names what it leaves out, so that applying it changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn without_secrets(&self, mut desired: Desired) -> Result<Desired> {
        let mut stored = Stored::default();
        for (app, wanted) in &mut desired.apps {
            let package = self.kept_package(&wanted.digest).await?;
            let is_secret = |name: &str| match &package {
                Some(package) => {
                    let field = package.manifest.settings.iter().find(|field| field.name == name);
                    field.is_none_or(|field| field.kind == FieldKind::Secret)
                }
                // Nobody knows what it asks for.
                None => true,
            };
            let names: Vec<String> = wanted.settings.keys().filter(|name| is_secret(name)).cloned().collect();
            for name in names {
                wanted.settings.remove(&name);
                stored.settings.entry(app.clone()).or_default().insert(name);
            }
        }
        for (id, store) in &mut desired.stores {
            let public = hearth_fetch::without_password(&store.location);
            if public != store.location {
                store.location = public;
                stored.stores.insert(id.clone());
            }
        }
        desired.stored = stored;
        Ok(desired)
    }

    /// Puts the secrets that are in force where a document says that the box has them.
    ///
    /// # Errors
    /// When the box has no such secret.
    pub(crate) fn with_stored_secrets(&self, mut desired: Desired) -> Result<Desired> {
        let now = self.in_force().desired;
        let Stored { settings, stores } = std::mem::take(&mut desired.stored);
        for (app, names) in settings {
            for name in names {
                let known = now.apps.get(&app).and_then(|app| app.settings.get(&name));
                let known = known.ok_or_else(|| missing(&app, &name))?;
                let wanted = desired.apps.get_mut(&app).ok_or_else(|| missing(&app, &name))?;
                // What the document says itself is newer.
                wanted.settings.entry(name).or_insert_with(|| known.clone());
            }
        }
        for id in stores {
            let known = now.stores.get(&id).map(|store| &store.location);
            let wanted = desired.stores.get_mut(&id);
            let (Some(known), Some(wanted)) = (known, wanted) else {
                return Err(Error::Refused(format!(
                    "the document leaves the password of the store `{id}` to the box, which has no such store"
                )));
            };
            if hearth_fetch::without_password(known) != wanted.location {
                return Err(Error::Refused(format!(
                    "the document leaves the password of the store `{id}` to the box, and has another address than the box; \
                     write the password into the address, and take `{id}` out of `stored`"
                )));
            }
            wanted.location.clone_from(known);
        }
        Ok(desired)
    }
}

fn missing(app: &AppId, name: &str) -> Error {
    Error::Refused(format!(
        "the document leaves the secret {name} of {app} to the box, which has none; write it under `settings` of the app, and \
         take it out of `stored`, or export with `--with-secrets` where it is known"
    ))
}
