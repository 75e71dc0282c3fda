use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_fetch::{Address, Cancel, Job, Limits, Outcome, Phase, Progress, Remote};
use hearth_model::StoreId;
use hearth_model::api::store::{StorePhase, StoreProblem, StoreProgress};
use hearth_model::desired::DesiredStore;
use jiff::Timestamp;

use crate::catalog::kept::{Record, Shelf};
use crate::catalog::{Store, changes, folder, foreign};

/// One refresh of one of the owner's stores.
pub(super) struct Refresh<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) id: &'a StoreId,
    pub(super) wanted: &'a DesiredStore,
    /// The store as it is in memory.
    pub(super) before: Option<&'a Arc<Store>>,
    pub(super) limits: Limits,
    pub(super) cancel: Cancel,
    pub(super) tell: &'a dyn Fn(StoreProgress),
}

impl Refresh<'_> {
    /// Fetches the store if it changed, reads it and puts it in place. It blocks.
    ///
    /// # Errors
    /// Says what failed; what was there stays, and the record has the reason.
    pub(super) fn run(&self) -> Result<Store, String> {
        let now = Timestamp::now();
        let last = self.shelf.record(self.id, &self.wanted.location);
        let record = Record { tried_at: Some(now), ..last.clone() };
        self.refresh(record, now).inspect_err(|message| {
            let problem = Some(StoreProblem { at: now, message: message.clone() });
            let record = Record { tried_at: Some(now), problem, ..last };
            if let Err(unwritten) = self.shelf.note(self.id, &record) {
                tracing::warn!(store = %self.id, "{unwritten}");
            }
        })
    }

    fn refresh(&self, record: Record, now: Timestamp) -> Result<Store, String> {
        match self.wanted.location.parse().map_err(|error: hearth_fetch::InvalidAddress| error.to_string())? {
            Address::Folder(path) => {
                let store = self.read(&path)?;
                let record = self.renewed(record, &store, now);
                self.shelf.note(self.id, &record)?;
                Ok(Store { record, ..store })
            }
            Address::Remote(remote) => self.fetch(&remote, &record, now),
        }
    }

    fn fetch(&self, remote: &Remote, record: &Record, now: Timestamp) -> Result<Store, String> {
        let kept = self.shelf.content(self.id, record);
        // What is known is asked about only when it is there and was read.
        let known = record.revision.as_ref().filter(|_| kept.is_some() && self.before.is_some());
        let scratch = self.shelf.scratch(self.id, now)?;
        let result = self.fetch_into(&scratch, remote, known, record.clone(), now);
        // When this fails too, the next fetch removes it.
        let _ = hearth_host::data::delete_tree(&scratch, &|| true);
        result
    }

    fn fetch_into(
        &self,
        scratch: &Path,
        remote: &Remote,
        known: Option<&hearth_fetch::Revision>,
        record: Record,
        now: Timestamp,
    ) -> Result<Store, String> {
        let tell = |progress: Progress| (self.tell)(progress_of(progress));
        let job = Job::new(self.limits, self.cancel.clone(), &tell);
        let outcome = hearth_fetch::fetch(remote, known, scratch, &job).map_err(|error| in_full(&error))?;
        match (outcome, self.before) {
            (Outcome::Unchanged(revision), Some(before)) => {
                let record =
                    Record { revision: Some(revision), refreshed_at: Some(now), problem: None, ..record };
                self.shelf.note(self.id, &record)?;
                Ok(Store { record, name: self.wanted.name.clone(), ..Store::clone(before) })
            }
            (Outcome::Unchanged(_), None) => {
                Err("the source says that it is as it was, and nothing of it is \
                 here; refresh again"
                    .to_owned())
            }
            (Outcome::Fetched(fetched), _) => {
                if fetched.left_out > 0 {
                    tracing::info!(store = %self.id, "{} links and devices were left out", fetched.left_out);
                }
                let store = self.read(&root(&fetched.tree))?;
                let record = Record { revision: Some(fetched.revision), ..self.renewed(record, &store, now) };
                let record = self.shelf.keep(self.id, &fetched.tree, record, now)?;
                Ok(Store { record, ..store })
            }
        }
    }

    fn read(&self, path: &Path) -> Result<Store, String> {
        (self.tell)(StoreProgress { phase: StorePhase::Reading, bytes: 0, total: None });
        let store = read(path, self.id, self.wanted)?;
        if !store.packages.is_empty() {
            return Ok(store);
        }
        Err(match store.refused.first() {
            Some(first) => format!(
                "none of its {} packages can be used; the first, `{}`, because {}",
                store.refused.len(),
                first.package,
                first.reason
            ),
            None => format!(
                "no package was found in `{}`; a store has `apps/<id>/app.yml` (Hearth), `<id>/umbrel-app.yml` (Umbrel), \
                 `Apps/<Name>/docker-compose.yml` (CasaOS) or `apps/<id>/config.json` (Runtipi)",
                self.wanted.location
            ),
        })
    }

    /// Returns the record of a refresh that worked.
    fn renewed(&self, record: Record, store: &Store, now: Timestamp) -> Record {
        let fresh = self.before.and_then(|before| changes::changes(&before.packages, &store.packages, now));
        Record { refreshed_at: Some(now), problem: None, changes: fresh.or(record.changes), ..record }
    }
}

/// Reads one of the owner's stores from the folder that has its files.
pub(super) fn read(path: &Path, id: &StoreId, wanted: &DesiredStore) -> Result<Store, String> {
    let store = folder::read(path, id, Some(&wanted.name))?;
    Ok(Store { id: id.clone(), location: wanted.location.clone(), ..store })
}

/// Returns the folder of a fetched tree that is the store: the tree, or the one folder that archives often have around
/// everything.
pub fn root(tree: &Path) -> PathBuf {
    let is_store =
        tree.join("store.yml").is_file() || tree.join("apps").is_dir() || foreign::format(tree).is_some();
    let mut folders = std::fs::read_dir(tree).into_iter().flatten().filter_map(Result::ok);
    match (folders.next(), folders.next()) {
        (Some(only), None) if !is_store && only.path().is_dir() && !only.path().join("app.yml").exists() => {
            only.path()
        }
        _ => tree.to_owned(),
    }
}

fn progress_of(progress: Progress) -> StoreProgress {
    let Progress { phase, bytes, total } = progress;
    let phase = match phase {
        Phase::Fetching => StorePhase::Fetching,
        Phase::Unpacking => StorePhase::Unpacking,
    };
    StoreProgress { phase, bytes, total }
}

/// Writes an error with everything below it.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
