use std::collections::BTreeMap;

use hearth_compose::{Diagnostics, Lowering, MemoryFiles, ProjectInput, Reader, TimeZone, load, lower};
use hearth_model::AppSpec;
use hearth_model::conventions::Need;
use hearth_model::form::{Field, FieldKind};
use hearth_model::package::{Architecture, Package};

use crate::sources;
use crate::variables::{self, GIVEN};

/// Where a device keeps the apps' folders.
const APPS_DIR: &str = "/var/lib/hearth/apps";

/// Resolves a package as [`rehearse_in`] does, on a device.
///
/// # Errors
/// What is wrong with the Compose file, or with what its settings and variables made of it.
pub fn rehearse(package: &Package) -> Result<AppSpec, Diagnostics> {
    rehearse_in(package, APPS_DIR)
}

/// Resolves a package with made-up answers, to see whether it resolves and what it asks for on a box that keeps the apps'
/// folders in `apps_dir`, an absolute path.
///
/// Variables that neither the box nor the package gives, because they come from scripts or other apps, get stand-ins when
/// the package [needs](hearth_model::conventions::Need) those; for other packages they are empty, as Compose has it.
///
/// # Errors
/// What is wrong with the Compose file, or with what its settings and variables made of it.
pub fn rehearse_in(package: &Package, apps_dir: &str) -> Result<AppSpec, Diagnostics> {
    resolve(package, apps_dir, &BTreeMap::new())
}

/// Resolves a package with these answers, and made-up ones for settings that are not among them.
fn resolve(
    package: &Package,
    apps_dir: &str,
    answers: &BTreeMap<String, String>,
) -> Result<AppSpec, Diagnostics> {
    let manifest = &package.manifest;
    let conventions = &package.conventions;
    let app_dir = format!("{apps_dir}/{}", manifest.id);
    let mut environment: BTreeMap<String, String> =
        GIVEN.iter().map(|name| ((*name).to_owned(), given(name, package, apps_dir))).collect();
    for field in &manifest.settings {
        let value = answers.get(&field.name).cloned().unwrap_or_else(|| answer(field, &environment));
        environment.insert(field.name.clone(), value);
    }
    environment.extend(variables::of_exporter(&manifest.id, &app_dir));
    variables::fill_all(conventions, &|message| variables::derive("seed", message), &mut environment)
        .map_err(|error| Diagnostics::about_file("", format!("a variable of the package: {error}")))?;
    if !conventions.needs.is_empty() {
        for name in variables::used(&package.compose) {
            let value = stand_in(&name, environment.len());
            environment.entry(name).or_insert(value);
        }
    }
    let project = load(&ProjectInput {
        name: Some(manifest.id.to_string()),
        files: sources(package, Architecture::of_this_program()),
        environment,
        working_dir: app_dir.clone(),
        profiles: Vec::new(),
        reader: &PackageReader(package),
    })?;
    lower(
        &project,
        &Lowering {
            app: manifest.id.clone(),
            app_dir: &app_dir,
            package_digest: package.digest(),
            version: manifest.version.clone(),
            web: manifest.web.clone(),
            gate: conventions.gate.as_ref(),
            ports: &BTreeMap::new(),
            requires: manifest.requires,
            naming: conventions.naming,
            time_zone: &TimeZone::utc(),
        },
    )
}

/// The package's files; those that it lacks are empty where its scripts may make them.
struct PackageReader<'a>(&'a Package);

impl Reader for PackageReader<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = MemoryFiles(&self.0.files).read(path);
        let needs = &self.0.conventions.needs;
        let has_scripts = needs.contains(&Need::Hooks) || needs.contains(&Need::Exports);
        let may_be_made = has_scripts && !path.starts_with('/');
        if may_be_made { Ok(found.unwrap_or_default()) } else { found }
    }

    fn exists(&self, path: &str) -> bool {
        MemoryFiles(&self.0.files).exists(path)
    }
}

fn given(name: &str, package: &Package, apps_dir: &str) -> String {
    match name {
        "APPS_DIR" => apps_dir.to_owned(),
        "APP_DATA_DIR" => format!("{apps_dir}/{}", package.manifest.id),
        "APP_ID" => package.manifest.id.to_string(),
        "APP_VERSION" => package.manifest.version.clone(),
        "APP_WEB_PORT" => {
            package.manifest.web.as_ref().map(|web| web.host_port.to_string()).unwrap_or_default()
        }
        "APP_ONION" => "not-enabled.onion".to_owned(),
        "DEVICE_IP" => "192.0.2.1".to_owned(),
        "LIBRARY_DIR" => format!("{}/library", apps_dir.trim_end_matches("/apps")),
        "TZ" => "Etc/UTC".to_owned(),
        _ => "hearth".to_owned(),
    }
}

/// Returns an answer that the field takes.
pub fn answer(field: &Field, known: &BTreeMap<String, String>) -> String {
    if let Some(default) = &field.default {
        return hearth_compose::interpolate(default, known).unwrap_or_else(|_| default.clone());
    }
    match field.kind {
        FieldKind::Number => field.min.unwrap_or(1).max(1).to_string(),
        FieldKind::Boolean => "false".to_owned(),
        FieldKind::Choice => field.options.first().map(|choice| choice.value.clone()).unwrap_or_default(),
        FieldKind::Email => "owner@home.example".to_owned(),
        FieldKind::Url => "https://home.example".to_owned(),
        FieldKind::Ip => "192.0.2.2".to_owned(),
        FieldKind::Domain | FieldKind::Host => "home.example".to_owned(),
        FieldKind::Text | FieldKind::Secret => stand_in(&field.name, field.name.len()),
    }
}

/// Returns a value that fits where such a variable is likely used: an address, a port, a folder, or a word.
fn stand_in(name: &str, number: usize) -> String {
    if name.ends_with("_IP") {
        format!("10.21.21.{}", number % 200 + 20)
    } else if name.ends_with("PORT") {
        format!("{}", 20_000 + number % 10_000)
    } else if ["_DIR", "_PATH", "_FILE"].iter().any(|end| name.ends_with(end)) {
        format!("{APPS_DIR}/other/{}", name.to_lowercase())
    } else if name.contains("DEVICE") || name.ends_with("_TTY") {
        "/dev/null".to_owned()
    } else {
        "stand-in".to_owned()
    }
}

#[cfg(test)]
mod tests;
