use std::collections::{BTreeMap, BTreeSet};

use hearth_model::ServiceName;
use hearth_model::container::{NetworkMode, PortBinding, Protocol};
use hearth_model::door::Door;
use hearth_model::host_port::HostAddress;
use hearth_model::package::{Scheme, WebPage};
use hearth_model::spec::ServiceSpec;

use super::Lowerer;
use crate::project::Service;
use crate::project::parts::Port;
use crate::short::port::{MAX_RANGE, range};
use crate::source::At;

/// Who publishes a port, and on which address.
type Holder<'a> = (&'a str, HostAddress);

impl Lowerer<'_> {
    pub(super) fn port_bindings(&mut self, service: &Service) -> Vec<PortBinding> {
        let mut bindings = Vec::new();
        for port in &service.ports {
            match self.binding(port) {
                Ok(binding) if bindings.contains(&binding) => {}
                Ok(binding) => bindings.push(binding),
                Err(why) => self.problems.error(port.at, why),
            }
        }
        bindings
    }

    /// Returns ports that are exposed to other containers, a range port by port: engines take each as a key of its own.
    pub(super) fn exposed_ports(&mut self, service: &Service) -> BTreeSet<String> {
        let mut ports = BTreeSet::new();
        for text in &service.expose {
            match exposed(text) {
                Ok(some) => ports.extend(some),
                Err(why) => self.problems.error(service.place("expose"), format!("`{text}`: {why}")),
            }
        }
        ports
    }

    fn binding(&self, port: &Port) -> Result<PortBinding, String> {
        let protocol = match port.protocol.to_lowercase().as_str() {
            "tcp" | "" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            other => return Err(format!("`{other}` is not a protocol; use tcp, udp or sctp")),
        };
        let container_port =
            u16::try_from(port.target).map_err(|_| format!("{} is not a port", port.target))?;
        let host_port = match port.published.as_str() {
            "" => None,
            published => match range(published)? {
                (0, 0) => None,
                (first, last) if first == last => Some(self.chosen(first, protocol)),
                _ => return Err(format!("`{published}` leaves the host port to the engine; name one port")),
            },
        };
        let host_ip = (!port.host_ip.is_empty()).then(|| port.host_ip.clone());
        Ok(PortBinding { host_ip, host_port, container_port, protocol })
    }

    /// Returns the owner's choice for a port of the package.
    fn chosen(&self, port: u16, protocol: Protocol) -> u16 {
        self.context.ports.get(&format!("{port}/{}", protocol.as_str())).copied().unwrap_or(port)
    }

    /// Publishes the web page on its service, or makes it a door, and returns it with the port that it got.
    pub(super) fn web_page(
        &mut self,
        services: &mut BTreeMap<ServiceName, ServiceSpec>,
    ) -> Option<(WebPage, Option<Door>)> {
        let web = self.context.web.clone()?;
        let host_port = self.chosen(web.host_port, Protocol::Tcp);
        let mut name: ServiceName = match web.service.parse() {
            Ok(name) if services.contains_key(&name) => name,
            _ => {
                if self.project.services.contains_key(&web.service) {
                    return None;
                }
                let names: Vec<&str> = self.project.services.keys().map(String::as_str).collect();
                let message =
                    format!("`web.service` is `{}`; the services are `{}`", web.service, names.join("`, `"));
                self.problems.error(At::NOWHERE, message);
                return None;
            }
        };
        // A service inside of another one's network answers at that one's ports.
        for _ in 0..services.len() {
            match services.get(&name).map(|service| &service.container.network) {
                Some(NetworkMode::Service(other)) => name = other.clone(),
                _ => break,
            }
        }
        let container = &mut services.get_mut(&name)?.container;
        let door = self.context.gate.map(|gate| Door {
            host_port,
            service: name.clone(),
            port: web.port,
            scheme: web.scheme,
            gate: gate.clone(),
        });
        // A door itself speaks HTTP.
        let scheme = if door.is_some() { Scheme::Http } else { web.scheme };
        let web = WebPage { scheme, ..web };
        match &container.network {
            NetworkMode::Networks(_) | NetworkMode::Service(_) => {}
            NetworkMode::Host if host_port == web.port => return Some((web, None)),
            NetworkMode::Host if door.is_some() => return Some((WebPage { host_port, ..web }, door)),
            NetworkMode::Host => {
                let message = format!(
                    "`{name}` uses the host's network, so its page is at port {} and cannot be at {host_port}",
                    web.port
                );
                self.problems.error(At::NOWHERE, message);
                return None;
            }
            NetworkMode::None | NetworkMode::Container(_) => {
                let message = format!("`{name}` has no network of its own to publish the web page on");
                self.problems.error(At::NOWHERE, message);
                return None;
            }
        }
        let published = PortBinding {
            host_ip: None,
            host_port: Some(host_port),
            container_port: web.port,
            protocol: Protocol::Tcp,
        };
        let is_page = |port: &PortBinding| {
            (port.host_port, port.container_port, port.protocol) == (Some(host_port), web.port, Protocol::Tcp)
        };
        if door.is_some() {
            container.ports.retain(|port| !is_page(port));
        } else if !container.ports.iter().any(is_page) {
            container.ports.push(published);
        }
        Some((WebPage { host_port, ..web }, door))
    }

    /// Finds host ports that two containers of the app ask for, or one and the app's door.
    pub(super) fn check_ports(&mut self, services: &BTreeMap<ServiceName, ServiceSpec>, door: Option<&Door>) {
        let mut taken: BTreeMap<(u16, Protocol), Vec<Holder<'_>>> = BTreeMap::new();
        if let Some(door) = door {
            taken.insert((door.host_port, Protocol::Tcp), vec![("the app's web page", HostAddress::Any)]);
        }
        for (name, service) in services {
            for port in &service.container.ports {
                let Some(host_port) = port.host_port else { continue };
                let holders = taken.entry((host_port, port.protocol)).or_default();
                let address = HostAddress::of(port.host_ip.as_deref());
                if let Some((other, held)) = holders.iter().find(|(_, held)| held.overlaps(address)) {
                    // The narrower of the two is where they meet.
                    let at = if held.is_wide() { address } else { *held };
                    let message = format!(
                        "the port {host_port}/{}{at} of the host is published by `{other}` and `{name}`; change one",
                        port.protocol.as_str()
                    );
                    let place =
                        self.project.services.get(name.as_str()).map(|service| service.place("ports"));
                    self.problems.error(place.unwrap_or_default(), message);
                }
                holders.push((name.as_str(), address));
            }
        }
    }
}

/// Reads `8080`, `8080-8090` or either with `/protocol`. What stands for one port stays as it is written, because a
/// container is made anew when its spec changes.
fn exposed(text: &str) -> Result<Vec<String>, String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !["tcp", "udp", "sctp"].contains(&protocol.to_lowercase().as_str()) {
        return Err(format!("`{protocol}` is not a protocol; use tcp, udp or sctp"));
    }
    let (first, last) = range(ports)?;
    if first == 0 {
        return Err("ports are 1 to 65535".to_owned());
    }
    let count = usize::from(last - first) + 1;
    if count > MAX_RANGE {
        return Err(format!("the range has {count} ports; at most {MAX_RANGE} are taken"));
    }
    if !ports.contains('-') {
        return Ok(vec![format!("{ports}/{protocol}")]);
    }
    Ok((first..=last).map(|port| format!("{port}/{}", protocol.to_lowercase())).collect())
}
