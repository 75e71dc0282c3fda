use std::collections::BTreeSet;

use hearth_host::data::AppData;
use hearth_model::api::apps::UpdateApp;
use hearth_model::desired::{Actor, DesiredApp};
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, Digest, Generation};
use hearth_reconciler::Change;

use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::edits::refuse_while_updating;

impl Hearth {
    /// Updates an app to the package that its store offers now.
    ///
    /// # Errors
    /// When there is nothing newer, an update is under way, or the new version asks for more than was agreed to.
    pub async fn update(&self, by: &Actor, app: &AppId, request: UpdateApp) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        self.check_copies(app).await?;
        let installed = self.desired_app(app)?;
        let entry = self.catalog.entry(&installed.store, &installed.package)?;
        if entry.digest == installed.digest {
            return Err(Error::Conflict(format!(
                "{name} is up to date: its store offers {}",
                installed.version
            )));
        }
        let granted: BTreeSet<_> = installed.granted.union(&request.granted).cloned().collect();
        let mut wanted = DesiredApp {
            version: entry.package.manifest.version.clone(),
            digest: entry.digest.clone(),
            granted,
            ..installed.clone()
        };
        let known: BTreeSet<&str> =
            entry.package.manifest.settings.iter().map(|field| field.name.as_str()).collect();
        wanted.settings.retain(|name, _| known.contains(name.as_str()));
        self.refuse_unresolvable(app, &wanted, &entry.package).await?;
        self.keep(&entry).await?;
        let why = format!("Update {name} from {} to {}", installed.version, wanted.version);
        self.edit(by, &why, |now| {
            let mut desired = (*now.desired).clone();
            if desired.apps.get(app) != Some(&installed) {
                return Err(Error::Conflict(format!("{name} was changed meanwhile: try again")));
            }
            refuse_while_updating(&now, app, &name)?;
            let update = AppUpdate {
                from: installed.clone(),
                to: wanted.digest.clone(),
                snapshot: snapshot_name(now.generation.next(), &wanted.digest),
                phase: UpdatePhase::Fetching,
            };
            desired.apps.insert(app.clone(), wanted.clone());
            Ok(Change { desired, updates: vec![(app.clone(), Some(update))] })
        })
        .await
    }

    /// Goes back to the version before the last update, with the data as it was then.
    ///
    /// # Errors
    /// When there is no version to go back to, or an update is under way.
    pub async fn go_back(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        self.check_copies(app).await?;
        let why = format!("Take the update of {name} back, with its data");
        self.edit(by, &why, |now| {
            let update =
                now.updates.get(app).filter(|update| matches!(update.phase, UpdatePhase::Done { .. }));
            let Some(update) = update else {
                refuse_while_updating(&now, app, &name)?;
                return Err(Error::Conflict(format!(
                    "{name} has no earlier version with its data to go back to"
                )));
            };
            let mut desired = (*now.desired).clone();
            // Whether it should run is the owner's word, whichever version it is.
            let run = desired.apps.get(app).map_or(update.from.run, |wanted| wanted.run);
            desired.apps.insert(app.clone(), DesiredApp { run, ..update.from.clone() });
            let reason = "You took the update back.".to_owned();
            let phase = UpdatePhase::Reverting { reason, log: Vec::new() };
            Ok(Change { desired, updates: vec![(app.clone(), Some(AppUpdate { phase, ..update.clone() }))] })
        })
        .await
    }

    /// Fails, before anything is stopped, when an app's data cannot be deleted.
    pub(super) async fn check_removal(&self, app: &AppId) -> Result<()> {
        let of = app.clone();
        self.with_data(move |data| data.check_removal(&of)).await
    }

    /// Fails, before anything is stopped, when a mount is in the way of copies of an app's data.
    async fn check_copies(&self, app: &AppId) -> Result<()> {
        let of = app.clone();
        self.with_data(move |data| data.check_copies(&of)).await
    }

    /// Looks at the apps' folders where that does not hold up anything else.
    async fn with_data<T: Send + 'static>(
        &self,
        look: impl FnOnce(&AppData) -> std::result::Result<T, hearth_host::data::Error> + Send + 'static,
    ) -> Result<T> {
        let data = self.data.clone();
        tokio::task::spawn_blocking(move || look(&data))
            .await
            .map_err(|error| Error::Internal(format!("looking at the app's folder broke off: {error}")))?
            .map_err(|error| Error::Conflict(error.reason().message))
    }

    /// Returns what an owner should know of an update or of going back: what is mounted in the app's folder stays as it is.
    ///
    /// # Errors
    /// When the kernel does not say what is mounted.
    pub async fn notes_on_versions(&self, app: &AppId) -> Result<Vec<String>> {
        let of = app.clone();
        let mounts = self.with_data(move |data| data.mounts(&of)).await?;
        let own = self.data.path(app);
        let beside = mounts.iter().filter(|mount| mount.path != own);
        Ok(beside
            .map(|mount| {
                format!(
                    "{mount} is mounted in the app's folder: the copy of the data leaves it out, and going back leaves it as it is"
                )
            })
            .collect())
    }

    fn desired_app(&self, app: &AppId) -> Result<DesiredApp> {
        self.in_force().desired.apps.get(app).cloned().ok_or_else(|| Error::NoSuchApp(app.clone()))
    }
}

/// Returns the name of the copy that is made before an update.
pub(crate) fn snapshot_name(generation: Generation, to: &Digest) -> String {
    format!("before-{generation}-{}", to.short())
}
