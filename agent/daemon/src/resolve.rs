//! From a package and the owner's answers to what Docker is asked for.

/// The other apps that have a say in what an app is made of.
pub(crate) mod circle;
/// Devices of the box.
mod devices;
/// Files of a package.
mod files;
/// Addresses of containers' networks.
mod ranges;
/// Answers that Hearth makes.
mod secrets;
/// What secrets are derived from.
mod seeds;
/// The network that apps which talk to each other share.
mod shared;
/// The box's Tor.
pub(crate) mod tor;
/// Variables of the Compose file.
pub(crate) mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hearth_compose::{Lowering, ProjectInput, TimeZone};
use hearth_host::data::AppData;
use hearth_model::condition::ReasonCode;
use hearth_model::conventions::Gate;
use hearth_model::desired::DesiredApp;
use hearth_model::package::{Access, Architecture, Package};
use hearth_model::subnet::Route;
use hearth_model::{AppId, AppSpec, Reason, form};

pub(crate) use circle::Circle;
pub(crate) use secrets::{generate, placeholders, to_generate};
pub(crate) use seeds::Seeds;
pub(crate) use shared::Membership;
pub(crate) use tor::Tor;
pub(crate) use variables::fill;

/// What a package is told of the box that it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Absolute path of the folder that holds the apps' folders.
    pub(crate) apps_dir: String,
    /// The host's name.
    pub(crate) hostname: String,
    /// Its time zone.
    pub(crate) time_zone: TimeZone,
    /// The box's address in its own network.
    pub(crate) address: String,
    /// The port of the dashboard, once it is known.
    pub(crate) port: Option<u16>,
    /// What secrets that packages derive are made from.
    pub(crate) seeds: Seeds,
    /// What the box reaches over networks of its own.
    pub(crate) routes: Vec<Route>,
}

impl Surroundings {
    /// Returns the absolute path of an app's folder.
    pub(crate) fn app_dir(&self, app: &AppId) -> String {
        format!("{}/{app}", self.apps_dir)
    }

    /// Returns the absolute path of the folder of files that apps share.
    pub(crate) fn library_dir(&self) -> String {
        format!("{}/library", self.apps_dir.trim_end_matches("/apps"))
    }
}

/// What other apps and the package's scripts add to what an app is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// Variables that they export.
    pub(crate) exported: BTreeMap<String, String>,
    /// The networks of other apps that it joins.
    pub(crate) membership: Membership,
    /// What it needs consent for because of other apps.
    pub(crate) access: BTreeSet<Access>,
    /// What the box's Tor means for it.
    pub(crate) tor: Tor,
    /// Where scripts leave files that are read as the package's own.
    pub(crate) data: Option<AppData>,
}

/// What an app is resolved from, besides what other apps add.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The app; it need not be installed.
    pub(crate) app: &'a AppId,
    /// The owner's wish.
    pub(crate) desired: &'a DesiredApp,
    /// Its package.
    pub(crate) package: &'a Package,
    /// Answers that Hearth made, by the name of the setting.
    pub(crate) secrets: &'a BTreeMap<String, String>,
    /// The box.
    pub(crate) around: &'a Surroundings,
}

/// Resolves an installed app.
///
/// # Errors
/// The reason for the owner: a wrong answer, a package that does not resolve, a consent that is missing.
pub(crate) fn resolve(subject: Subject<'_>, links: &Links) -> Result<AppSpec, Reason> {
    let Subject { desired, package, .. } = subject;
    let errors = form::check_all(&package.manifest.settings, &desired.settings);
    if !errors.is_empty() {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(Reason::new(
            ReasonCode::SettingsInvalid,
            format!("Some settings are wrong: {}.", list.join("; ")),
        ));
    }
    let needs = missing_needs(package);
    if !needs.is_empty() {
        return Err(Reason::new(
            ReasonCode::PackageInvalid,
            format!("{} needs what Hearth cannot give it yet: {}.", package.manifest.name, needs.join("; ")),
        ));
    }
    let spec = lower(subject, links)?;
    let missing: Vec<String> =
        missing_consent(&spec, &desired.granted).iter().map(hearth_compose::means).collect();
    if missing.is_empty() {
        Ok(spec)
    } else {
        Err(Reason::new(
            ReasonCode::ConsentNeeded,
            format!(
                "{} needs your consent before it may start: {}.",
                package.manifest.name,
                missing.join("; ")
            ),
        ))
    }
}

/// Returns what a package cannot do without and no box of Hearth has, in words.
pub fn missing_needs(package: &Package) -> Vec<&'static str> {
    let needs = package.conventions.needs.iter();
    needs.filter(|need| !need.is_given() && !need.is_optional()).map(|need| need.means()).collect()
}

/// Resolves a package as [`rehearse_in`] does, on a device.
pub fn rehearse(package: &Package) -> Result<AppSpec, Reason> {
    rehearse_in(package, "/var/lib/hearth/apps")
}

/// Resolves a package with made-up answers, to see whether it resolves at all and what it asks for on a box that keeps the
/// apps' folders in `apps_dir`.
pub(crate) fn rehearse_in(package: &Package, apps_dir: &str) -> Result<AppSpec, Reason> {
    if !package.conventions.is_default() {
        return hearth_adapters::rehearse_in(package, apps_dir).map_err(|problems| {
            let name = &package.manifest.name;
            Reason::new(
                ReasonCode::PackageInvalid,
                format!("The package of {name} cannot be used: {problems}"),
            )
        });
    }
    let settings = package
        .manifest
        .settings
        .iter()
        .filter(|field| field.required && field.default.is_none() && field.generate.is_none())
        .map(|field| (field.name.clone(), hearth_adapters::rehearse::answer(field, &BTreeMap::new())))
        .collect();
    let desired = DesiredApp {
        store: package.store.clone(),
        package: package.manifest.id.to_string(),
        version: package.manifest.version.clone(),
        digest: package.digest(),
        run: hearth_model::desired::Run::Running,
        settings,
        ports: BTreeMap::new(),
        granted: BTreeSet::new(),
        uses: BTreeMap::new(),
        restarts: 0,
    };
    let around = Surroundings {
        apps_dir: apps_dir.to_owned(),
        hostname: "hearth".to_owned(),
        time_zone: TimeZone::utc(),
        address: "192.0.2.1".to_owned(),
        port: None,
        seeds: Seeds::default(),
        routes: Vec::new(),
    };
    let secrets = placeholders(&package.manifest.settings, &BTreeMap::new());
    let app = &package.manifest.id;
    let subject = Subject { app, desired: &desired, package, secrets: &secrets, around: &around };
    lower(subject, &Links::default())
}

/// Resolves an app as if the owner had agreed to everything.
pub(crate) fn rehearse_with(subject: Subject<'_>, links: &Links) -> Result<AppSpec, Reason> {
    lower(subject, links)
}

/// Returns what the spec may do that the owner has not agreed to.
pub(crate) fn missing_consent(spec: &AppSpec, granted: &BTreeSet<Access>) -> BTreeSet<Access> {
    spec.access.iter().filter(|access| !access.is_granted(granted)).cloned().collect()
}

fn undeclared(package: &Package, spec: &AppSpec) -> BTreeSet<Access> {
    let declared: BTreeSet<_> =
        package.manifest.permissions.iter().map(|permission| permission.kind).collect();
    spec.access.iter().filter(|access| !declared.contains(&access.kind)).cloned().collect()
}

fn lower(subject: Subject<'_>, links: &Links) -> Result<AppSpec, Reason> {
    let Subject { app, desired, package, secrets: _, around } = subject;
    let name = &package.manifest.name;
    let invalid = |problem: String| {
        Reason::new(ReasonCode::PackageInvalid, format!("The package of {name} cannot be used: {problem}"))
    };
    let app_dir = around.app_dir(app);
    let environment = variables::of(subject, links).map_err(invalid)?;
    let hooks = hearth_adapters::scripts::hooks(package);
    let reader = files::PackageAndFolder {
        package,
        folder: links.data.as_ref().filter(|_| !hooks.is_empty()).map(|data| (data, app)),
    };
    let input = ProjectInput {
        name: Some(app.to_string()),
        files: hearth_adapters::sources(package, Architecture::of_this_program()),
        environment: environment.clone(),
        working_dir: app_dir.clone(),
        profiles: Vec::new(),
        reader: &reader,
    };
    let project = hearth_compose::load(&input).map_err(|problems| invalid(problems.to_string()))?;
    let lowering = Lowering {
        app: app.clone(),
        app_dir: &app_dir,
        package_digest: desired.digest.clone(),
        version: desired.version.clone(),
        web: package.manifest.web.clone(),
        gate: gate(package),
        ports: &desired.ports,
        requires: package.manifest.requires,
        naming: package.conventions.naming,
        time_zone: &around.time_zone,
    };
    let mut spec =
        hearth_compose::lower(&project, &lowering).map_err(|problems| invalid(problems.to_string()))?;
    // Other stores ask for no declarations; what their packages may do is asked of the owner all the same.
    let declares = package.conventions.is_default();
    let undeclared = if declares { undeclared(package, &spec) } else { BTreeSet::new() };
    if !undeclared.is_empty() {
        let list: Vec<String> = undeclared.iter().map(hearth_compose::means).collect();
        return Err(invalid(format!(
            "its containers ask for things that its `permissions` do not name: {}",
            list.join("; ")
        )));
    }
    devices::leave_out_missing(&mut spec, &package.conventions.optional_devices, |path| {
        Path::new(path).exists()
    });
    files::add(&mut spec, package, &app_dir, &environment);
    links.membership.join(&mut spec, &around.routes, name)?;
    spec.access.extend(links.access.iter().cloned());
    links.tor.add(&mut spec, subject).map_err(invalid)?;
    // Last, since the box's Tor brings the network of fixed addresses itself.
    ranges::check(&spec, &around.routes, name)?;
    spec.hooks = hooks;
    let folders = hearth_compose::Folders {
        app_dir: &app_dir,
        apps_dir: &around.apps_dir,
        has_scripts: !spec.hooks.is_empty(),
    };
    hearth_compose::resolve_beneath(&mut spec, &folders);
    Ok(spec)
}

/// Returns who may pass to a package's page, when Hearth stands in front of it.
pub(crate) fn gate(package: &Package) -> Option<&Gate> {
    package.conventions.gate.as_ref().or(package.manifest.gate.as_ref())
}
