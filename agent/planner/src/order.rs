use std::collections::{BTreeMap, BTreeSet};

use hearth_model::container::{Namespace, NetworkMode};
use hearth_model::spec::{Dependency, DependencyCondition};
use hearth_model::{AppSpec, ServiceName};

/// The services of an app in dependency order, and what each depends on.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Each service after all that it depends on; by name where the order is free.
    pub services: Vec<&'a ServiceName>,
    /// What each service depends on: what it says, and what its namespaces and mounts imply.
    pub dependencies: BTreeMap<&'a ServiceName, BTreeMap<&'a ServiceName, Dependency>>,
    /// Services whose container another's is made around (its network namespace, say): the second must be created
    /// after the first, and anew when the first is.
    pub hosts: BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>,
    /// Services whose network, processes or shared memory each one uses: a service that was started before such a host
    /// was started again has lost what it shared.
    pub namespaces: BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>,
    /// Layers for starting: a service stands one layer above the highest that it depends on.
    pub layers: Vec<Vec<&'a ServiceName>>,
}

/// Why services have no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderError {
    /// These depend on one another in a circle.
    Cycle(Vec<ServiceName>),
    /// A service depends on one that is not there.
    Missing {
        /// Who depends.
        service: ServiceName,
        /// On whom.
        on: ServiceName,
    },
}

/// Puts the services of an app in order.
///
/// # Errors
/// Says which services stand in a circle, or which one is missing.
pub fn of(spec: &AppSpec) -> Result<Order<'_>, OrderError> {
    let by_container: BTreeMap<&str, &ServiceName> =
        spec.services.iter().map(|(name, service)| (service.container.name.as_str(), name)).collect();
    let mut dependencies = BTreeMap::new();
    let mut hosts = BTreeMap::new();
    let mut namespaces = BTreeMap::new();
    for (name, service) in &spec.services {
        let shared = namespaces_of(spec, name, &by_container);
        let mut own_hosts = shared.clone();
        own_hosts.extend(mounts_and_links_of(spec, name));
        let mut own: BTreeMap<&ServiceName, Dependency> = BTreeMap::new();
        for (on, dependency) in &service.depends_on {
            if spec.services.contains_key(on) {
                own.insert(on, *dependency);
            } else if dependency.required {
                return Err(OrderError::Missing { service: name.clone(), on: on.clone() });
            }
        }
        let implied =
            Dependency { condition: DependencyCondition::ServiceStarted, restart: true, required: true };
        for host in &own_hosts {
            own.entry(host).or_insert(implied);
        }
        dependencies.insert(name, own);
        hosts.insert(name, own_hosts);
        namespaces.insert(name, shared);
    }
    let layers = layers(&dependencies)?;
    let services = layers.iter().flatten().copied().collect();
    Ok(Order { services, dependencies, hosts, namespaces, layers })
}

impl<'a> Order<'a> {
    /// Returns layers for creating: only containers that others are made around have to come first.
    pub fn creation_layers(&self) -> Vec<Vec<&'a ServiceName>> {
        let mut level: BTreeMap<&ServiceName, usize> = BTreeMap::new();
        let mut layers: Vec<Vec<&'a ServiceName>> = Vec::new();
        for service in &self.services {
            let own = self.hosts[service].iter().map(|host| level[host] + 1).max().unwrap_or(0);
            level.insert(service, own);
            if layers.len() <= own {
                layers.resize_with(own + 1, Vec::new);
            }
            layers[own].push(service);
        }
        layers
    }
}

/// Returns the services of the app whose containers this one shares a namespace with: network, processes or memory.
fn namespaces_of<'a>(
    spec: &'a AppSpec,
    service: &ServiceName,
    by_container: &BTreeMap<&str, &'a ServiceName>,
) -> BTreeSet<&'a ServiceName> {
    let container = &spec.services[service].container;
    let mut hosts = BTreeSet::new();
    match &container.network {
        NetworkMode::Service(other) => hosts.extend(spec.services.get_key_value(other).map(|(name, _)| name)),
        NetworkMode::Container(name) => hosts.extend(by_container.get(name.as_str())),
        NetworkMode::Networks(_) | NetworkMode::Host | NetworkMode::None => {}
    }
    let namespaces = [&container.pid, &container.ipc].into_iter().flatten();
    let shared = namespaces.filter_map(|namespace| match namespace {
        Namespace::Service(other) => Some(other),
        Namespace::Engine(_) => None,
    });
    hosts.extend(shared.filter_map(|other| spec.services.get_key_value(other).map(|(name, _)| name)));
    hosts.remove(service);
    hosts
}

/// Returns the services of the app whose containers this one takes mounts from or has a legacy link to.
fn mounts_and_links_of<'a>(spec: &'a AppSpec, service: &ServiceName) -> BTreeSet<&'a ServiceName> {
    let container = &spec.services[service].container;
    let from = container.volumes_from.iter().map(|from| &from.service);
    let others = from.chain(container.links.iter().map(|link| &link.service));
    let mut hosts: BTreeSet<&ServiceName> =
        others.filter_map(|other| spec.services.get_key_value(other).map(|(name, _)| name)).collect();
    hosts.remove(service);
    hosts
}

fn layers<'a>(
    dependencies: &BTreeMap<&'a ServiceName, BTreeMap<&'a ServiceName, Dependency>>,
) -> Result<Vec<Vec<&'a ServiceName>>, OrderError> {
    let mut missing: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&ServiceName, Vec<&'a ServiceName>> = BTreeMap::new();
    for (service, on) in dependencies {
        missing.insert(service, on.len());
        for other in on.keys() {
            dependents.entry(other).or_default().push(service);
        }
    }
    let mut layer: Vec<&'a ServiceName> =
        dependencies.iter().filter(|(_, on)| on.is_empty()).map(|(service, _)| *service).collect();
    let mut layers = Vec::new();
    while !layer.is_empty() {
        let mut next = Vec::new();
        for service in &layer {
            missing.remove(service);
            for dependent in dependents.get(service).into_iter().flatten() {
                let left = missing.get_mut(dependent).expect("a dependent comes after all it depends on");
                *left -= 1;
                if *left == 0 {
                    next.push(*dependent);
                }
            }
        }
        next.sort_unstable();
        layers.push(std::mem::replace(&mut layer, next));
    }
    if missing.is_empty() {
        Ok(layers)
    } else {
        Err(OrderError::Cycle(missing.into_keys().cloned().collect()))
    }
}
