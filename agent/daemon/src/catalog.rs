//! What the stores offer: every package of every store, read once and kept in memory.

/// What is other in a store than before.
mod changes;
/// One refresh of a store at a time.
mod claim;
/// Reads one folder of packages.
pub mod folder;
/// Reads a folder of packages in the format of another store.
pub mod foreign;
/// What is kept of stores on the disk.
pub(crate) mod kept;
/// Fetches and reads a store.
pub mod refresh;
/// Finds packages.
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hearth_fetch::{Address, Cancel, Limits};
use hearth_model::api::store::{RefusedPackage, StoreProblem, StoreProgress};
use hearth_model::desired::DesiredStore;
use hearth_model::package::Package;
use hearth_model::{Digest, StoreId};
use jiff::Timestamp;

use crate::db::packages::Icon;
use crate::error::{Error, Result};
use claim::{CancelOnDrop, Claim};
use kept::{Record, Shelf};
use refresh::Refresh;
pub use search::PackageQuery;

/// One source of packages, as it was when it was read last.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) id: StoreId,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) built_in: bool,
    /// The packages that can be used, by their id.
    pub packages: BTreeMap<String, Arc<Entry>>,
    /// The packages that cannot, each with the reason.
    pub refused: Vec<RefusedPackage>,
    /// Its refreshes; blank for a store that came with Hearth.
    pub(crate) record: Record,
}

/// One package on offer.
#[derive(Debug)]
pub struct Entry {
    /// The package.
    pub package: Package,
    pub(crate) digest: Digest,
    pub(crate) icon: Option<Icon>,
    haystack: search::Haystack,
}

impl Entry {
    pub(crate) fn new(package: Package, icon: Option<Icon>) -> Self {
        let (digest, haystack) = (package.digest(), search::Haystack::new(&package));
        Self { package, digest, icon, haystack }
    }
}

/// All stores, in memory.
#[derive(Debug)]
pub(crate) struct Catalog {
    built_in: Vec<PathBuf>,
    shelf: Shelf,
    limits: Limits,
    stores: RwLock<BTreeMap<StoreId, Arc<Store>>>,
    /// Held while the stores are brought in line with what is wanted.
    loading: Arc<tokio::sync::Mutex<()>>,
    /// Refreshes that go on, one of a store at a time.
    going: Mutex<BTreeMap<StoreId, StoreProgress>>,
}

impl Catalog {
    /// Returns it empty. `shelf` is the folder where stores are kept.
    pub(crate) fn new(built_in: Vec<PathBuf>, shelf: PathBuf, limits: Limits) -> Self {
        Self {
            built_in,
            shelf: Shelf::new(shelf),
            limits,
            stores: RwLock::default(),
            loading: Arc::default(),
            going: Mutex::default(),
        }
    }

    /// Brings the stores in line with what is wanted, without the network: those that are new are read from what is kept of
    /// them, those that are not wanted any more are forgotten.
    ///
    /// # Errors
    /// Names each store that could not be read; it is there all the same, with its problem and without packages.
    pub(crate) async fn load(
        self: &Arc<Self>,
        wanted: impl FnOnce() -> BTreeMap<StoreId, DesiredStore>,
    ) -> Result<()> {
        // One at a time, and each for what is wanted once it has its turn: the last one ends with what is wanted last.
        let turn = Arc::clone(&self.loading).lock_owned().await;
        let (catalog, wanted) = (Arc::clone(self), wanted());
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            catalog.load_now(&wanted)
        })
        .await
        .map_err(|error| Error::Internal(format!("reading the stores ended: {error}")))?
    }

    fn load_now(&self, wanted: &BTreeMap<StoreId, DesiredStore>) -> Result<()> {
        let before = self.stores.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut fresh = BTreeMap::new();
        let mut problems = Vec::new();
        for path in &self.built_in {
            let id = folder::default_id(path);
            let location = path.display().to_string();
            let read = before
                .values()
                .find(|store| store.built_in && store.location == location && store.record.problem.is_none());
            let store = match read {
                Some(read) => Arc::clone(read),
                None => Arc::new(read_built_in(path, &id).unwrap_or_else(|message| {
                    problems.push(format!("the store `{id}`: {message}"));
                    // It is shown with its problem rather than missing from the list.
                    let wanted = DesiredStore { name: id.to_string(), location: location.clone() };
                    let record = Record::default();
                    unreadable(&id, &wanted, true, record, message)
                })),
            };
            fresh.insert(store.id.clone(), store);
        }
        for (id, wanted) in wanted {
            let known = before.get(id).filter(|store| !store.built_in && store.location == wanted.location);
            let store = match known {
                Some(known) => Store { name: wanted.name.clone(), ..Store::clone(known) },
                None => self.on_disk(id, wanted, &mut problems),
            };
            fresh.insert(id.clone(), Arc::new(store));
        }
        {
            let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
            *stores = merged(&before, fresh, &stores);
        }
        // A store that is being added is not wanted yet.
        let mut stay: BTreeSet<StoreId> = wanted.keys().cloned().collect();
        stay.extend(self.going.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        self.shelf.forget_all_but(&stay);
        if problems.is_empty() { Ok(()) } else { Err(Error::Store(problems.join("; "))) }
    }

    /// Reads one of the owner's stores from its folder, or from what is kept of it.
    fn on_disk(&self, id: &StoreId, wanted: &DesiredStore, problems: &mut Vec<String>) -> Store {
        let record = self.shelf.record(id, &wanted.location);
        let path = match wanted.location.parse() {
            Ok(Address::Folder(path)) => Ok(path),
            Ok(Address::Remote(_)) => self
                .shelf
                .content(id, &record)
                .map(|content| refresh::root(&content))
                .ok_or_else(|| "it was not fetched yet".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let message = match path.and_then(|path| refresh::read(&path, id, wanted)) {
            Ok(store) => return Store { record, ..store },
            Err(message) => message,
        };
        problems.push(format!("the store `{id}`: {message}"));
        unreadable(id, wanted, false, record, message)
    }

    /// Fetches and reads a store that is not wanted yet; [`Catalog::load`] puts it in place once it is. What was fetched
    /// stays for as long as the claim that is returned, and from then on if the store is wanted.
    ///
    /// Dropping the future gives the fetch up.
    ///
    /// # Errors
    /// When it is being refreshed already, or cannot be fetched or read; nothing of it stays then.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        id: &StoreId,
        wanted: &DesiredStore,
        tell: impl Fn(StoreProgress) + Send + 'static,
    ) -> Result<Claim> {
        let result = self.run(id, wanted, None, tell).await.map(|(_, claim)| claim);
        if matches!(result, Err(Error::Store(_))) {
            self.shelf.forget(id);
        }
        result
    }

    /// Fetches one of the owner's stores if it changed, and reads it anew. One that fails keeps what it had.
    ///
    /// Dropping the future gives the fetch up.
    ///
    /// # Errors
    /// When it is being refreshed already, or cannot be fetched or read.
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        id: &StoreId,
        wanted: &DesiredStore,
        tell: impl Fn(StoreProgress) + Send + 'static,
    ) -> Result<()> {
        let before = self.store(id)?;
        // One that has no packages was never read: whatever its source says, there is nothing to keep.
        let known = (!before.packages.is_empty()).then(|| Arc::clone(&before));
        let (store, _claim, result) = match self.run(id, wanted, known, tell).await {
            Ok((store, claim)) => (store, Some(claim), Ok(())),
            Err(Error::Store(problem)) => {
                let record = self.shelf.record(id, &wanted.location);
                (Store { record, ..Store::clone(&before) }, None, Err(Error::Store(problem)))
            }
            Err(error) => return Err(error),
        };
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        // It may have been removed, renamed or moved meanwhile.
        if let Some(now) = stores.get_mut(id).filter(|now| now.location == wanted.location) {
            *now = Arc::new(Store { name: now.name.clone(), ..store });
        }
        result
    }

    /// Reads a store that came with Hearth anew.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) async fn refresh_built_in(self: &Arc<Self>, id: &StoreId) -> Result<()> {
        let store = self.store(id)?;
        let path = PathBuf::from(&store.location);
        let fresh = tokio::task::spawn_blocking(move || read_built_in(&path, &folder::default_id(&path)))
            .await
            .map_err(|error| Error::Internal(format!("reading the store ended: {error}")))?
            .map_err(Error::Store)?;
        let record = Record {
            refreshed_at: Some(Timestamp::now()),
            changes: changes::changes(&store.packages, &fresh.packages, Timestamp::now())
                .or_else(|| store.record.changes.clone()),
            ..Record::default()
        };
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        // One that could not be read was known by its folder's name; now it says its own.
        stores.remove(id);
        stores.insert(fresh.id.clone(), Arc::new(Store { record, ..fresh }));
        Ok(())
    }

    async fn run(
        self: &Arc<Self>,
        id: &StoreId,
        wanted: &DesiredStore,
        before: Option<Arc<Store>>,
        tell: impl Fn(StoreProgress) + Send + 'static,
    ) -> Result<(Store, Claim)> {
        let claim = Claim::new(self, id)?;
        let cancel = CancelOnDrop(Cancel::default());
        let (catalog, id, wanted) = (Arc::clone(self), id.clone(), wanted.clone());
        let given_up = cancel.0.clone();
        tokio::task::spawn_blocking(move || {
            let tell = |progress| {
                claim.tell(progress);
                tell(progress);
            };
            let (limits, cancel, before) = (catalog.limits, given_up, before.as_ref());
            let shelf = &catalog.shelf;
            let store =
                Refresh { shelf, id: &id, wanted: &wanted, before, limits, cancel, tell: &tell }.run()?;
            // Held until the work is done, also when nobody waits for it any more, and by whoever does from then on.
            Ok((store, claim))
        })
        .await
        .map_err(|error| Error::Internal(format!("refreshing the store ended: {error}")))?
        .map_err(Error::Store)
    }

    /// Returns how far the refresh of a store is, while it goes on.
    pub(crate) fn progress(&self, id: &StoreId) -> Option<StoreProgress> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    pub(crate) fn stores(&self) -> Vec<Arc<Store>> {
        self.stores.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn store(&self, id: &StoreId) -> Result<Arc<Store>> {
        self.stores
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
            .ok_or_else(|| Error::NoSuchStore(id.to_string()))
    }

    pub(crate) fn entry(&self, id: &StoreId, package: &str) -> Result<Arc<Entry>> {
        let store = self.store(id)?;
        if let Some(entry) = store.packages.get(package) {
            return Ok(Arc::clone(entry));
        }
        // It is there, and whoever asks for it wants to know why it is not offered.
        match store.refused.iter().find(|refused| refused.package == package) {
            Some(refused) => Err(Error::Package(format!(
                "the package `{package}` of the store `{id}` cannot be used: {}",
                refused.reason
            ))),
            None => Err(Error::NoSuchPackage { store: id.to_string(), package: package.to_owned() }),
        }
    }
}

/// Returns the stores that were read, with those in place of them that a refresh has read anew since `before`.
fn merged(
    before: &BTreeMap<StoreId, Arc<Store>>,
    read: BTreeMap<StoreId, Arc<Store>>,
    now: &BTreeMap<StoreId, Arc<Store>>,
) -> BTreeMap<StoreId, Arc<Store>> {
    let newest = |id: &StoreId, read: Arc<Store>| {
        let is_new = |store: &&Arc<Store>| !before.get(id).is_some_and(|before| Arc::ptr_eq(before, store));
        let same = |store: &&Arc<Store>| store.location == read.location && store.built_in == read.built_in;
        match now.get(id).filter(is_new).filter(same) {
            Some(refreshed) => Arc::new(Store { name: read.name.clone(), ..Store::clone(refreshed) }),
            None => read,
        }
    };
    read.into_iter().map(|(id, read)| (id.clone(), newest(&id, read))).collect()
}

fn read_built_in(path: &std::path::Path, id: &StoreId) -> std::result::Result<Store, String> {
    Ok(Store { built_in: true, location: path.display().to_string(), ..folder::read(path, id, None)? })
}

/// A store without packages that says why it has none.
fn unreadable(id: &StoreId, wanted: &DesiredStore, built_in: bool, record: Record, message: String) -> Store {
    let problem = record.problem.clone().unwrap_or(StoreProblem { at: Timestamp::now(), message });
    Store {
        id: id.clone(),
        name: wanted.name.clone(),
        location: wanted.location.clone(),
        built_in,
        packages: BTreeMap::new(),
        refused: Vec::new(),
        record: Record { problem: Some(problem), ..record },
    }
}

#[cfg(test)]
mod tests;
