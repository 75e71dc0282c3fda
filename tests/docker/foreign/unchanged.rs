/// What is looked at once a package runs.
mod look;
/// A package as it stands in a store, and what it says of itself.
mod source;
/// Images that take the place of a package's own.
mod stand_in;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use hearth_model::api::apps::InstallCheck;
use hearth_model::api::store::{AddStore, AddedStore, PackageDetail, PackageSummary};
use hearth_model::condition::ReasonCode;
use hearth_model::form::{Field, FieldKind};
use hearth_model::{AppState, AppStatus};
use hearth_tests::client::{self, Client};
use hearth_tests::machine::on_a_machine;
use hearth_tests::registry::Registry;
use hearth_tests::wait::{Answer, wait_for};

use self::source::Source;
use crate::apps::{PATIENCE, Site};

/// The store's id.
const STORE: &str = "named";

#[test]
#[ignore = "needs a store's folder: make run-packages STORE=DIR PACKAGES=\"a b\""]
fn packages_of_a_named_store_run_unchanged() -> Result<()> {
    let store = PathBuf::from(env::var("RUN_STORE").context("RUN_STORE must be a store's folder")?);
    let names = env::var("RUN_PACKAGES").context("RUN_PACKAGES must be packages of it")?;
    let names: Vec<&str> = names.split_whitespace().collect();
    ensure!(!names.is_empty(), "RUN_PACKAGES names no package");
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let copy = machine.path(STORE);
        fs::create_dir(&copy)?;
        let trials: Vec<Result<Vec<Source>>> =
            names.iter().map(|name| copied(&store, name, &copy, &mut site.registry)).collect();
        let (_hearth, client) = site.set_up()?;
        let location = copy.to_string_lossy().into_owned();
        let added = AddStore { id: STORE.parse()?, name: STORE.to_owned(), location };
        let _added: AddedStore = client.send("POST", "stores", &added)?;
        wait_for("the store to be read", PATIENCE, || {
            let packages: Vec<PackageSummary> = client.get(&format!("store/packages?store={STORE}"))?;
            Ok(Answer::when(!packages.is_empty(), "it offers nothing"))
        })?;
        let mut failed = Vec::new();
        for (name, trial) in names.iter().zip(trials) {
            let tried = trial.and_then(|trial| try_out(&site, &client, &trial));
            let outcome = tried.unwrap_or_else(|error| {
                failed.push(*name);
                format!("FAILED: {error:#}")
            });
            println!("{name}: {outcome}");
        }
        ensure!(failed.is_empty(), "{} of {} did not run: {}", failed.len(), names.len(), failed.join(", "));
        Ok(())
    })
}

/// Copies a package and those that it depends on, with stand-ins for their images, and returns them, these first.
fn copied(store: &Path, name: &str, copy: &Path, registry: &mut Registry) -> Result<Vec<Source>> {
    let trial = with_dependencies(store, name)?;
    let variables = source::variables(&trial);
    for source in &trial {
        stand_in::copy(source, copy, &variables, registry)
            .with_context(|| format!("failed to copy package `{}`", source.name))?;
    }
    Ok(trial)
}

/// Finds a package and those that it depends on, these first.
fn with_dependencies(store: &Path, name: &str) -> Result<Vec<Source>> {
    let source = Source::find(store, name)?;
    let mut all: Vec<Source> = Vec::new();
    for needed in source.dependencies() {
        for found in with_dependencies(store, &needed)? {
            if !all.iter().any(|known| known.name == found.name) {
                all.push(found);
            }
        }
    }
    all.push(source);
    Ok(all)
}

/// Installs packages one after the other, looks at the last, and removes all of them. Returns what was seen.
fn try_out(site: &Site, client: &Client, trial: &[Source]) -> Result<String> {
    let mut installed = Vec::new();
    let seen = install_and_look(site, client, trial, &mut installed);
    for app in installed.iter().rev() {
        client.act("DELETE", &format!("apps/{app}?data=delete"))?;
        client.wait_until_gone(app, PATIENCE)?;
    }
    let seen = seen?;
    let left = site.engine.containers()?;
    ensure!(left.is_empty(), "containers are left: {:?}", left.keys());
    Ok(seen)
}

fn install_and_look(
    site: &Site,
    client: &Client,
    trial: &[Source],
    installed: &mut Vec<String>,
) -> Result<String> {
    let mut seen = String::new();
    for source in trial {
        let detail = offered(client, source)?;
        let app = detail.manifest.id.to_string();
        install(client, &app, &detail, installed)
            .with_context(|| format!("{} ({})", app, source.describe(&detail)))?;
        seen = source.describe(&detail);
    }
    let app = installed.last().context("a trial has a package")?;
    let outcome = look::at(site, client, app, trial).with_context(|| seen.clone())?;
    Ok(format!("{seen} => {outcome}"))
}

/// Returns what Hearth's store says of a package, which may have another id than its folder's name.
fn offered(client: &Client, source: &Source) -> Result<PackageDetail> {
    let packages: Vec<PackageSummary> = client.get(&format!("store/packages?store={STORE}"))?;
    let ids = source.ids();
    let package = packages.iter().find(|offered| ids.contains(&offered.package));
    let package = package.with_context(|| format!("the store does not offer `{}`", source.name))?;
    client.get(&format!("store/packages/{STORE}/{}", package.package))
}

/// Installs a package with an answer to what it asks for, and waits until it runs.
fn install(client: &Client, app: &str, detail: &PackageDetail, installed: &mut Vec<String>) -> Result<()> {
    let mut wanted = client::install(STORE, app)?;
    for field in &detail.manifest.settings {
        if field.default.is_none() && field.generate.is_none() {
            wanted.settings.insert(field.name.clone(), made_up(field));
        }
    }
    let check: InstallCheck = client.send("POST", "apps/check", &wanted)?;
    let blockers: Vec<String> = check.blockers.iter().map(|finding| finding.message.clone()).collect();
    wanted.granted = check.access.into_iter().map(|asked| asked.access).collect();
    client
        .send_nothing_back("POST", "apps", &wanted)
        .with_context(|| format!("before consent the check said: {}", blockers.join("; ")))?;
    installed.push(app.to_owned());
    let crashed = |status: &AppStatus| {
        status.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::CrashLoop)
    };
    let ended = |status: &AppStatus| matches!(status.state, AppState::Running | AppState::Failed);
    let status = client.wait_for_app(app, "up", 3 * PATIENCE, |status| ended(status) || crashed(status))?;
    ensure!(status.state == AppState::Running, "it did not come up: {:?}", status.reason);
    Ok(())
}

/// Makes up an answer of a field's kind and size.
fn made_up(field: &Field) -> String {
    let least = field.min.unwrap_or(0);
    match field.kind {
        FieldKind::Number => least.max(1).min(field.max.unwrap_or(i64::MAX)).to_string(),
        FieldKind::Boolean => "true".to_owned(),
        FieldKind::Choice => field.options.first().map(|choice| choice.value.clone()).unwrap_or_default(),
        FieldKind::Email => "ada@home.example".to_owned(),
        FieldKind::Url => "https://wiki.example/".to_owned(),
        FieldKind::Ip => "192.0.2.7".to_owned(),
        FieldKind::Domain | FieldKind::Host => "home.example".to_owned(),
        FieldKind::Text | FieldKind::Secret => {
            let length = usize::try_from(least.max(8).min(field.max.unwrap_or(i64::MAX))).unwrap_or(8);
            "abcdefgh".repeat(length.div_ceil(8))[..length].to_owned()
        }
    }
}
