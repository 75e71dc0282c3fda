use std::collections::BTreeMap;

use hearth_model::api::store::{PackageDetail, PackageSummary, StoreSummary};
use hearth_model::desired::{Actor, DesiredStore};
use hearth_model::event::Event;
use hearth_model::package::PublishedPort;
use hearth_model::{AppId, Desired, Generation, StoreId};

use crate::catalog::{Entry, PackageQuery};
use crate::db::{self, packages::Icon};
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::apps::access_requests;
use crate::hearth::edits::Change;
use crate::resolve;

impl Hearth {
    /// Returns the packages that answer a query, best first.
    pub fn packages(&self, query: &PackageQuery) -> Vec<PackageSummary> {
        let desired = self.in_force().desired;
        self.catalog.search(query).iter().map(|entry| summary(entry, &desired)).collect()
    }

    /// Returns all about one package.
    ///
    /// # Errors
    /// When there is no such store or package.
    pub fn package(&self, store: &StoreId, package: &str) -> Result<PackageDetail> {
        let from = self.catalog.store(store)?;
        let entry = self.catalog.entry(store, package)?;
        let desired = self.in_force().desired;
        let (spec, refused) = match resolve::rehearse(&entry.package) {
            Ok(spec) => (Some(spec), None),
            Err(reason) => (None, Some(reason.message)),
        };
        let web = entry.package.manifest.web.as_ref().map(|web| web.host_port);
        let ports = spec
            .iter()
            .flat_map(|spec| spec.published_ports())
            .filter_map(|(service, port)| {
                let number = port.host_port?;
                let published =
                    PublishedPort { port: number, protocol: port.protocol, service: service.to_string() };
                (Some(number) != web).then_some(published)
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
            icon: icon_path(store, package),
            images,
            services: spec.iter().flat_map(|spec| spec.services.keys().map(ToString::to_string)).collect(),
            ports,
            access: spec.as_ref().map(|spec| access_requests(&entry.package, spec)).unwrap_or_default(),
            installed: installed_as(&entry, &desired),
            refused,
        })
    }

    /// Returns the icon of a package, also when its store is gone and the app is still installed.
    ///
    /// # Errors
    /// When there is none.
    pub async fn icon(&self, store: &StoreId, package: &str) -> Result<Icon> {
        if let Ok(entry) = self.catalog.entry(store, package)
            && let Some(icon) = &entry.icon
        {
            return Ok(icon.clone());
        }
        let desired = self.in_force().desired;
        let installed = desired.apps.values().find(|app| &app.store == store && app.package == package);
        if let Some(app) = installed
            && let Some(icon) = db::packages::icon(&self.db, &app.digest).await?
        {
            return Ok(icon);
        }
        Err(Error::NoSuchPackage { store: store.to_string(), package: package.to_owned() })
    }

    /// Returns every store.
    pub fn stores(&self) -> Vec<StoreSummary> {
        self.catalog
            .stores()
            .iter()
            .map(|store| StoreSummary {
                id: store.id.clone(),
                name: store.name.clone(),
                location: store.location.clone(),
                packages: store.packages.len(),
                refused: store.refused.clone(),
                built_in: store.built_in,
            })
            .collect()
    }

    /// Adds a store, when it reads.
    ///
    /// # Errors
    /// When the id is taken, or nothing can be read there.
    pub async fn add_store(&self, by: &Actor, id: StoreId, store: DesiredStore) -> Result<Generation> {
        if self.catalog.store(&id).is_ok() {
            return Err(Error::Conflict(format!("there is a store `{id}` already")));
        }
        let mut wanted: BTreeMap<_, _> = self.in_force().desired.stores.clone();
        wanted.insert(id.clone(), store.clone());
        self.catalog.refresh(&wanted).await?;
        let why = format!("Add the store {}", store.name);
        let generation = self
            .edit(by, &why, |now| {
                let mut desired = (*now.desired).clone();
                desired.stores.insert(id, store);
                Ok(Change { desired, updates: Vec::new() })
            })
            .await?;
        self.tell(Event::Store);
        Ok(generation)
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
        self.refresh_stores().await?;
        Ok(generation)
    }

    /// Reads every store anew.
    ///
    /// # Errors
    /// Names each store that could not be read.
    pub async fn refresh_stores(&self) -> Result<()> {
        let wanted = self.in_force().desired.stores.clone();
        let result = self.catalog.refresh(&wanted).await;
        self.tell(Event::Store);
        let _ = self.wake.try_send(crate::reconcile::Wakeup::DesiredChanged);
        result
    }
}

fn summary(entry: &Entry, desired: &Desired) -> PackageSummary {
    let manifest = &entry.package.manifest;
    PackageSummary {
        store: entry.package.store.clone(),
        package: manifest.id.to_string(),
        name: manifest.name.clone(),
        tagline: manifest.tagline.clone(),
        version: manifest.version.clone(),
        category: manifest.category,
        icon: icon_path(&entry.package.store, manifest.id.as_str()),
        installed: installed_as(entry, desired),
    }
}

fn installed_as(entry: &Entry, desired: &Desired) -> Option<AppId> {
    let id = &entry.package.manifest.id;
    desired.apps.get(id).filter(|app| app.store == entry.package.store).map(|_| id.clone())
}

/// Returns where a package's icon is served.
pub(crate) fn icon_path(store: &StoreId, package: &str) -> String {
    format!("/api/v1/store/packages/{store}/{package}/icon")
}
