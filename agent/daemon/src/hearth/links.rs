use std::collections::BTreeMap;

use hearth_model::api::apps::{Companion, CompanionOption};
use hearth_model::desired::DesiredApp;
use hearth_model::package::Package;
use hearth_model::{AppId, Desired, Reason};

use crate::error::Result;
use crate::hearth::Hearth;
use crate::resolve::circle::{self, Packages};
use crate::resolve::{self, Circle, Links, Membership, Subject};
use crate::scripts::Folder;

impl Hearth {
    /// Returns the packages of the apps of a document, as far as they are kept.
    pub(crate) async fn packages_of(&self, desired: &Desired) -> Result<Packages> {
        let mut packages = Packages::new();
        for (app, wanted) in &desired.apps {
            if let Some(package) = self.kept_package(&wanted.digest).await? {
                packages.insert(app.clone(), package);
            }
        }
        Ok(packages)
    }

    /// Returns the other apps that have a say in what an app is made of, or why they cannot be told.
    pub(crate) async fn circle(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        package: &Package,
        desired: &Desired,
    ) -> Result<std::result::Result<Circle, Reason>> {
        let packages = self.packages_of(desired).await?;
        Ok(circle::find(app, wanted, package, desired, &packages))
    }

    /// Returns the apps that a package talks to, with those that stores offer where none is installed.
    pub(crate) async fn companions(&self, wanted: &DesiredApp, package: &Package) -> Result<Vec<Companion>> {
        let packages = self.packages_of(&self.in_force().desired).await?;
        let mut companions = circle::companions(wanted, package, &packages);
        for companion in companions.iter_mut().filter(|companion| companion.options.is_empty()) {
            companion.options = self.offered_for(&companion.package);
        }
        Ok(companions)
    }

    /// Returns what stores offer that will do for a package: itself first, then by name.
    fn offered_for(&self, package: &AppId) -> Vec<CompanionOption> {
        let mut offers = Vec::new();
        for store in self.catalog.stores() {
            let able = store.packages.values().map(|entry| &entry.package);
            let able = able.filter(|other| circle::does_for(package, &other.manifest.id, other));
            offers.extend(able.map(|other| CompanionOption {
                app: other.manifest.id.clone(),
                name: other.manifest.name.clone(),
                store: Some(store.id.clone()),
            }));
        }
        offers.sort_by_cached_key(|offer| (offer.app != *package, offer.name.to_lowercase()));
        offers
    }

    /// Returns the packages of the apps whose networks an app joins, and of those that join its own.
    async fn packages_by_digest(&self, circle: &Circle) -> Packages {
        let mut packages = Packages::new();
        for (app, digest) in circle.joins.providers.iter().chain(&circle.joins.dependents) {
            match self.kept_package(digest).await {
                Ok(Some(package)) => drop(packages.insert(app.clone(), package)),
                Ok(None) => {}
                Err(error) => tracing::error!(app.id = %app, "{error}"),
            }
        }
        packages
    }

    /// Returns what an app's circle and its package's scripts add to what it is made of.
    ///
    /// # Errors
    /// The reason for the owner: a script that failed.
    pub(crate) async fn links(
        &self,
        subject: Subject<'_>,
        circle: &Circle,
        folder: Folder,
    ) -> std::result::Result<Links, Reason> {
        let mut links = Links {
            exported: BTreeMap::new(),
            membership: Membership::default(),
            access: circle::shared_access(subject.app, subject.package, &circle.joins),
            tor: circle.tor.clone(),
            data: Some(self.data.clone()),
        };
        let environment = resolve::variables::of(subject, &links)
            .map_err(|problem| Reason::new(hearth_model::condition::ReasonCode::PackageInvalid, problem))?;
        links.exported = self.exported(subject, circle, environment, folder).await?;
        let others = self.packages_by_digest(circle).await;
        links.membership =
            Membership::of(subject.app, subject.package, &circle.joins, &others, &links.exported);
        Ok(links)
    }
}
