use std::collections::BTreeMap;

use hearth_compose::pattern::check_answers;
use hearth_model::api::generations::{AppPlanPreview, GenerationDetail, PlanPreview, Proposal};
use hearth_model::desired::{Actor, GenerationInfo};
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, Desired, Generation};
use hearth_reconciler::{Change, CurrentGeneration};

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::versions::snapshot_name;
use crate::reconcile::look;

/// What happens to apps that a document leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// They are removed.
    Allowed,
    /// The document is refused.
    Refused,
}

impl Hearth {
    /// Returns every generation, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn generations(&self) -> Result<Vec<GenerationInfo>> {
        db::generations::all(&self.db).await
    }

    /// Returns one generation, and how it differs from the one in force.
    ///
    /// # Errors
    /// When there is none of that number.
    pub async fn generation_detail(&self, generation: Generation) -> Result<GenerationDetail> {
        let (info, desired) = db::generations::one(&self.db, generation).await?;
        let changes_from_current = changes(&self.in_force().desired, &desired);
        let desired = self.without_secrets(desired).await?;
        Ok(GenerationDetail { info, desired, changes_from_current })
    }

    /// Goes back to a generation, or to the one before the one in force, by making a new one that says the same.
    ///
    /// # Errors
    /// When there is no such generation, or a package that it names is no longer kept.
    pub async fn roll_back(&self, by: &Actor, to: Option<Generation>) -> Result<Generation> {
        let current = self.generation();
        let to = match to {
            Some(to) => to,
            None => current.0.checked_sub(1).map(Generation).ok_or_else(|| {
                Error::Refused("nothing was changed yet: there is nothing to go back to".to_owned())
            })?,
        };
        let desired = match to {
            Generation(0) => Desired { hearth: Desired::VERSION, ..Desired::default() },
            _ => db::generations::one(&self.db, to).await?.1,
        };
        // Going back must never delete data: what was to be deleted then is done, or was taken back since.
        let desired = Desired { deleted_data: self.in_force().desired.deleted_data.clone(), ..desired };
        self.keep_packages(&desired).await?;
        self.replace(by, desired, &format!("Go back to generation {to}"), None, Removal::Allowed).await
    }

    /// Returns what the owner wants, with its number and without its secrets.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export(&self) -> Result<(Generation, Desired)> {
        let (generation, desired) = self.export_with_secrets();
        Ok((generation, self.without_secrets(desired).await?))
    }

    /// Returns what the owner wants, with its number, and with every password that was typed.
    pub fn export_with_secrets(&self) -> (Generation, Desired) {
        let now = self.in_force();
        (now.generation, (*now.desired).clone())
    }

    /// Returns what applying a document would do; nothing is changed.
    ///
    /// # Errors
    /// When the document names a package that is not known, or an answer is wrong.
    pub async fn plan(&self, desired: &Desired) -> Result<PlanPreview> {
        check_version(desired)?;
        let desired = &self.with_stored_secrets(desired.clone())?;
        self.keep_packages(desired).await?;
        self.check_new_answers(desired).await?;
        let now = self.in_force();
        let changes = changes(&now.desired, desired);
        // What is in force has its ports already, or is being looked at for them.
        let ports = if changes.is_empty() { look::Ports::WhenNeeded } else { look::Ports::Always };
        let wanted = CurrentGeneration { desired: std::sync::Arc::new(desired.clone()), ..now };
        let view = look::everything(self, &wanted, ports).await;
        let plan = look::plan(self, &wanted, &view, &BTreeMap::new(), &BTreeMap::new());
        let apps = plan
            .apps
            .into_iter()
            .map(|(app, plan)| AppPlanPreview {
                app,
                steps: plan.stages.iter().flatten().map(hearth_model::Step::describe).collect(),
                state: plan.state,
                reason: plan.reason,
            })
            .collect();
        Ok(PlanPreview { changes, apps })
    }

    /// Makes a document what is wanted.
    ///
    /// # Errors
    /// When it was made for another generation, names a package that is not known, gives an answer that a package does not
    /// take, or removes apps without [`Proposal::allow_removal`].
    pub async fn apply(&self, by: &Actor, proposal: Proposal) -> Result<Generation> {
        let Proposal { desired, based_on, why, allow_removal } = proposal;
        check_version(&desired)?;
        let desired = self.with_stored_secrets(desired)?;
        self.keep_packages(&desired).await?;
        self.check_new_answers(&desired).await?;
        self.check_document_ports(&desired).await?;
        let why = why.filter(|why| !why.trim().is_empty());
        let why = why.as_deref().unwrap_or("Apply a document");
        let removal = if allow_removal { Removal::Allowed } else { Removal::Refused };
        self.replace(by, desired, why, based_on, removal).await
    }

    async fn replace(
        &self,
        by: &Actor,
        mut desired: Desired,
        why: &str,
        based_on: Option<Generation>,
        removal: Removal,
    ) -> Result<Generation> {
        desired.deleted_data.retain(|app| !desired.apps.contains_key(app));
        let generation = self
            .edit(by, why, |now| {
                if let Some(expected) = based_on.filter(|expected| *expected != now.generation) {
                    return Err(Error::Moved { expected, found: now.generation });
                }
                let removed: Vec<AppId> =
                    now.desired.apps.keys().filter(|app| !desired.apps.contains_key(*app)).cloned().collect();
                if removal == Removal::Refused && !removed.is_empty() {
                    return Err(Error::RemovesApps(removed));
                }
                let updates = changed_packages(&now, &desired);
                Ok(Change { desired, updates })
            })
            .await?;
        self.load_stores().await;
        Ok(generation)
    }

    /// Checks the answers that a document gives anew; those in force stay good, also where their package changes.
    async fn check_new_answers(&self, desired: &Desired) -> Result<()> {
        let now = self.in_force();
        for (app, wanted) in &desired.apps {
            if now.desired.apps.get(app).is_some_and(|old| old.settings == wanted.settings) {
                continue;
            }
            let Some(package) = self.kept_package(&wanted.digest).await? else { continue };
            let errors = check_answers(&package.manifest.settings, &wanted.settings);
            if !errors.is_empty() {
                return Err(Error::Refused(format!("{app}: {}", Error::Fields(errors))));
            }
        }
        Ok(())
    }

    /// Checks that every package that a document names is kept or on offer, and keeps those on offer.
    async fn keep_packages(&self, desired: &Desired) -> Result<()> {
        for (app, wanted) in &desired.apps {
            if self.kept_package(&wanted.digest).await?.is_some() {
                continue;
            }
            match self.catalog.entry(&wanted.store, &wanted.package) {
                Ok(entry) if entry.digest == wanted.digest => self.keep(&entry).await?,
                Ok(entry) => {
                    return Err(Error::Refused(format!(
                        "{app}: the document names the package {} of {}, and the store `{}` offers {} ({})",
                        wanted.digest.short(),
                        wanted.package,
                        wanted.store,
                        entry.digest.short(),
                        entry.package.manifest.version
                    )));
                }
                Err(error) => return Err(Error::Refused(format!("{app}: {error}"))),
            }
        }
        Ok(())
    }
}

/// Says what differs, without a password: people read it, and it goes where documents go.
fn changes(from: &Desired, to: &Desired) -> Vec<String> {
    let shown = |desired: &Desired| {
        let mut shown = desired.clone();
        for store in shown.stores.values_mut() {
            store.location = hearth_fetch::without_password(&store.location);
        }
        shown
    };
    let (shown_from, shown_to) = (shown(from), shown(to));
    let mut sentences = hearth_planner::diff::changes(&shown_from, &shown_to);
    for (id, store) in &to.stores {
        let Some(before) = from.stores.get(id).filter(|before| before.location != store.location) else {
            continue;
        };
        if hearth_fetch::without_password(&before.location) == hearth_fetch::without_password(&store.location)
        {
            sentences.push(format!("Change the password for the store {}.", store.name));
        }
    }
    sentences
}

fn check_version(desired: &Desired) -> Result<()> {
    if desired.hearth == Desired::VERSION {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "the document has `hearth: {}`, and this Hearth reads documents with `hearth: {}`",
        desired.hearth,
        Desired::VERSION
    )))
}

/// Returns the updates that a document begins: an app that changes its package goes the same careful way as by a click.
fn changed_packages(now: &CurrentGeneration, desired: &Desired) -> Vec<(AppId, Option<AppUpdate>)> {
    let removed =
        now.desired.apps.keys().filter(|app| !desired.apps.contains_key(*app)).map(|app| (app.clone(), None));
    let changed = desired.apps.iter().filter_map(|(app, wanted)| {
        let from = now.desired.apps.get(app).filter(|from| from.digest != wanted.digest)?;
        let update = AppUpdate {
            from: from.clone(),
            to: wanted.digest.clone(),
            snapshot: snapshot_name(now.generation.next(), &wanted.digest),
            phase: UpdatePhase::Fetching,
        };
        Some((app.clone(), Some(update)))
    });
    removed.chain(changed).collect()
}
