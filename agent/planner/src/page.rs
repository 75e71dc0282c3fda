//! Whether an app's page answers: whom to ask, and what an answer means. Who asks is outside this crate.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hearth_model::container::NetworkMode;
use hearth_model::observed::{ContainerState, ObservedContainer, ObservedPage};
use hearth_model::package::Scheme;
use hearth_model::spec::ServiceSpec;
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppSpec, Observed, ServiceName};
use jiff::Timestamp;

/// Where an app's page is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The service that serves it.
    pub service: ServiceName,
    /// Id of the container whose program answers.
    pub container: String,
    /// When that container was started.
    pub started_at: Option<Timestamp>,
    /// The address, which this host can reach.
    pub address: SocketAddr,
    /// What it speaks there.
    pub scheme: Scheme,
    /// The path to ask for.
    pub path: String,
}

/// How an app's page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// The app has none, or none that this host can reach, or the container that serves it does not run.
    None,
    /// It answered since its container was started.
    Answers,
    /// It did not answer yet.
    Silent {
        /// Where it is asked.
        target: Target,
        /// What the last try met; `None` when it was not asked yet.
        problem: Option<String>,
    },
}

/// Returns where the page of an app is to be asked; `None` when it has none, when the container that serves it does not
/// run, and when no network leads to it from this host.
pub fn target(spec: &AppSpec, containers: &BTreeMap<String, ObservedContainer>) -> Option<Target> {
    let path = spec.web.as_ref().map_or_else(|| "/".to_owned(), |web| web.path.clone());
    let service = service(spec)?;
    let (port, scheme) = match (&spec.door, &spec.web) {
        (Some(door), _) => (door.port, door.scheme),
        (None, Some(web)) => (web.port, web.scheme),
        (None, None) => return None,
    };
    let own = running(spec, &service, containers)?;
    let address = address(spec, &service, containers)?;
    Some(Target {
        service,
        container: own.id.clone(),
        started_at: own.started_at,
        address: SocketAddr::new(address, port),
        scheme,
        path,
    })
}

/// Returns the service that serves the page of an app.
pub(crate) fn service(spec: &AppSpec) -> Option<ServiceName> {
    match (&spec.door, &spec.web) {
        (Some(door), _) => Some(door.service.clone()),
        (None, Some(web)) => web.service.parse().ok(),
        (None, None) => None,
    }
}

/// Returns the address at which this host reaches a service that runs: in the app's own network before those that it
/// shares with others, and for one without a network of its own that of the service whose network it uses.
pub fn address(
    spec: &AppSpec,
    service: &ServiceName,
    containers: &BTreeMap<String, ObservedContainer>,
) -> Option<IpAddr> {
    let seen = running(spec, service, containers)?;
    match &spec.services.get(service)?.container.network {
        NetworkMode::Host => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        NetworkMode::Networks(_) => {
            let reachable = seen.addresses.iter().filter(|(name, _)| {
                let driver = spec.networks.get(*name).map_or("", |network| network.driver.as_str());
                matches!(driver, "" | "bridge")
            });
            let is_shared = |name: &String| {
                spec.networks.get(name).is_none_or(|network| network.shared || network.external)
            };
            reachable.min_by_key(|(name, _)| is_shared(name)).map(|(_, address)| *address)
        }
        // The engine does not let a container use the network of one that itself uses another's.
        NetworkMode::Service(host) if host != service => address_of_host(spec, host, containers),
        NetworkMode::None | NetworkMode::Service(_) | NetworkMode::Container(_) => None,
    }
}

fn address_of_host(
    spec: &AppSpec,
    host: &ServiceName,
    containers: &BTreeMap<String, ObservedContainer>,
) -> Option<IpAddr> {
    match &spec.services.get(host)?.container.network {
        NetworkMode::Service(_) | NetworkMode::Container(_) => None,
        NetworkMode::Host | NetworkMode::None | NetworkMode::Networks(_) => address(spec, host, containers),
    }
}

/// Tells whether a page that answered must be asked again and again: while a new version has to prove itself, one answer
/// is not enough.
pub fn is_on_probation(update: Option<&AppUpdate>) -> bool {
    update.is_some_and(|update| matches!(update.phase, UpdatePhase::Probation { .. }))
}

/// Returns how the page of an app is, from what was observed.
pub(crate) fn state(spec: &AppSpec, observed: &Observed) -> Page {
    let Some(target) = target(spec, &observed.containers) else { return Page::None };
    let counts =
        |page: &&ObservedPage| page.container == target.container && page.started_at == target.started_at;
    match observed.pages.get(&spec.app).filter(counts) {
        Some(ObservedPage { problem: None, .. }) => Page::Answers,
        Some(ObservedPage { problem: Some(problem), .. }) => {
            Page::Silent { problem: Some(problem.clone()), target }
        }
        None => Page::Silent { target, problem: None },
    }
}

fn running<'a>(
    spec: &AppSpec,
    service: &ServiceName,
    containers: &'a BTreeMap<String, ObservedContainer>,
) -> Option<&'a ObservedContainer> {
    let ServiceSpec { container, .. } = spec.services.get(service)?;
    let seen = containers.get(&container.name).filter(|seen| seen.app == spec.app)?;
    (seen.state == ContainerState::Running).then_some(seen)
}
