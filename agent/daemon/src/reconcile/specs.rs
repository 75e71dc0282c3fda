use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::{AppId, AppSpec, Chain, ContainerSpec, Reason};

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::{Hearth, InForce};
use crate::resolve::circle::{self, Packages};
use crate::resolve::{self, Circle, Subject, Surroundings};
use crate::scripts::Folder;

/// Resolves apps whose package needs a script to run for it, outside of the loop's turn.
mod background;

/// What each desired app is made of, or why that cannot be told. An app is missing while a script works it out.
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
    /// How often each was to be forgotten: one that was while it was being resolved is resolved once more.
    forgotten: BTreeMap<AppId, u64>,
    background: background::Background,
}

impl Hearth {
    /// Returns what a container of an app is created from, as it was resolved last.
    pub(crate) fn known_container(&self, app: &AppId, name: &str) -> Option<ContainerSpec> {
        let spec = self.known_spec(app)?;
        spec.services
            .values()
            .map(|service| &service.container)
            .find(|container| container.name == name)
            .cloned()
    }

    /// Returns what an app is made of, as it was resolved last.
    pub(crate) fn known_spec(&self, app: &AppId) -> Option<AppSpec> {
        self.spec_cache().specs.get(app)?.as_ref().ok().cloned()
    }

    /// Makes the next look resolve an app anew.
    pub(crate) fn forget_spec(&self, app: &AppId) {
        let mut cache = self.spec_cache();
        cache.from.remove(app);
        cache.background.retry(app);
        *cache.forgotten.entry(app.clone()).or_default() += 1;
    }

    /// Makes the next look run an app's scripts again, however short ago they failed.
    pub(crate) fn retry_spec(&self, app: &AppId) {
        self.spec_cache().background.retry(app);
    }

    /// Returns what keeps an app from being resolved as it is wanted now: a script that runs, or failed.
    pub(crate) fn spec_trouble(&self, app: &AppId) -> Option<Reason> {
        self.spec_cache().background.trouble(app)
    }

    fn spec_cache(&self) -> MutexGuard<'_, SpecCache> {
        self.specs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves every desired app, those that changed anew.
///
/// What is in force is resolved in the background where a script has to run for it, so that no script holds up another
/// app: until it has ended, the app is as it was resolved last if the owner wants the same, and missing otherwise. A
/// document that is only being looked at is resolved at once.
pub(super) async fn resolved(hearth: &Hearth, now: &InForce) -> Arc<Specs> {
    let around = hearth.surroundings(&now.desired);
    let packages = hearth.packages_of(&now.desired).await.unwrap_or_else(|error| {
        tracing::error!("{}", Chain(&error));
        Packages::new()
    });
    let in_force =
        now.generation == hearth.generation() && Arc::ptr_eq(&now.desired, &hearth.in_force().desired);
    let (known, changed) = {
        let mut cache = hearth.spec_cache();
        if in_force {
            cache.retain(now);
        }
        let current = now.desired.apps.iter().map(|(app, wanted)| {
            let circle = packages.get(app).map_or_else(
                || Ok(Circle::default()),
                |package| circle::find(app, wanted, package, &now.desired, &packages),
            );
            (app, From { wanted: wanted.clone(), around: around.clone(), circle })
        });
        let changed: Vec<(&AppId, From)> =
            current.filter(|(app, current)| cache.is_stale(app, current)).collect();
        (Arc::clone(&cache.specs), changed)
    };
    if changed.is_empty() && known.len() == now.desired.apps.len() {
        return known;
    }
    let mut specs: Specs = known
        .iter()
        .filter(|(app, _)| now.desired.apps.contains_key(*app))
        .map(|(app, spec)| (app.clone(), spec.clone()))
        .collect();
    for (app, current) in changed {
        let spec = if in_force && runs_scripts(&current, &packages, app) {
            background::begin(hearth, app, current)
        } else {
            Some(at_once(hearth, app, current, in_force).await)
        };
        match spec {
            Some(spec) => drop(specs.insert(app.clone(), spec)),
            None => drop(specs.remove(app)),
        }
    }
    Arc::new(specs)
}

impl SpecCache {
    /// Forgets apps that are not wanted any more.
    fn retain(&mut self, now: &InForce) {
        let wanted = |app: &AppId| now.desired.apps.contains_key(app);
        self.from.retain(|app, _| wanted(app));
        self.forgotten.retain(|app, _| wanted(app));
        self.background.retain(wanted);
        if self.specs.keys().any(|app| !wanted(app)) {
            Arc::make_mut(&mut self.specs).retain(|app, _| wanted(app));
        }
    }

    fn is_stale(&self, app: &AppId, current: &From) -> bool {
        self.from.get(app) != Some(current) || !self.specs.contains_key(app)
    }

    fn forgotten(&self, app: &AppId) -> u64 {
        self.forgotten.get(app).copied().unwrap_or_default()
    }

    /// Keeps what an app was resolved to, unless it was to be forgotten since `forgotten` was counted.
    fn keep(&mut self, app: &AppId, from: From, spec: std::result::Result<AppSpec, Reason>, forgotten: u64) {
        if self.forgotten(app) == forgotten {
            self.from.insert(app.clone(), from);
        }
        Arc::make_mut(&mut self.specs).insert(app.clone(), spec);
    }
}

/// Tells whether a script has to run before an app can be resolved: its own, or one of an app that it depends on.
fn runs_scripts(current: &From, packages: &Packages, app: &AppId) -> bool {
    let others = current.circle.iter().flat_map(|circle| circle.talks_to.iter().map(|(other, _)| other));
    std::iter::once(app)
        .chain(others)
        .filter_map(|app| packages.get(app))
        .any(|package| crate::scripts::run_exports(package))
}

/// Resolves an app for which no script runs, or which is only being looked at.
async fn at_once(
    hearth: &Hearth,
    app: &AppId,
    current: From,
    in_force: bool,
) -> std::result::Result<AppSpec, Reason> {
    let forgotten = hearth.spec_cache().forgotten(app);
    let spec = installed(hearth, app, &current).await;
    // A document that is only being looked at must not take the place of the one in force.
    if in_force {
        hearth.spec_cache().keep(app, current, spec.clone(), forgotten);
    }
    spec
}

/// Resolves an app.
async fn installed(hearth: &Hearth, app: &AppId, current: &From) -> std::result::Result<AppSpec, Reason> {
    let spec = try_installed(hearth, app, current).await;
    spec.unwrap_or_else(|error| {
        tracing::error!(app.id = %app, "what the app is made of cannot be told: {}", Chain(&error));
        Err(Reason::new(ReasonCode::FileError, error.to_string()))
    })
}

async fn try_installed(
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
