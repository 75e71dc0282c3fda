use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::{AppId, AppSpec, ContainerSpec, Reason};

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::{Hearth, InForce};
use crate::resolve::circle::{self, Packages};
use crate::resolve::{self, Circle, Subject, Surroundings};
use crate::scripts::Folder;

/// What each desired app is made of, or why that cannot be told.
pub(crate) type Specs = BTreeMap<AppId, std::result::Result<AppSpec, Reason>>;

/// What an app was resolved from: when any of it changes, it is resolved anew.
#[derive(Debug, Clone, PartialEq, Eq)]
struct From {
    wanted: DesiredApp,
    around: Surroundings,
    circle: std::result::Result<Circle, Reason>,
}

/// Resolved apps, kept from look to look.
#[derive(Default)]
pub(crate) struct SpecCache {
    /// What each was resolved from.
    from: BTreeMap<AppId, From>,
    specs: Arc<Specs>,
    /// How often each was to be forgotten: one that was while a look resolved it is resolved once more.
    forgotten: BTreeMap<AppId, u64>,
}

impl Hearth {
    /// Returns what a container of an app is created from, as it was resolved last.
    pub(crate) fn known_container(&self, app: &AppId, name: &str) -> Option<ContainerSpec> {
        let specs = Arc::clone(&self.specs.lock().unwrap_or_else(PoisonError::into_inner).specs);
        let spec = specs.get(app)?.as_ref().ok()?;
        spec.services
            .values()
            .map(|service| &service.container)
            .find(|container| container.name == name)
            .cloned()
    }

    /// Makes the next look resolve an app anew.
    pub(crate) fn forget_spec(&self, app: &AppId) {
        let mut cache = self.specs.lock().unwrap_or_else(PoisonError::into_inner);
        cache.from.remove(app);
        *cache.forgotten.entry(app.clone()).or_default() += 1;
    }
}

/// Resolves every desired app, those that changed anew.
pub(super) async fn resolved(hearth: &Hearth, now: &InForce) -> Arc<Specs> {
    let around = hearth.surroundings(&now.desired);
    let packages = hearth.packages_of(&now.desired).await.unwrap_or_else(|error| {
        tracing::error!("{error}");
        Packages::new()
    });
    let (mut from, old, forgotten) = {
        let cache = hearth.specs.lock().unwrap_or_else(PoisonError::into_inner);
        (cache.from.clone(), Arc::clone(&cache.specs), cache.forgotten.clone())
    };
    let current = now.desired.apps.iter().map(|(app, wanted)| {
        let circle = packages.get(app).map_or_else(
            || Ok(Circle::default()),
            |package| circle::find(app, wanted, package, &now.desired, &packages),
        );
        (app, From { wanted: wanted.clone(), around: around.clone(), circle })
    });
    let changed: Vec<(&AppId, From)> =
        current.filter(|(app, current)| !old.contains_key(*app) || from.get(*app) != Some(current)).collect();
    if changed.is_empty() && old.len() == now.desired.apps.len() {
        return old;
    }
    let mut specs: Specs = old
        .iter()
        .filter(|(app, _)| now.desired.apps.contains_key(*app))
        .map(|(app, spec)| (app.clone(), spec.clone()))
        .collect();
    for (app, current) in changed {
        let spec = match installed(hearth, app, &current).await {
            Ok(spec) => spec,
            Err(error) => Err(Reason::new(ReasonCode::FileError, error.to_string())),
        };
        // What a script could not do now it may do at the next look.
        let may_pass = matches!(&spec, Err(reason) if reason.code == ReasonCode::ScriptFailed);
        specs.insert(app.clone(), spec);
        if may_pass {
            from.remove(app);
        } else {
            from.insert(app.clone(), current);
        }
    }
    let specs = Arc::new(specs);
    // A document that is only being looked at must not take the place of the one in force.
    if now.generation == hearth.generation() && Arc::ptr_eq(&now.desired, &hearth.in_force().desired) {
        let mut cache = hearth.specs.lock().unwrap_or_else(PoisonError::into_inner);
        cache.forgotten.retain(|app, _| now.desired.apps.contains_key(app));
        let since = |app: &AppId| cache.forgotten.get(app) != forgotten.get(app);
        from.retain(|app, _| now.desired.apps.contains_key(app) && !since(app));
        cache.from = from;
        cache.specs = Arc::clone(&specs);
    }
    specs
}

async fn installed(
    hearth: &Hearth,
    app: &AppId,
    current: &From,
) -> Result<std::result::Result<AppSpec, Reason>> {
    let From { wanted, around, circle } = current;
    let Some(package) = hearth.kept_package(&wanted.digest).await? else {
        return Ok(Err(Reason::new(
            ReasonCode::PackageMissing,
            format!(
                "The package {} of {app} is no longer kept on this box; reinstall the app from its store.",
                wanted.version
            ),
        )));
    };
    let mut secrets = db::data::secrets(&hearth.db, app).await?;
    let open = resolve::to_generate(&package.manifest.settings, &wanted.settings, &secrets);
    if !open.is_empty() {
        let made = resolve::generate(&open)
            .map_err(|error| Error::Internal(format!("the system gives no random numbers: {error}")))?;
        db::data::add_secrets(&hearth.db, app, &made).await?;
        secrets.extend(made);
    }
    let circle = match circle {
        Ok(circle) => circle,
        Err(reason) => return Ok(Err(reason.clone())),
    };
    let subject = Subject { app, desired: wanted, package: &package, secrets: &secrets, around };
    let links = hearth.links(subject, circle, Folder::Own).await;
    Ok(links.and_then(|links| resolve::resolve(subject, &links)))
}
