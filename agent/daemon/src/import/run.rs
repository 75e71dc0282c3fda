use std::sync::PoisonError;

use hearth_host::data::{Borders, LeftOut, Lost, Watch};
use hearth_model::api::import::{ImportState, ImportStatus, ImportUmbrel};
use hearth_model::desired::Actor;
use hearth_model::{Chain, Generation};
use hearth_reconciler::Change;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::job;
use super::plan::{Prepared, Ready, granted};
use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::resolve;

/// The folder of files that apps share, beside the apps' own.
const LIBRARY: &str = "library";

/// Files that a copy lacks and that are named; the others are counted.
const NAMED_FILES: usize = 5;

/// How one thing ended that was not taken over.
enum Ended {
    GivenUp,
    Failed(String),
}

/// Returns what the owner decided about mounts in the folders of the other box.
fn borders(request: &ImportUmbrel) -> Borders {
    if request.copy_mounts { Borders::Cross } else { Borders::Refuse }
}

/// Says what a copy lacks, for the owner; sockets are made anew by whoever needs them.
fn lacks(left_out: &[LeftOut]) -> Option<String> {
    let lost: Vec<&LeftOut> = left_out.iter().filter(|left| left.what != Lost::Socket).collect();
    let named: Vec<String> = lost.iter().take(NAMED_FILES).map(ToString::to_string).collect();
    let more = lost.len().checked_sub(NAMED_FILES).filter(|more| *more > 0);
    let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
    (!named.is_empty()).then(|| format!("the copy lacks {}{more}", named.join(", ")))
}

impl Hearth {
    /// Returns how far the last import is; `None` when there was none since the start.
    pub fn import_status(&self) -> Option<ImportStatus> {
        self.imports.status()
    }

    /// Gives the import up that goes on. Apps that were taken over stay.
    pub fn cancel_import(&self) {
        self.imports.cancel();
    }

    /// Begins to take apps over from the data folder of an umbrelOS box, and goes on by itself. Each app is a generation of
    /// its own: it starts while others are still being copied, can be gone back on alone, and stays when a later one fails.
    ///
    /// # Errors
    /// When the folder is none of umbrelOS, or an import goes on already.
    pub async fn begin_import(&self, by: Actor, request: ImportUmbrel) -> Result<ImportStatus> {
        let prepared = self.prepare_import(&request).await?;
        let status = ImportStatus {
            folder: prepared.plan.folder.clone(),
            is_running: true,
            items: job::items(&prepared),
        };
        let cancel = self.imports.begin(status.clone())?;
        tracing::info!("takes apps over from {}", status.folder);
        let hearth = self.clone();
        self.imports.spawn(self.clone(), async move {
            hearth.import(&by, &request, &prepared, &cancel).await;
        });
        Ok(status)
    }

    async fn import(
        &self,
        by: &Actor,
        request: &ImportUmbrel,
        prepared: &Prepared,
        cancel: &CancellationToken,
    ) {
        let files = prepared.plan.files.iter().map(|files| &files.folder);
        for (index, folder) in files.enumerate() {
            let result = self.bring_files(index, prepared, folder, borders(request), cancel).await;
            self.note(index, folder, result);
        }
        let first = prepared.plan.files.len();
        for (index, ready) in
            prepared.apps.iter().enumerate().filter_map(|(i, found)| Some((i, found.taken()?)))
        {
            let index = first + index;
            let result = if cancel.is_cancelled() {
                Err(Ended::GivenUp)
            } else {
                self.take_over(index, by, request, &prepared.source.seed, ready, cancel).await
            };
            self.note(index, ready.app.as_str(), result);
        }
    }

    fn note(&self, index: usize, name: &str, result: std::result::Result<Option<String>, Ended>) {
        let (state, message) = match result {
            Ok(message) => (ImportState::Done, message),
            Err(Ended::GivenUp) => (ImportState::GivenUp, None),
            Err(Ended::Failed(why)) => {
                tracing::warn!("{name} was not taken over: {why}");
                (ImportState::Failed, Some(why))
            }
        };
        self.imports.item(index, |item| {
            item.state = state;
            item.message = message.or(item.message.take());
        });
    }

    async fn bring_files(
        &self,
        index: usize,
        prepared: &Prepared,
        folder: &str,
        borders: Borders,
        cancel: &CancellationToken,
    ) -> std::result::Result<Option<String>, Ended> {
        let (data, source) = (self.data.clone(), prepared.source.folder.join(folder));
        let copy = move |watch: Watch<'_>| data.import_beside(LIBRARY, &source, borders, watch);
        let (stayed, left_out) = self.copying(index, cancel, copy).await?;
        let stayed = (stayed > 0).then(|| format!("{stayed} files were here already and stay as they are"));
        let told: Vec<String> = stayed.into_iter().chain(lacks(&left_out)).collect();
        Ok((!told.is_empty()).then(|| told.join("; ")))
    }

    /// Takes one app over. When that fails half-way, nothing of it stays.
    async fn take_over(
        &self,
        index: usize,
        by: &Actor,
        request: &ImportUmbrel,
        seed: &str,
        ready: &Ready,
        cancel: &CancellationToken,
    ) -> std::result::Result<Option<String>, Ended> {
        let (data, app, source) = (self.data.clone(), ready.app.clone(), ready.folder.clone());
        let borders = borders(request);
        let copy = move |watch: Watch<'_>| data.import(&app, &source, borders, watch);
        let left_out = self.copying(index, cancel, copy).await?;
        match self.want_brought(by, request, seed, ready).await {
            Ok(_) => Ok(lacks(&left_out)),
            Err(error) => {
                self.turn_back(&ready.app).await;
                Err(Ended::Failed(error.to_string()))
            }
        }
    }

    /// Makes a folder that arrived an installed app's.
    async fn want_brought(
        &self,
        by: &Actor,
        request: &ImportUmbrel,
        seed: &str,
        ready: &Ready,
    ) -> Result<Generation> {
        let Ready { app, entry, wanted, .. } = ready;
        self.keep(entry).await?;
        db::data::set_brought(&self.db, app, seed, &entry.digest, Timestamp::now()).await?;
        self.seeds.write().unwrap_or_else(PoisonError::into_inner).extend([(app.clone(), seed.to_owned())]);
        let spec = self.rehearse(app, wanted, &entry.package).await?;
        let spec = spec.map_err(|reason| Error::Package(reason.message))?;
        let agreed = request.granted.get(app).cloned().unwrap_or_default();
        let mut wanted = wanted.clone();
        wanted.granted = granted(&spec, &agreed);
        let missing = resolve::missing_consent(&spec, &wanted.granted);
        if !missing.is_empty() {
            return Err(Error::ConsentNeeded(missing.iter().map(hearth_compose::means).collect()));
        }
        let name = &entry.package.manifest.name;
        let why = format!("Take {name} over from {}", request.folder);
        let generation = self
            .edit(by, &why, |now| {
                let mut desired = (*now.desired).clone();
                if desired.apps.contains_key(app) {
                    return Err(Error::Conflict(format!("{name} was installed meanwhile")));
                }
                desired.deleted_data.remove(app);
                desired.apps.insert(app.clone(), wanted);
                Ok(Change { desired, updates: vec![(app.clone(), None)] })
            })
            .await?;
        if let Err(error) = self.data.settle(app) {
            // The next start does it: the app is installed by now.
            tracing::warn!(app.id = %app, "{}", Chain(&error));
        }
        Ok(generation)
    }

    /// Copies where it does not hold up anything else, telling how far it is.
    async fn copying<T: Send + 'static>(
        &self,
        index: usize,
        cancel: &CancellationToken,
        copy: impl FnOnce(Watch<'_>) -> std::result::Result<T, hearth_host::data::Error> + Send + 'static,
    ) -> std::result::Result<T, Ended> {
        self.imports.item(index, |item| item.state = ImportState::Copying);
        let (hearth, cancel) = (self.clone(), cancel.clone());
        let copied = tokio::task::spawn_blocking(move || {
            copy(&|bytes| {
                hearth.imports.item(index, |item| {
                    item.done_bytes = item.done_bytes.saturating_add(bytes).min(item.total_bytes);
                });
                !cancel.is_cancelled()
            })
        });
        match copied.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(hearth_host::data::Error::GivenUp { .. })) => Err(Ended::GivenUp),
            Ok(Err(error)) => Err(Ended::Failed(Chain(&error).to_string())),
            Err(error) => Err(Ended::Failed(format!("the copy broke off: {error}"))),
        }
    }

    /// Clears away an app that arrived and did not become an installed one.
    async fn turn_back(&self, app: &hearth_model::AppId) {
        if self.in_force().desired.apps.contains_key(app) {
            return;
        }
        if let Err(error) = self.data.turn_back(app) {
            tracing::warn!(app.id = %app, "{}", Chain(&error));
        }
        self.janitor.wake();
        if let Err(error) = self.forget_data(app).await {
            tracing::warn!(app.id = %app, "{}", Chain(&error));
        }
    }

    /// Brings to an end what an import has left that was cut off: an app that is wanted is whole, any other goes.
    pub(crate) async fn tidy_imports(&self) {
        let arriving = match self.data.arriving() {
            Ok(arriving) => arriving,
            Err(error) => return tracing::warn!("{}", Chain(&error)),
        };
        for app in arriving {
            if self.in_force().desired.apps.contains_key(&app) {
                if let Err(error) = self.data.settle(&app) {
                    tracing::warn!(app.id = %app, "{}", Chain(&error));
                }
            } else {
                tracing::info!(app.id = %app, "clears away what an import that was cut off has left");
                self.turn_back(&app).await;
            }
        }
    }
}
