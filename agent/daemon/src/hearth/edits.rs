use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hearth_model::api::apps::{ConfigureApp, DataChoice, InstallApp, UpdateApp};
use hearth_model::desired::{Actor, DesiredApp, Run, Settings};
use hearth_model::event::Event;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, Desired, Digest, Generation, form};
use jiff::Timestamp;

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::{Hearth, InForce};
use crate::reconcile::Wakeup;

/// How long a change waits for the loop to have seen it, so that whoever asks next sees it too.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// One change: what is wanted afterwards, and the updates that begin or end with it.
pub(crate) struct Change {
    pub(crate) desired: Desired,
    pub(crate) updates: Vec<(AppId, Option<AppUpdate>)>,
}

impl Hearth {
    /// Installs an app.
    ///
    /// # Errors
    /// When it is installed, an answer is wrong, something stands in the way, or consent is missing.
    pub async fn install(&self, by: &Actor, request: InstallApp) -> Result<Generation> {
        let entry = self.catalog.entry(&request.store, &request.package)?;
        let app = entry.package.manifest.id.clone();
        if self.in_force().desired.apps.contains_key(&app) {
            return Err(Error::Conflict(format!("{} is installed already", entry.package.manifest.name)));
        }
        let errors = form::check_all(&entry.package.manifest.settings, &request.settings);
        if !errors.is_empty() {
            return Err(Error::Fields(errors));
        }
        let check = self.check(&request).await?;
        let missing: Vec<String> = check
            .access
            .iter()
            .filter(|asked| !request.granted.contains(&asked.access))
            .map(|asked| asked.means.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::ConsentNeeded(missing));
        }
        if !check.blockers.is_empty() {
            let list: Vec<String> = check.blockers.into_iter().map(|finding| finding.message).collect();
            return Err(Error::Refused(list.join(" ")));
        }
        self.keep(&entry).await?;
        let why = format!("Install {}", entry.package.manifest.name);
        let wanted = desired_app(&entry.package, &entry.digest, request);
        self.edit(by, &why, |now| {
            let mut desired = (*now.desired).clone();
            if desired.apps.contains_key(&app) {
                return Err(Error::Conflict(format!("{} is installed already", entry.package.manifest.name)));
            }
            desired.deleted_data.remove(&app);
            desired.apps.insert(app.clone(), wanted);
            Ok(Change { desired, updates: vec![(app.clone(), None)] })
        })
        .await
    }

    /// Changes an app's answers, ports and consent.
    ///
    /// # Errors
    /// When an answer is wrong, or the app is being updated.
    pub async fn configure(&self, by: &Actor, app: &AppId, request: ConfigureApp) -> Result<Generation> {
        let (name, package) = self.name_and_package(app).await?;
        self.edit_app(by, app, &format!("Change the settings of {name}"), |wanted| {
            if let Some(mut settings) = request.settings {
                // A secret that the page did not show is not an answer: what is stored stays.
                for field in &package.manifest.settings {
                    let secret = field.kind == form::FieldKind::Secret;
                    let unanswered = settings.get(&field.name).is_none_or(String::is_empty);
                    if let (true, true, Some(old)) = (secret, unanswered, wanted.settings.get(&field.name)) {
                        settings.insert(field.name.clone(), old.clone());
                    }
                }
                let errors = form::check_all(&package.manifest.settings, &settings);
                if !errors.is_empty() {
                    return Err(Error::Fields(errors));
                }
                wanted.settings = settings;
            }
            if let Some(ports) = request.ports {
                wanted.ports = ports;
            }
            if let Some(granted) = request.granted {
                wanted.granted = granted;
            }
            Ok(())
        })
        .await
    }

    /// Wants an app to run.
    ///
    /// # Errors
    /// When it is not installed.
    pub async fn start(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        self.set_run(by, app, Run::Running, &format!("Start {name}")).await
    }

    /// Wants an app to be stopped.
    ///
    /// # Errors
    /// When it is not installed, or is being updated.
    pub async fn stop(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        self.set_run(by, app, Run::Stopped, &format!("Stop {name}")).await
    }

    async fn set_run(&self, by: &Actor, app: &AppId, run: Run, why: &str) -> Result<Generation> {
        let generation = self
            .edit_app(by, app, why, |wanted| {
                wanted.run = run;
                Ok(())
            })
            .await?;
        // A start that changes nothing is a person who wants it tried again now.
        let _ = self.wake.try_send(Wakeup::Retry(app.clone()));
        Ok(generation)
    }

    /// Restarts every container of an app.
    ///
    /// # Errors
    /// When it is not installed, or is being updated.
    pub async fn restart(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        self.edit_app(by, app, &format!("Restart {name}"), |wanted| {
            wanted.run = Run::Running;
            wanted.restarts += 1;
            Ok(())
        })
        .await
    }

    /// Tries at once what would be tried again later.
    ///
    /// # Errors
    /// When the app is not installed.
    pub async fn retry(&self, _by: &Actor, app: &AppId) -> Result<Generation> {
        self.name_and_package(app).await?;
        let _ = self.wake.try_send(Wakeup::Retry(app.clone()));
        Ok(self.generation())
    }

    /// Begins with an empty folder where the app's own is missing: the owner says that it will not come back.
    ///
    /// # Errors
    /// When the folder is there.
    pub async fn start_fresh(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        if self.data.state(app, false).map_err(|error| Error::Internal(error.to_string()))?
            == hearth_model::observed::DataState::Present
        {
            return Err(Error::Conflict(format!(
                "the folder of {name} is there; nothing needs to be made anew"
            )));
        }
        db::data::forget(&self.db, app).await?;
        tracing::info!(app.id = %app, by = ?by, "the owner starts the app with an empty folder");
        let _ = self.wake.try_send(Wakeup::Reresolve(app.clone()));
        Ok(self.generation())
    }

    /// Updates an app to the package that its store offers now.
    ///
    /// # Errors
    /// When there is nothing newer, an update is under way, or the new version asks for more than was agreed to.
    pub async fn update(&self, by: &Actor, app: &AppId, request: UpdateApp) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
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

    /// Uninstalls an app.
    ///
    /// # Errors
    /// When it is not installed and has no data to delete.
    pub async fn remove(&self, by: &Actor, app: &AppId, data: DataChoice) -> Result<Generation> {
        let name = self.name_and_package(app).await.map_or_else(|_| app.to_string(), |(name, _)| name);
        let kept = db::data::created(&self.db).await?.contains(app);
        let why = match data {
            DataChoice::Keep => format!("Uninstall {name}, keeping its data"),
            DataChoice::Delete => format!("Uninstall {name} and delete its data"),
        };
        self.edit(by, &why, |now| {
            let mut desired = (*now.desired).clone();
            let was_installed = desired.apps.remove(app).is_some();
            let has_data_to_delete = kept && data == DataChoice::Delete;
            if !(was_installed || has_data_to_delete) {
                return Err(Error::NoSuchApp(app.clone()));
            }
            if data == DataChoice::Delete {
                desired.deleted_data.insert(app.clone());
            }
            Ok(Change { desired, updates: vec![(app.clone(), None)] })
        })
        .await
    }

    /// Changes the settings of the box.
    ///
    /// # Errors
    /// When the time zone or the name cannot be one.
    pub async fn set_settings(&self, by: &Actor, settings: Settings) -> Result<Generation> {
        if let Some(zone) = settings.time_zone.as_deref() {
            let ok = zone.split('/').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
            });
            if !ok {
                return Err(Error::Refused(format!(
                    "`{zone}` is no time zone; write one like Europe/Vienna"
                )));
            }
        }
        if settings
            .box_name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty() || name.chars().count() > 64)
        {
            return Err(Error::Refused("the name of the box has 1 to 64 characters".to_owned()));
        }
        self.edit(by, "Change the settings of this box", |now| {
            Ok(Change { desired: Desired { settings, ..(*now.desired).clone() }, updates: Vec::new() })
        })
        .await
    }

    /// Makes a change: one transaction, one generation. A change that changes nothing makes none.
    pub(crate) async fn edit(
        &self,
        by: &Actor,
        why: &str,
        change: impl FnOnce(InForce) -> Result<Change>,
    ) -> Result<Generation> {
        let generation = {
            let _editing = self.editing.lock().await;
            let now = self.in_force();
            let Change { desired, updates } = change(now.clone())?;
            let same_updates = updates.iter().all(|(app, update)| now.updates.get(app) == update.as_ref());
            if desired == *now.desired && same_updates {
                return Ok(now.generation);
            }
            let generation = now.generation.next();
            let mut tx = self.db.writer.begin().await?;
            db::generations::add(&mut tx, generation, Timestamp::now(), by, why, &desired).await?;
            let mut all = (*now.updates).clone();
            for (app, update) in &updates {
                db::updates::set(&mut tx, app, update.as_ref()).await?;
                match update {
                    Some(update) => all.insert(app.clone(), update.clone()),
                    None => all.remove(app),
                };
            }
            tx.commit().await?;
            tracing::info!(%generation, by = ?by, "{why}");
            self.trim_kept(&desired);
            self.in_force.send_replace(InForce {
                generation,
                desired: Arc::new(desired),
                updates: Arc::new(all),
            });
            generation
        };
        self.tell(Event::Generation { generation });
        // A full queue means that a look is due anyway.
        let _ = self.wake.try_send(Wakeup::DesiredChanged);
        let mut published = self.published.subscribe();
        let _ = tokio::time::timeout(SEEN_WITHIN, published.wait_for(|p| p.generation >= generation)).await;
        Ok(generation)
    }

    /// Records how far an update is; what is wanted stays.
    pub(crate) async fn set_update(&self, app: &AppId, update: Option<AppUpdate>) -> Result<()> {
        let _editing = self.editing.lock().await;
        let mut tx = self.db.writer.begin().await?;
        db::updates::set(&mut tx, app, update.as_ref()).await?;
        tx.commit().await?;
        self.in_force.send_modify(|now| {
            let mut all = (*now.updates).clone();
            match update {
                Some(update) => all.insert(app.clone(), update),
                None => all.remove(app),
            };
            now.updates = Arc::new(all);
        });
        Ok(())
    }

    async fn edit_app(
        &self,
        by: &Actor,
        app: &AppId,
        why: &str,
        change: impl FnOnce(&mut DesiredApp) -> Result<()>,
    ) -> Result<Generation> {
        self.edit(by, why, |now| {
            refuse_while_updating(&now, app, app.as_str())?;
            let mut desired = (*now.desired).clone();
            let wanted = desired.apps.get_mut(app).ok_or_else(|| Error::NoSuchApp(app.clone()))?;
            change(wanted)?;
            Ok(Change { desired, updates: Vec::new() })
        })
        .await
    }

    fn desired_app(&self, app: &AppId) -> Result<DesiredApp> {
        self.in_force().desired.apps.get(app).cloned().ok_or_else(|| Error::NoSuchApp(app.clone()))
    }
}

/// Returns the name of the copy that is made before an update.
pub(crate) fn snapshot_name(generation: Generation, to: &Digest) -> String {
    format!("before-{generation}-{}", to.short())
}

fn desired_app(package: &hearth_model::package::Package, digest: &Digest, request: InstallApp) -> DesiredApp {
    DesiredApp {
        store: request.store,
        package: request.package,
        version: package.manifest.version.clone(),
        digest: digest.clone(),
        run: Run::Running,
        settings: request.settings.into_iter().filter(|(_, answer)| !answer.is_empty()).collect(),
        ports: request.ports,
        granted: request.granted,
        restarts: 0,
    }
}

fn refuse_while_updating(now: &InForce, app: &AppId, name: &str) -> Result<()> {
    match now.updates.get(app).map(|update| &update.phase) {
        Some(UpdatePhase::Fetching | UpdatePhase::Switching | UpdatePhase::Probation { .. }) => {
            Err(Error::Conflict(format!("{name} is being updated: wait until that has ended")))
        }
        Some(UpdatePhase::Reverting { .. }) => Err(Error::Conflict(format!(
            "{name} is on its way back from an update: wait until that has ended"
        ))),
        Some(UpdatePhase::Done { .. } | UpdatePhase::Reverted { .. }) | None => Ok(()),
    }
}
