use std::collections::{BTreeMap, BTreeSet};

use hearth_model::condition::ReasonCode;
use hearth_model::container::{ContainerSpec, Endpoint, NetworkMode};
use hearth_model::package::Package;
use hearth_model::spec::{IpamPool, NetworkSpec};
use hearth_model::subnet::Route;
use hearth_model::{AppId, AppSpec, Reason};

use super::circle::{Fixed, Joins, Packages, names_addresses};
use super::ranges;
use super::tor;

/// The network of fixed addresses. Packages of umbrelOS name addresses in it.
pub(super) const NAME: &str = "hearth_shared";
/// [Its range and gateway on umbrelOS](https://github.com/getumbrel/umbrel): packages rely on both.
pub(super) const SUBNET: &str = "10.21.0.0/16";
pub(super) const GATEWAY: &str = "10.21.0.1";
/// Addresses for containers that name none: apart from 10.21.21.0 and 10.21.22.0, where packages name theirs.
const FREE_RANGE: &str = "10.21.128.0/17";
/// Exported values shorter than this stand in too many places to tell anything.
const TELLING_LENGTH: usize = 4;

/// Networks of other apps that an app's services join, and which services join.
#[derive(Debug, Clone, Default)]
pub(crate) struct Membership {
    /// In the network of fixed addresses.
    fixed: Option<Scope>,
    /// In the networks of apps that it depends on.
    providers: BTreeMap<AppId, Scope>,
    /// In its own, for those that depend on it: the words by which they may mean its containers.
    own: Option<BTreeSet<String>>,
}

/// Which services of an app join a network.
#[derive(Debug, Clone)]
enum Scope {
    /// All of them.
    All,
    /// Those that one of these words stands in, and the one with the page.
    Mentioning(BTreeSet<String>),
}

impl Membership {
    /// Works out what an app joins. A service of it that has no use for another app stays out of reach of that.
    pub(crate) fn of(
        app: &AppId,
        package: &Package,
        joins: &Joins,
        packages: &Packages,
        exported: &BTreeMap<String, String>,
    ) -> Self {
        let mut fixed: BTreeSet<String> = [tor::ADDRESS, tor::NAME].map(str::to_owned).into();
        let mut is_written_to_files = false;
        let mut providers = BTreeMap::new();
        for provider in joins.providers.keys() {
            let Some(theirs) = packages.get(provider) else { continue };
            let names = exported_names(theirs);
            let is_written = is_named_in_files(package, provider, &names);
            let mut words = BTreeSet::from([provider.to_string()]);
            let values = names.iter().filter_map(|name| exported.get(name));
            words.extend(values.filter(|value| value.len() >= TELLING_LENGTH).cloned());
            if names_addresses(theirs) {
                is_written_to_files |= is_written;
                fixed.extend(words);
            } else {
                let scope = if is_written { Scope::All } else { Scope::Mentioning(words) };
                providers.insert(provider.clone(), scope);
            }
        }
        let fixed = match joins.fixed {
            Fixed::No => None,
            Fixed::Names => Some(Scope::All),
            Fixed::Uses if is_written_to_files => Some(Scope::All),
            Fixed::Uses => Some(Scope::Mentioning(fixed)),
        };
        let own = (!joins.dependents.is_empty()).then(|| {
            let dependents = joins.dependents.keys().filter_map(|other| packages.get(other));
            let theirs =
                dependents.flat_map(|other| std::iter::once(&other.compose).chain(other.files.values()));
            let texts = theirs.chain(package.files.values()).chain(exported.values());
            texts.flat_map(|text| names_of_containers(text, app)).collect()
        });
        Self { fixed, providers, own }
    }

    /// Connects an app's services to the networks, beside their own: there other apps reach them by the names of their
    /// containers. Fixed addresses move from the app's own network, which has no such range. Names of services stay known
    /// to the app alone, since two apps may both have a `web`.
    ///
    /// On a box that reaches a network of its own at the fixed addresses the shared network gets others, and an app that names
    /// fixed ones cannot join.
    ///
    /// # Errors
    /// The reason for the owner: the package has a network of such a name itself, or the host reaches others at its addresses.
    pub(super) fn join(&self, spec: &mut AppSpec, routes: &[Route], name: &str) -> Result<(), Reason> {
        if let Some(name) = spec.networks.iter().find(|(name, own)| is_ours(name) && !own.external) {
            let text =
                format!("The network `{}` has a name that Hearth uses for networks of its own.", name.0);
            return Err(Reason::new(ReasonCode::PackageInvalid, text));
        }
        if let Some(scope) = &self.fixed {
            let in_the_way = ranges::in_the_way(SUBNET, routes);
            if let Some(route) = in_the_way.filter(|_| names_an_address(spec)) {
                return Err(ranges::taken(name, SUBNET, route));
            }
            let services = scope.services(spec);
            // Without a range the engine chooses one, and keeps away from what the host reaches.
            let network = if in_the_way.is_some() { of_one_app() } else { fixed_addresses() };
            connect(spec, NAME, &services, &network);
        }
        for (provider, scope) in &self.providers {
            let services = scope.services(spec);
            connect(spec, &network_of(provider), &services, &of_one_app());
        }
        if let Some(words) = &self.own {
            let services = offered(spec, words);
            connect(spec, &network_of(&spec.app.clone()), &services, &of_one_app());
        }
        Ok(())
    }
}

impl Scope {
    fn services(&self, spec: &AppSpec) -> BTreeSet<String> {
        let all = || spec.services.keys().map(ToString::to_string).collect();
        let Self::Mentioning(words) = self else { return all() };
        let mentions = |container: &ContainerSpec| {
            let text = text_of(container);
            words.iter().any(|word| text.contains(word.as_str()))
        };
        let page = page(spec);
        let found: BTreeSet<String> = spec
            .services
            .iter()
            .filter(|(name, service)| page == Some(name.as_str()) || mentions(&service.container))
            .map(|(name, _)| name.to_string())
            .collect();
        if found.is_empty() { all() } else { found }
    }
}

/// Returns the services that other apps may mean: those that they name, the page, and those with a port of the host. All of
/// them where that leaves none.
fn offered(spec: &AppSpec, words: &BTreeSet<String>) -> BTreeSet<String> {
    let page = page(spec);
    let found: BTreeSet<String> = spec
        .services
        .iter()
        .filter(|(name, service)| {
            let container = &service.container;
            page == Some(name.as_str()) || !container.ports.is_empty() || words.contains(&container.name)
        })
        .map(|(name, _)| name.to_string())
        .collect();
    if found.is_empty() { spec.services.keys().map(ToString::to_string).collect() } else { found }
}

/// Returns the service that has the app's page.
fn page(spec: &AppSpec) -> Option<&str> {
    let door = spec.door.as_ref().map(|door| door.service.as_str());
    door.or_else(|| spec.web.as_ref().map(|web| web.service.as_str()))
}

/// Returns everything that a container is created from as a text.
fn text_of(container: &ContainerSpec) -> String {
    serde_json::to_string(container).unwrap_or_default()
}

/// Tells whether a service names an address in the app's own network, which stands for one in the shared network.
fn names_an_address(spec: &AppSpec) -> bool {
    let own = format!("{}_default", spec.app);
    spec.services.values().any(|service| match &service.container.network {
        NetworkMode::Networks(endpoints) => {
            endpoints.get(&own).is_some_and(|endpoint| endpoint.ipv4_address.is_some())
        }
        _ => false,
    })
}

fn connect(spec: &mut AppSpec, network: &str, services: &BTreeSet<String>, made_as: &NetworkSpec) {
    let own = format!("{}_default", spec.app);
    let mut joined = false;
    for (_, service) in spec.services.iter_mut().filter(|(name, _)| services.contains(name.as_str())) {
        let NetworkMode::Networks(endpoints) = &mut service.container.network else { continue };
        let fixed = endpoints.get_mut(&own).filter(|_| network == NAME);
        let ipv4_address = fixed.and_then(|endpoint| endpoint.ipv4_address.take());
        endpoints.insert(network.to_owned(), Endpoint { ipv4_address, ..Endpoint::default() });
        joined = true;
    }
    if joined {
        spec.networks.insert(network.to_owned(), made_as.clone());
    }
}

/// Returns the network in which an app's dependents reach it. No app's own network is called so: those hold an underscore
/// behind the app's id, and no id holds a full stop.
fn network_of(provider: &AppId) -> String {
    format!("hearth.{provider}")
}

fn is_ours(network: &str) -> bool {
    network == NAME || network.starts_with("hearth.")
}

pub(super) fn fixed_addresses() -> NetworkSpec {
    NetworkSpec {
        ipam: vec![IpamPool {
            subnet: Some(SUBNET.to_owned()),
            ip_range: Some(FREE_RANGE.to_owned()),
            gateway: Some(GATEWAY.to_owned()),
            aux_addresses: BTreeMap::new(),
        }],
        ..of_one_app()
    }
}

fn of_one_app() -> NetworkSpec {
    NetworkSpec { shared: true, ..NetworkSpec::default() }
}

/// Returns the names of the variables that a package exports, as far as they can be told without running its script.
fn exported_names(package: &Package) -> BTreeSet<String> {
    let script = package.files.get(hearth_adapters::scripts::EXPORTS).map_or("", String::as_str);
    let written = script.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split('=').next());
    let known = package.conventions.exports.iter().map(|variable| variable.name.as_str());
    written.chain(known).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Tells whether a package names an app, or what that exports, in a file that a script or a template may turn into something
/// that any of its containers reads.
fn is_named_in_files(package: &Package, provider: &AppId, names: &BTreeSet<String>) -> bool {
    let files = package.files.iter().filter(|(path, _)| *path != hearth_adapters::scripts::EXPORTS);
    files.into_iter().any(|(_, text)| {
        text.contains(provider.as_str()) || names.iter().any(|name| text.contains(name.as_str()))
    })
}

/// Returns the words of a text that may be names of an app's containers.
fn names_of_containers(text: &str, app: &AppId) -> impl Iterator<Item = String> {
    let starts = [format!("{app}_"), format!("{app}-")];
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)))
        .map(|word| word.trim_matches('.'))
        .filter(move |word| starts.iter().any(|start| word.starts_with(start.as_str())))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
