use hearth_fetch::Address;
use hearth_model::api::store::{PackageDetail, PackageSummary, StoreProgress, StoreSummary};
use hearth_model::desired::{Actor, DesiredStore};
use hearth_model::event::Event;
use hearth_model::package::PublishedPort;
use hearth_model::{AppId, AppSpec, Desired, Generation, StoreId};
use hearth_reconciler::Change;

use crate::catalog::kept::Record;
use crate::catalog::{Entry, PackageQuery, Store};
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::apps::access_requests;
use crate::resolve;

impl Hearth {
    /// Returns the packages that answer a query, best first.
    pub fn packages(&self, query: &PackageQuery) -> Vec<PackageSummary> {
        let desired = self.in_force().desired;
        self.catalog.search(query).iter().map(|entry| self.package_summary(entry, &desired)).collect()
    }

    /// Returns all about one package.
    ///
    /// # Errors
    /// When there is no such store or package.
    pub fn package(&self, store: &StoreId, package: &str) -> Result<PackageDetail> {
        let from = self.catalog.store(store)?;
        let entry = self.catalog.entry(store, package)?;
        let desired = self.in_force().desired;
        let (spec, refused) =
            match resolve::rehearse_in(&entry.package, &self.apps_dir().display().to_string()) {
                Ok(spec) => (Some(spec), None),
                Err(reason) => (None, Some(reason.message)),
            };
        let web = entry.package.manifest.web.as_ref().map(|web| web.host_port);
        let ports = spec
            .iter()
            .flat_map(AppSpec::host_ports)
            .filter(|port| Some(port.socket.port) != web)
            .map(|port| PublishedPort {
                port: port.socket.port,
                protocol: port.socket.protocol,
                service: port.service.to_string(),
            })
            .collect();
        let mut images: Vec<_> = spec
            .iter()
            .flat_map(|spec| spec.services.values().map(|service| service.container.image.clone()))
            .collect();
        images.sort();
        images.dedup();
        Ok(PackageDetail {
            store: store.clone(),
            store_name: from.name.clone(),
            manifest: entry.package.manifest.clone(),
            digest: entry.digest.clone(),
            icon: self.entry_icon_path(&entry),
            images,
            services: spec.iter().flat_map(|spec| spec.services.keys().map(ToString::to_string)).collect(),
            ports,
            access: spec.as_ref().map(|spec| access_requests(&entry.package, spec)).unwrap_or_default(),
            scripts: hearth_adapters::scripts::paths(&entry.package),
            installed: installed_as(&entry, &desired),
            refused,
        })
    }

    fn package_summary(&self, entry: &Entry, desired: &Desired) -> PackageSummary {
        let manifest = &entry.package.manifest;
        PackageSummary {
            store: entry.package.store.clone(),
            package: manifest.id.to_string(),
            name: manifest.name.clone(),
            tagline: manifest.tagline.clone(),
            version: manifest.version.clone(),
            category: manifest.category,
            icon: self.entry_icon_path(entry),
            installed: installed_as(entry, desired),
        }
    }

    /// Returns every store.
    pub fn stores(&self) -> Vec<StoreSummary> {
        let desired = self.in_force().desired;
        self.catalog.stores().iter().map(|store| self.store_summary(store, &desired)).collect()
    }

    /// Returns a store.
    ///
    /// # Errors
    /// When there is none.
    pub fn store(&self, id: &StoreId) -> Result<StoreSummary> {
        Ok(self.store_summary(&*self.catalog.store(id)?, &self.in_force().desired))
    }

    fn store_summary(&self, store: &Store, desired: &Desired) -> StoreSummary {
        let Record { location: _, content: _, revision, tried_at: _, refreshed_at, problem, changes } =
            &store.record;
        let from_here = desired.apps.iter().filter(|(_, app)| app.store == store.id);
        StoreSummary {
            id: store.id.clone(),
            name: store.name.clone(),
            location: match store.location.parse() {
                Ok(Address::Remote(remote)) => remote.to_string(),
                Ok(Address::Folder(_)) | Err(_) => store.location.clone(),
            },
            packages: store.packages.len(),
            refused: store.refused.clone(),
            built_in: store.built_in,
            revision: revision.as_ref().map(|revision| revision.short().to_owned()),
            refreshed_at: *refreshed_at,
            problem: problem.clone(),
            changes: changes.clone(),
            progress: self.catalog.progress(&store.id),
            apps: from_here.map(|(id, _)| id.clone()).collect(),
        }
    }

    /// Fetches a store and adds it.
    ///
    /// # Errors
    /// When the id is taken, or the store cannot be fetched or read; nothing is added then.
    pub async fn add_store(&self, by: &Actor, id: StoreId, store: DesiredStore) -> Result<Generation> {
        if self.catalog.store(&id).is_ok() {
            return Err(Error::Conflict(format!("there is a store `{id}` already; choose another id")));
        }
        let fetched = self.catalog.prepare(&id, &store, self.tell_progress(&id)).await?;
        let why = format!("Add the store {}", store.name);
        let added = self
            .edit(by, &why, |now| {
                let mut desired = (*now.desired).clone();
                desired.stores.insert(id.clone(), store.clone());
                Ok(Change { desired, updates: Vec::new() })
            })
            .await;
        drop(fetched);
        // Also when the edit failed: what was fetched is forgotten then.
        self.load_stores().await;
        added
    }

    /// Removes a store; its installed apps stay.
    ///
    /// # Errors
    /// When there is none, or it came with Hearth.
    pub async fn remove_store(&self, by: &Actor, id: &StoreId) -> Result<Generation> {
        let generation = self
            .edit(by, &format!("Remove the store {id}"), |now| {
                let mut desired = (*now.desired).clone();
                if desired.stores.remove(id).is_none() {
                    return Err(match self.catalog.store(id) {
                        Ok(_) => Error::Conflict(format!("the store `{id}` came with Hearth and stays")),
                        Err(error) => error,
                    });
                }
                Ok(Change { desired, updates: Vec::new() })
            })
            .await?;
        self.load_stores().await;
        Ok(generation)
    }

    /// Fetches a store if it changed, and reads it anew. Other stores are not touched.
    ///
    /// # Errors
    /// When there is none, it is being refreshed already, or it cannot be fetched or read; it keeps what it had then.
    pub async fn refresh_store(&self, id: &StoreId) -> Result<StoreSummary> {
        let wanted = self.in_force().desired.stores.get(id).cloned();
        let result = match &wanted {
            Some(wanted) => self.catalog.refresh(id, wanted, self.tell_progress(id)).await,
            None => self.catalog.refresh_built_in(id).await,
        };
        self.tell_stores();
        result?;
        self.store(id)
    }

    /// Brings the catalog in line with the stores that are wanted; those that must be fetched for it are fetched soon.
    pub(crate) async fn load_stores(&self) {
        if let Err(problem) = self.catalog.load(|| self.in_force().desired.stores.clone()).await {
            tracing::warn!("{problem}");
        }
        self.stores_changed.notify_one();
        self.tell_stores();
    }

    fn tell_stores(&self) {
        self.tell(Event::Store);
        self.wake.changed();
    }

    fn tell_progress(&self, id: &StoreId) -> impl Fn(StoreProgress) + Send + 'static {
        let (hearth, id) = (self.clone(), id.clone());
        move |progress| hearth.tell(Event::StoreProgress { id: id.clone(), progress })
    }
}

fn installed_as(entry: &Entry, desired: &Desired) -> Option<AppId> {
    let id = &entry.package.manifest.id;
    desired.apps.get(id).filter(|app| app.store == entry.package.store).map(|_| id.clone())
}
