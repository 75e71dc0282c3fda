use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hearth_model::api::apps::DataChoice;
use hearth_model::desired::{Actor, DesiredApp, Run, Settings};
use hearth_model::event::Event;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppState, Chain, Desired, Generation};
use hearth_reconciler::{Change, CurrentGeneration};
use jiff::Timestamp;
use sqlx::{Sqlite, Transaction};

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::{Hearth, time_zone};
use crate::resolve::circle;

/// How long a change waits for the loop to have seen it, so that whoever asks next sees it too.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

impl Hearth {
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
        self.try_now(app);
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

    /// Makes the loop try an app at once, its scripts before the start included.
    fn try_now(&self, app: &AppId) {
        self.scripts.prepare_again(app);
        self.wake.retry(app);
    }

    /// Tries at once what would be tried again later.
    ///
    /// # Errors
    /// When the app is not installed.
    pub async fn retry(&self, _by: &Actor, app: &AppId) -> Result<Generation> {
        self.name_and_package(app).await?;
        self.try_now(app);
        Ok(self.generation())
    }

    /// Begins with an empty folder where the app's own is missing: the owner says that it will not come back.
    ///
    /// # Errors
    /// When the folder is there.
    pub async fn start_fresh(&self, by: &Actor, app: &AppId) -> Result<Generation> {
        let (name, _) = self.name_and_package(app).await?;
        if self.data.state(app, false).map_err(|error| Error::Internal(Chain(&error).to_string()))?
            == hearth_model::observed::DataState::Present
        {
            return Err(Error::Conflict(format!(
                "the folder of {name} is there; nothing needs to be made anew"
            )));
        }
        self.forget_data(app).await?;
        let mut tx = self.db.writer.begin().await?;
        let seed = db::seeds::make(&mut tx, app).await?;
        tx.commit().await?;
        let seeds = seed.map(|seed| (app.clone(), seed));
        self.seeds.write().unwrap_or_else(PoisonError::into_inner).extend(seeds);
        tracing::info!(app.id = %app, by = ?by, "the owner starts the app with an empty folder");
        self.wake.reresolve(app);
        Ok(self.generation())
    }

    /// Forgets what is remembered of an app's folder: it was deleted, or its owner starts afresh.
    pub(crate) async fn forget_data(&self, app: &AppId) -> Result<()> {
        db::data::forget(&self.db, app).await?;
        self.seeds.write().unwrap_or_else(PoisonError::into_inner).remove(app);
        Ok(())
    }

    /// Uninstalls an app.
    ///
    /// # Errors
    /// When it is not installed and has no data to delete, or when its data cannot be deleted because something is mounted
    /// in its folder; nothing is changed then.
    pub async fn remove(&self, by: &Actor, app: &AppId, data: DataChoice) -> Result<Generation> {
        let name = self.name_and_package(app).await.map_or_else(|_| app.to_string(), |(name, _)| name);
        if data == DataChoice::Delete {
            self.check_removal(app).await?;
        }
        let packages = self.packages_of(&self.in_force().desired).await?;
        let kept = db::data::created(&self.db).await?.contains(app);
        let why = match data {
            DataChoice::Keep => format!("Uninstall {name}, keeping its data"),
            DataChoice::Delete => format!("Uninstall {name} and delete its data"),
        };
        self.edit(by, &why, |now| {
            let dependents = circle::dependents(app, &now.desired, &packages);
            if !dependents.is_empty() {
                return Err(Error::Conflict(format!(
                    "{name} is needed by {}: remove {} first",
                    dependents.join(" and "),
                    if dependents.len() == 1 { "it" } else { "them" }
                )));
            }
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
        if let Some(zone) = settings.time_zone.as_deref()
            && !time_zone::is_name(zone)
        {
            return Err(Error::Refused(format!("`{zone}` is no time zone; write one like Europe/Vienna")));
        }
        if settings
            .box_name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty() || name.chars().count() > 64)
        {
            return Err(Error::Refused("the name of the box has 1 to 64 characters".to_owned()));
        }
        if let Some(name) = settings.names.iter().find(|name| !is_host_name(name)) {
            return Err(Error::Refused(format!(
                "`{name}` is no name that a browser could open; write one like cloud.example.org, without http:// and port"
            )));
        }
        self.edit(by, "Change the settings of this box", |now| {
            Ok(Change { desired: Desired { settings, ..(*now.desired).clone() }, updates: Vec::new() })
        })
        .await
    }

    /// Makes a change, and waits until the loop has seen it.
    pub(crate) async fn edit(
        &self,
        by: &Actor,
        why: &str,
        change: impl FnOnce(CurrentGeneration) -> Result<Change>,
    ) -> Result<Generation> {
        let before = self.generation();
        let generation = self.record(by, why, change).await?;
        if generation > before {
            self.published_from(generation).await;
        }
        Ok(generation)
    }

    /// Makes a change: one transaction, one generation. A change that changes nothing makes none. The loop itself uses this:
    /// it would wait for itself in [`Hearth::edit`].
    pub(crate) async fn record(
        &self,
        by: &Actor,
        why: &str,
        change: impl FnOnce(CurrentGeneration) -> Result<Change>,
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
            let seeds = make_seeds(&mut tx, &now.desired, &desired).await?;
            tx.commit().await?;
            tracing::info!(%generation, by = ?by, "{why}");
            self.seeds.write().unwrap_or_else(PoisonError::into_inner).extend(seeds);
            self.trim_kept(&desired);
            self.in_force.send_replace(CurrentGeneration {
                generation,
                desired: Arc::new(desired),
                updates: Arc::new(all),
            });
            generation
        };
        self.tell(Event::Generation { generation });
        Ok(generation)
    }

    /// Waits until the state of the apps was published from this generation or a later one, or for [`SEEN_WITHIN`].
    async fn published_from(&self, generation: Generation) {
        let mut published = self.published.subscribe();
        let _ = tokio::time::timeout(SEEN_WITHIN, published.wait_for(|p| p.generation >= generation)).await;
    }

    /// Waits for the first look after a start: until then nothing is known of any app, which must not look like none.
    pub(super) async fn first_look(&self) {
        self.published_from(self.generation().min(Generation(1))).await;
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

    pub(super) async fn edit_app(
        &self,
        by: &Actor,
        app: &AppId,
        why: &str,
        change: impl FnOnce(&mut DesiredApp) -> Result<()>,
    ) -> Result<Generation> {
        self.edit(by, why, |now| {
            // An update that can go no further holds up nothing that the owner wants.
            if !self.is_stuck(app, now.generation) {
                refuse_while_updating(&now, app, app.as_str())?;
            }
            let mut desired = (*now.desired).clone();
            let wanted = desired.apps.get_mut(app).ok_or_else(|| Error::NoSuchApp(app.clone()))?;
            change(wanted)?;
            Ok(Change { desired, updates: Vec::new() })
        })
        .await
    }
}

/// Gives each app that a change installs a seed of its own, unless it has data from before; returns the new ones.
async fn make_seeds(
    tx: &mut Transaction<'_, Sqlite>,
    before: &Desired,
    after: &Desired,
) -> Result<Vec<(AppId, String)>> {
    let mut seeds = Vec::new();
    for app in after.apps.keys().filter(|app| !before.apps.contains_key(*app)) {
        if let Some(seed) = db::seeds::make(tx, app).await? {
            seeds.push((app.clone(), seed));
        }
    }
    Ok(seeds)
}

impl Hearth {
    /// Tells whether an app's update can go no further without its owner, by what was published last.
    fn is_stuck(&self, app: &AppId, generation: Generation) -> bool {
        let published = self.published.borrow();
        let state = published.apps.get(app).map(|status| status.state);
        published.generation >= generation && state == Some(AppState::Failed)
    }
}

pub(super) fn refuse_while_updating(now: &CurrentGeneration, app: &AppId, name: &str) -> Result<()> {
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

/// Tells whether a text is a host name in small letters ([RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)).
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
