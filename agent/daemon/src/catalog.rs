//! What the stores offer: every package of every store, read once and kept in memory.

/// Reads one folder of packages.
pub(crate) mod folder;
/// Reads a folder of packages in the format of another store.
pub(crate) mod foreign;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use hearth_model::api::store::RefusedPackage;
use hearth_model::desired::DesiredStore;
use hearth_model::package::{Category, Package};
use hearth_model::{Digest, StoreId};

use crate::db::packages::Icon;
use crate::error::{Error, Result};

/// One source of packages, as it was when it was read last.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) built_in: bool,
    pub(crate) packages: BTreeMap<String, Arc<Entry>>,
    pub(crate) refused: Vec<RefusedPackage>,
}

/// One package on offer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) package: Package,
    pub(crate) digest: Digest,
    pub(crate) icon: Option<Icon>,
    /// Name, tagline, id and description in lower case, for the search.
    haystack: [String; 3],
}

impl Entry {
    pub(crate) fn new(package: Package, icon: Option<Icon>) -> Self {
        let manifest = &package.manifest;
        let haystack = [
            format!("{} {}", manifest.name.to_lowercase(), manifest.id),
            manifest.tagline.to_lowercase(),
            manifest.description.to_lowercase(),
        ];
        let digest = package.digest();
        Self { package, digest, icon, haystack }
    }

    /// Returns how well the entry answers the words, lower is better; `None` when a word is nowhere in it.
    fn rank(&self, words: &[String]) -> Option<usize> {
        words
            .iter()
            .map(|word| {
                let field = self.haystack.iter().position(|text| text.contains(word.as_str()))?;
                let starts = self.haystack[field].starts_with(word.as_str());
                Some(field * 2 + usize::from(!starts))
            })
            .sum()
    }
}

/// What is being looked for.
#[derive(Debug, Clone, Default)]
pub struct PackageQuery {
    /// Words that must all occur.
    pub text: Option<String>,
    /// Only this category.
    pub category: Option<Category>,
    /// Only this store.
    pub store: Option<StoreId>,
}

/// All stores, in memory.
#[derive(Debug)]
pub(crate) struct Catalog {
    built_in: Vec<PathBuf>,
    stores: RwLock<BTreeMap<StoreId, Arc<Store>>>,
}

impl Catalog {
    pub(crate) fn new(built_in: Vec<PathBuf>) -> Self {
        Self { built_in, stores: RwLock::default() }
    }

    /// Reads every store anew: those that came with Hearth, then the owner's.
    ///
    /// A store that cannot be read keeps what was read of it last.
    ///
    /// # Errors
    /// Names each store that could not be read; the others are in place all the same.
    pub(crate) async fn refresh(&self, wanted: &BTreeMap<StoreId, DesiredStore>) -> Result<()> {
        let built_in = self.built_in.clone();
        let wanted = wanted.clone();
        let read = tokio::task::spawn_blocking(move || read_all(&built_in, &wanted))
            .await
            .map_err(|error| Error::Internal(format!("reading the stores ended: {error}")))?;
        let mut problems = Vec::new();
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = BTreeMap::new();
        for (id, result) in read {
            match result {
                Ok(store) => {
                    fresh.insert(id, Arc::new(store));
                }
                Err(problem) => {
                    if let Some(last) = stores.get(&id) {
                        fresh.insert(id.clone(), Arc::clone(last));
                    }
                    problems.push(problem);
                }
            }
        }
        *stores = fresh;
        if problems.is_empty() { Ok(()) } else { Err(Error::Package(problems.join("; "))) }
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

    pub(crate) fn entry(&self, store: &StoreId, package: &str) -> Result<Arc<Entry>> {
        self.store(store)?
            .packages
            .get(package)
            .cloned()
            .ok_or_else(|| Error::NoSuchPackage { store: store.to_string(), package: package.to_owned() })
    }

    /// Returns the packages that answer the query: best first, then by name.
    pub(crate) fn search(&self, query: &PackageQuery) -> Vec<Arc<Entry>> {
        let words: Vec<String> = query
            .text
            .as_deref()
            .unwrap_or("")
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let mut found: Vec<(usize, Arc<Entry>)> = self
            .stores()
            .iter()
            .filter(|store| query.store.as_ref().is_none_or(|wanted| wanted == &store.id))
            .flat_map(|store| store.packages.values().cloned().collect::<Vec<_>>())
            .filter(|entry| query.category.is_none_or(|wanted| wanted == entry.package.manifest.category))
            .filter_map(|entry| Some((entry.rank(&words)?, entry)))
            .collect();
        found.sort_by(|(a_rank, a), (b_rank, b)| {
            a_rank.cmp(b_rank).then_with(|| {
                let name = |entry: &Entry| entry.package.manifest.name.to_lowercase();
                name(a).cmp(&name(b)).then_with(|| a.package.store.cmp(&b.package.store))
            })
        });
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}

type ReadStore = (StoreId, std::result::Result<Store, String>);

fn read_all(built_in: &[PathBuf], wanted: &BTreeMap<StoreId, DesiredStore>) -> Vec<ReadStore> {
    let mut read = Vec::new();
    for path in built_in {
        let id = folder::default_id(path);
        let result = folder::read(path, &id, None).map(|store| Store { built_in: true, ..store });
        let id = result.as_ref().map_or(id, |store| store.id.clone());
        read.push((id, result));
    }
    for (id, store) in wanted {
        let result = if store.location.starts_with('/') {
            folder::read(&PathBuf::from(&store.location), id, Some(&store.name))
                .map(|read| Store { id: id.clone(), ..read })
        } else {
            Err(format!(
                "the store `{id}` is at `{}`, which is not a folder of this box (a path that starts with `/`)",
                store.location
            ))
        };
        read.push((id.clone(), result));
    }
    read
}

#[cfg(test)]
mod tests;
