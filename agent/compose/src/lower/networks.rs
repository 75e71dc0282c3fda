use std::collections::{BTreeMap, BTreeSet};

use hearth_model::Subnet;
use hearth_model::container::{Endpoint, NetworkMode};
use hearth_model::package::{AccessKind, HOME_NETWORK};
use hearth_model::spec::{IpamPool, NetworkSpec};

use super::Lowerer;
use crate::project::Service;
use crate::project::parts::ServiceNetwork;
use crate::project::resources::Network;

/// Drivers whose containers have addresses of their own in the network of the host's card.
const HOME_DRIVERS: [&str; 2] = ["macvlan", "ipvlan"];

/// Options of such networks ([Docker, macvlan](https://docs.docker.com/engine/network/drivers/macvlan/#options)).
const HOME_OPTIONS: [&str; 4] = ["parent", "macvlan_mode", "ipvlan_mode", "ipvlan_flag"];

/// Options of bridges that concern nobody but the app
/// ([Docker, bridge](https://docs.docker.com/engine/network/drivers/bridge/#options)). Others name bridges of the host,
/// or open what the engine keeps closed.
const BRIDGE_OPTIONS: [&str; 5] = [
    "com.docker.network.driver.mtu",
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
    "com.docker.network.bridge.host_binding_ipv4",
    "com.docker.network.container_iface_prefix",
];

/// The network of services that name none.
const DEFAULT: &str = "default";

impl Lowerer<'_> {
    pub(super) fn lower_networks(&mut self) {
        for (key, network) in &self.project.networks {
            if network.enable_ipv4 == Some(false) {
                let message =
                    format!("`enable_ipv4: false` of the network `{key}` is not supported by all engines");
                self.problems.error(network.at, message);
            }
            if !network.external {
                self.check_network(key, network);
            }
            let name = self.network_name(key, network);
            self.networks.insert(name, spec(network));
        }
    }

    /// Refuses what would change the network of the host, or of other apps.
    fn check_network(&mut self, key: &str, network: &Network) {
        let allowed: &[&str] = match network.driver.as_str() {
            "" | "bridge" => &BRIDGE_OPTIONS,
            driver if HOME_DRIVERS.contains(&driver) => &HOME_OPTIONS,
            driver => {
                let message = format!(
                    "the driver `{driver}` of the network `{key}` is not supported; leave `driver` out, or use bridge, macvlan or ipvlan"
                );
                return self.problems.error(network.at, message);
            }
        };
        for option in network.driver_opts.keys().filter(|option| !allowed.contains(&option.as_str())) {
            let message = format!(
                "the option `{option}` of the network `{key}` is not supported, because it can reach beyond the app; the options are {}",
                allowed.join(", ")
            );
            self.problems.error(network.at, message);
        }
        if !["", "default"].contains(&network.ipam.driver.as_str()) {
            let message = format!(
                "the address management `{}` of the network `{key}` is not supported; leave `ipam.driver` out",
                network.ipam.driver
            );
            self.problems.error(network.at, message);
        }
        for pool in network.ipam.config.iter().filter(|pool| !pool.subnet.is_empty()) {
            match pool.subnet.parse::<Subnet>() {
                Ok(subnet) if subnet.is_private() => {}
                Ok(subnet) => {
                    let message = format!(
                        "the network `{key}` takes the addresses {subnet}, which are those of others in the internet; use a part of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fd00::/8"
                    );
                    self.problems.error(network.at, message);
                }
                Err(error) => {
                    self.problems.error(network.at, format!("`subnet` of the network `{key}`: {error}"));
                }
            }
        }
    }

    /// An app's own network is named after the app, whatever name its file gives: two apps never share one by accident.
    fn network_name(&self, key: &str, network: &Network) -> String {
        if network.external { network.name.clone() } else { self.own_name(key) }
    }

    pub(super) fn network(&mut self, name: &str, service: &Service) -> NetworkMode {
        match service.network_mode.as_str() {
            "" => NetworkMode::Networks(self.endpoints(name, service)),
            "host" => NetworkMode::Host,
            "none" => NetworkMode::None,
            // The engine's own bridge connects everything that anybody ever put there; the app's own network does the
            // same for it.
            "bridge" | "default" => NetworkMode::Networks(self.default_endpoint(name, service)),
            mode => self.shared_network(mode, name, service),
        }
    }

    fn shared_network(&mut self, mode: &str, name: &str, service: &Service) -> NetworkMode {
        let of_service = match mode.split_once(':') {
            Some(("service", other)) => Some(other.to_owned()),
            Some(("container", container)) => match self.service_named(container) {
                Some(other) => Some(other.to_owned()),
                None => {
                    self.grant(AccessKind::HostNetwork, name, format!("container {container}"));
                    return NetworkMode::Container(container.to_owned());
                }
            },
            _ => None,
        };
        match of_service {
            Some(other) => {
                let found = self.own_service("network_mode", service, &other);
                found.map_or(NetworkMode::None, NetworkMode::Service)
            }
            None => {
                let message = format!(
                    "`{mode}` is not a network mode; use host, none, bridge or service:NAME, or list `networks`"
                );
                self.problems.error(service.place("network_mode"), message);
                NetworkMode::None
            }
        }
    }

    fn default_endpoint(&mut self, name: &str, service: &Service) -> BTreeMap<String, Endpoint> {
        let network = self.project.networks.get(DEFAULT).cloned().unwrap_or_default();
        let network_name = self.network_name(DEFAULT, &network);
        self.networks.entry(network_name.clone()).or_insert_with(|| spec(&network));
        let mut endpoint = Endpoint::default();
        named(&mut endpoint, name, service);
        BTreeMap::from([(network_name, endpoint)])
    }

    fn endpoints(&mut self, name: &str, service: &Service) -> BTreeMap<String, Endpoint> {
        let mut endpoints = BTreeMap::new();
        for (key, declared) in &service.networks {
            let Some(network) = self.project.networks.get(key) else { continue };
            if network.external {
                self.grant(AccessKind::HostNetwork, name, format!("network {}", network.name));
            } else if HOME_DRIVERS.contains(&network.driver.as_str()) {
                let card = network.driver_opts.get("parent").map_or("any", String::as_str);
                self.grant(AccessKind::HostNetwork, name, format!("{HOME_NETWORK}{card}"));
            }
            let mut endpoint = declared.as_ref().map(endpoint).unwrap_or_default();
            named(&mut endpoint, name, service);
            endpoints.insert(self.network_name(key, network), endpoint);
        }
        if !service.mac_address.is_empty()
            && let Some(first) = endpoints.values_mut().max_by_key(|endpoint| endpoint.priority)
        {
            first.mac_address.get_or_insert_with(|| service.mac_address.clone());
        }
        endpoints
    }
}

/// Adds the names by which other containers of the app find this one.
fn named(endpoint: &mut Endpoint, name: &str, service: &Service) {
    endpoint.aliases.insert(name.to_owned());
    if !service.container_name.is_empty() {
        endpoint.aliases.insert(service.container_name.clone());
    }
}

fn endpoint(declared: &ServiceNetwork) -> Endpoint {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    Endpoint {
        aliases: declared.aliases.iter().cloned().collect::<BTreeSet<_>>(),
        ipv4_address: some(&declared.ipv4_address),
        ipv6_address: some(&declared.ipv6_address),
        link_local_ips: declared.link_local_ips.clone(),
        mac_address: some(&declared.mac_address),
        priority: declared.priority,
        gw_priority: (declared.gw_priority != 0).then_some(declared.gw_priority),
        driver_opts: declared.driver_opts.clone(),
    }
}

fn spec(network: &Network) -> NetworkSpec {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    NetworkSpec {
        driver: network.driver.clone(),
        driver_opts: network.driver_opts.clone(),
        internal: network.internal,
        attachable: network.attachable,
        enable_ipv6: network.enable_ipv6.unwrap_or_default(),
        ipam: network
            .ipam
            .config
            .iter()
            .map(|pool| IpamPool {
                subnet: some(&pool.subnet),
                ip_range: some(&pool.ip_range),
                gateway: some(&pool.gateway),
                aux_addresses: pool.aux_addresses.clone(),
            })
            .collect(),
        ipam_driver: some(&network.ipam.driver),
        labels: network.labels.clone(),
        external: network.external,
        shared: false,
    }
}
