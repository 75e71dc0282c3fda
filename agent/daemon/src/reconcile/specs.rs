use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::condition::ReasonCode;
use hearth_model::desired::DesiredApp;
use hearth_model::{AppId, AppSpec, Chain, Reason};
use hearth_reconciler::{CurrentGeneration, Purpose, ResolveInput, Specs};

use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::reconcile::world::ThisBox;
use crate::resolve::circle::{self, Packages};
use crate::resolve::{self, Circle, Subject, Surroundings};
use crate::scripts::Folder;

/// What an app is resolved from, besides the owner's entry for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedFrom {
    around: Arc<Surroundings>,
    circle: std::result::Result<Circle, Reason>,
}

/// Resolves every desired app of a generation, those that changed anew. Of the generation in force, apps whose scripts have
/// to run are left to the loop.
pub(super) async fn resolved(hearth: &Hearth, now: &CurrentGeneration) -> Arc<Specs> {
    let is_in_force =
        now.generation == hearth.generation() && Arc::ptr_eq(&now.desired, &hearth.in_force().desired);
    let purpose = if is_in_force { Purpose::InForce } else { Purpose::Question };
    let resolved = hearth.specs.resolved(&ThisBox(hearth.clone()), now, purpose).await;
    if resolved.is_due() {
        hearth.wake.changed();
    }
    resolved.specs
}

/// Returns what each desired app is resolved from.
pub(super) async fn inputs(
    hearth: &Hearth,
    now: &CurrentGeneration,
) -> BTreeMap<AppId, ResolveInput<ResolvedFrom>> {
    hearth.observe_address().await;
    let around = Arc::new(hearth.surroundings(&now.desired));
    let packages = hearth.packages_of(&now.desired).await.unwrap_or_else(|error| {
        tracing::error!("{}", Chain(&error));
        Packages::new()
    });
    let input = |app: &AppId, wanted: &DesiredApp| {
        let circle = packages.get(app).map_or_else(
            || Ok(Circle::default()),
            |package| circle::find(app, wanted, package, &now.desired, &packages),
        );
        let runs_scripts = runs_scripts(app, &circle, &packages);
        ResolveInput { input: ResolvedFrom { around: Arc::clone(&around), circle }, runs_scripts }
    };
    now.desired.apps.iter().map(|(app, wanted)| (app.clone(), input(app, wanted))).collect()
}

/// Tells whether a script has to run before an app can be resolved: its own, or one of an app that it depends on.
fn runs_scripts(app: &AppId, circle: &std::result::Result<Circle, Reason>, packages: &Packages) -> bool {
    let others = circle.iter().flat_map(|circle| circle.talks_to.iter().map(|(other, _)| other));
    std::iter::once(app)
        .chain(others)
        .filter_map(|app| packages.get(app))
        .any(|package| crate::scripts::run_exports(package))
}

/// Resolves an app.
///
/// # Errors
/// Why it cannot be told what the app is made of.
pub(super) async fn resolve(
    hearth: &Hearth,
    app: &AppId,
    wanted: &DesiredApp,
    from: &ResolvedFrom,
) -> std::result::Result<AppSpec, Reason> {
    let spec = try_resolve(hearth, app, wanted, from).await;
    spec.unwrap_or_else(|error| {
        tracing::error!(app.id = %app, "what the app is made of cannot be told: {}", Chain(&error));
        Err(Reason::new(ReasonCode::FileError, error.to_string()))
    })
}

async fn try_resolve(
    hearth: &Hearth,
    app: &AppId,
    wanted: &DesiredApp,
    from: &ResolvedFrom,
) -> Result<std::result::Result<AppSpec, Reason>> {
    let ResolvedFrom { around, circle } = from;
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
