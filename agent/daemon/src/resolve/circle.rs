use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearth_model::api::apps::{Companion, CompanionOption};
use hearth_model::condition::ReasonCode;
use hearth_model::conventions::{AppDependency, Need};
use hearth_model::desired::DesiredApp;
use hearth_model::package::{Access, AccessKind, Package};
use hearth_model::{AppId, Desired, Digest, Reason};

use super::Tor;
use super::tor::Asked;

/// The packages of the installed apps.
pub(crate) type Packages = BTreeMap<AppId, Arc<Package>>;

/// The other apps that have a say in what an app is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Circle {
    /// Digest of the app's own package.
    pub(crate) package: Option<Digest>,
    /// Apps that it talks to, directly or through another, each after those that it talks to itself, with its package.
    pub(crate) talks_to: Vec<(AppId, Digest)>,
    /// Whose networks it joins, and who joins its own.
    pub(crate) joins: Joins,
    /// What the box's Tor means for it.
    pub(crate) tor: Tor,
    /// Every installed app, where a script asks for them.
    pub(crate) installed: BTreeSet<AppId>,
}

/// Which networks an app joins beside its own, so that apps which depend on each other reach each other and nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Joins {
    /// Why it is in the network in which packages name fixed addresses.
    pub(crate) fixed: Fixed,
    /// The apps that it depends on directly, with their packages. Those that name fixed addresses are reached there, each
    /// other in a network of its own.
    pub(crate) providers: BTreeMap<AppId, Digest>,
    /// The installed apps that depend on it directly and reach it in its network, with their packages.
    pub(crate) dependents: BTreeMap<AppId, Digest>,
}

/// Why an app is in the network of fixed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fixed {
    /// It is not.
    #[default]
    No,
    /// It uses Tor or depends on an app that is there.
    Uses,
    /// Its package names addresses there.
    Names,
}

impl Joins {
    /// Works out what an app joins.
    pub(crate) fn of(
        app: &AppId,
        wanted: &DesiredApp,
        package: &Package,
        tor: &Tor,
        desired: &Desired,
        packages: &Packages,
    ) -> Self {
        let providers: BTreeMap<AppId, Digest> = direct(wanted, package, packages)
            .filter_map(|other| Some((other.clone(), desired.apps.get(other)?.digest.clone())))
            .collect();
        let is_there = |other: &AppId| packages.get(other).is_some_and(|package| names_addresses(package));
        let fixed = if names_addresses(package) {
            Fixed::Names
        } else if tor.is_reached_by(package) || providers.keys().any(is_there) {
            Fixed::Uses
        } else {
            Fixed::No
        };
        let depends = |other: &AppId, wanted: &DesiredApp| other != app && uses(other, wanted, app, packages);
        let dependents =
            desired.apps.iter().filter(|(other, wanted)| fixed != Fixed::Names && depends(other, wanted));
        let dependents = dependents.map(|(other, wanted)| (other.clone(), wanted.digest.clone())).collect();
        Self { fixed, providers, dependents }
    }
}

/// Tells whether a package names addresses in the network of fixed addresses.
pub(crate) fn names_addresses(package: &Package) -> bool {
    package.conventions.needs.contains(&Need::FixedAddresses)
}

/// Returns the consent that an app needs for what it shares with other apps, whether the box has them already or not.
pub(crate) fn shared_access(app: &AppId, package: &Package, joins: &Joins) -> BTreeSet<Access> {
    let asked = |kind: Asked| Access::new(AccessKind::HostNetwork, app.as_str(), kind.detail());
    let mut all = BTreeSet::new();
    if joins.fixed != Fixed::No || package.conventions.needs.contains(&Need::Tor) {
        all.insert(asked(Asked::FixedAddresses));
    }
    if package.manifest.tor.is_some() {
        all.insert(asked(Asked::IsTor));
    }
    if super::tor::asks_for_control(package) {
        all.insert(asked(Asked::TorControl));
    }
    all
}

/// Finds an app's circle. The app itself need not be installed.
///
/// # Errors
/// The reason for the owner: an app that it needs is not installed, or several could take its place.
pub(crate) fn find(
    app: &AppId,
    wanted: &DesiredApp,
    package: &Package,
    desired: &Desired,
    packages: &Packages,
) -> Result<Circle, Reason> {
    let mut talks_to = Vec::new();
    let mut seen = BTreeSet::from([app.clone()]);
    visit(&mut talks_to, &mut seen, wanted, package, desired, packages)?;
    let runs_scripts = |package: &Package| !hearth_adapters::scripts::hooks(package).is_empty();
    let asks = runs_scripts(package)
        || talks_to.iter().any(|other| packages.get(other).is_some_and(|package| runs_scripts(package)));
    if package.manifest.tor.is_some()
        && let Some(other) = super::tor::provider(desired, packages).filter(|other| *other != app)
    {
        return Err(second_tor(package, other, packages));
    }
    let tor = Tor::of(app, package, desired, packages);
    Ok(Circle {
        package: Some(wanted.digest.clone()),
        joins: Joins::of(app, wanted, package, &tor, desired, packages),
        tor,
        talks_to: talks_to
            .into_iter()
            .filter_map(|other| Some((other.clone(), desired.apps.get(&other)?.digest.clone())))
            .collect(),
        installed: if asks { desired.apps.keys().cloned().collect() } else { BTreeSet::new() },
    })
}

/// Returns the names of the installed apps that talk to an app.
pub(crate) fn dependents(app: &AppId, desired: &Desired, packages: &Packages) -> Vec<String> {
    let others =
        desired.apps.iter().filter(|(other, wanted)| *other != app && uses(other, wanted, app, packages));
    others
        .map(|(other, _)| {
            packages.get(other).map_or_else(|| other.to_string(), |package| package.manifest.name.clone())
        })
        .collect()
}

/// Returns the apps that an app talks to by name, each with the installed ones that will do and the one that is chosen.
pub(crate) fn companions(wanted: &DesiredApp, package: &Package, packages: &Packages) -> Vec<Companion> {
    let companion = |wish: &AppDependency| Companion {
        package: wish.package.clone(),
        options: packages
            .iter()
            .filter(|(app, other)| does_for(&wish.package, app, other))
            .map(|(app, other)| CompanionOption {
                app: app.clone(),
                name: other.manifest.name.clone(),
                store: None,
            })
            .collect(),
        chosen: chosen(&wish.package, wanted, packages).ok().cloned(),
    };
    package.conventions.apps.iter().map(companion).collect()
}

/// Tells whether an app will do for those that depend on a package.
pub(crate) fn does_for(package: &AppId, app: &AppId, other: &Package) -> bool {
    app == package || other.conventions.implements.contains(package.as_str())
}

fn uses(other: &AppId, wanted: &DesiredApp, app: &AppId, packages: &Packages) -> bool {
    packages.get(other).is_some_and(|package| direct(wanted, package, packages).any(|chosen| chosen == app))
}

/// Returns the installed apps that a package names as its dependencies.
fn direct<'a>(
    wanted: &'a DesiredApp,
    package: &'a Package,
    packages: &'a Packages,
) -> impl Iterator<Item = &'a AppId> {
    package.conventions.apps.iter().filter_map(|wish| chosen(&wish.package, wanted, packages).ok())
}

fn second_tor(package: &Package, other: &AppId, packages: &Packages) -> Reason {
    let theirs = packages.get(other).map_or(other.as_str(), |package| &package.manifest.name);
    let name = &package.manifest.name;
    Reason::new(
        ReasonCode::NameTaken,
        format!("{name} would be this box's Tor, and {theirs} is that already. Uninstall {theirs} first."),
    )
}

fn visit(
    talks_to: &mut Vec<AppId>,
    seen: &mut BTreeSet<AppId>,
    wanted: &DesiredApp,
    package: &Package,
    desired: &Desired,
    packages: &Packages,
) -> Result<(), Reason> {
    for wish in &package.conventions.apps {
        let other = chosen(&wish.package, wanted, packages)
            .map_err(|missing| missing.reason(&package.manifest.name, &wish.package, packages))?;
        if !seen.insert(other.clone()) {
            continue;
        }
        if let (Some(their_wish), Some(their_package)) = (desired.apps.get(other), packages.get(other)) {
            visit(talks_to, seen, their_wish, their_package, desired, packages)?;
        }
        talks_to.push(other.clone());
    }
    Ok(())
}

/// Why no app is chosen.
enum Missing {
    /// None is installed that could be.
    None,
    /// The one that the owner named is not installed, or cannot take the place.
    Wrong(AppId),
    /// Several could be.
    Several(Vec<AppId>),
}

impl Missing {
    fn reason(self, name: &str, package: &AppId, packages: &Packages) -> Reason {
        let names = |apps: &[AppId]| {
            let names =
                apps.iter().map(|app| packages.get(app).map_or(app.as_str(), |one| &one.manifest.name));
            names.collect::<Vec<_>>().join(" or ")
        };
        let message = match self {
            Missing::None => {
                format!("{name} needs the app `{package}`, which is not installed. Install it first.")
            }
            Missing::Wrong(other) => format!(
                "{name} needs the app `{package}`, and `{other}`, which was chosen for it, is not installed or cannot take its place."
            ),
            Missing::Several(apps) => {
                format!(
                    "{name} needs the app `{package}`, whose place {} can take: choose one of them.",
                    names(&apps)
                )
            }
        };
        Reason::new(ReasonCode::AppMissing, message)
    }
}

/// Returns the installed app that a package means by another: the owner's choice, the one of that id, or the only one that
/// can take its place.
fn chosen<'a>(package: &AppId, wanted: &DesiredApp, packages: &'a Packages) -> Result<&'a AppId, Missing> {
    if let Some(choice) = wanted.uses.get(package) {
        let fits = packages.get_key_value(choice).filter(|(app, other)| does_for(package, app, other));
        return fits.map(|(app, _)| app).ok_or_else(|| Missing::Wrong(choice.clone()));
    }
    if let Some((app, _)) = packages.get_key_value(package) {
        return Ok(app);
    }
    let able: Vec<&AppId> =
        packages.iter().filter(|(app, other)| does_for(package, app, other)).map(|(app, _)| app).collect();
    match able[..] {
        [] => Err(Missing::None),
        [one] => Ok(one),
        _ => Err(Missing::Several(able.into_iter().cloned().collect())),
    }
}

#[cfg(test)]
pub(crate) mod tests;
