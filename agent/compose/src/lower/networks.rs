use std::collections::{BTreeMap, BTreeSet};

use hearth_model::ServiceName;
use hearth_model::container::{Endpoint, NetworkMode};
use hearth_model::package::AccessKind;
use hearth_model::spec::{IpamPool, NetworkSpec};

use super::Lowerer;
use crate::project::Service;
use crate::project::parts::ServiceNetwork;
use crate::project::resources::Network;

/// The engine's own networks, which are no app's.
const BRIDGE: &str = "bridge";

impl Lowerer<'_> {
    pub(super) fn lower_networks(&mut self) {
        for (key, network) in &self.project.networks {
            if network.enable_ipv4 == Some(false) {
                let message =
                    format!("`enable_ipv4: false` of the network `{key}` is not supported by all engines");
                self.problems.error(network.at, message);
            }
            let name = self.network_name(key, network);
            self.networks.insert(name, spec(network));
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
            "bridge" | "default" => {
                self.networks
                    .entry(BRIDGE.to_owned())
                    .or_insert_with(|| NetworkSpec { external: true, ..NetworkSpec::default() });
                NetworkMode::Networks(BTreeMap::from([(BRIDGE.to_owned(), Endpoint::default())]))
            }
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
        match of_service.and_then(|other| other.parse::<ServiceName>().ok()) {
            Some(other) => NetworkMode::Service(other),
            None => {
                let message = format!(
                    "`{mode}` is not a network mode; use host, none, bridge or service:NAME, or list `networks`"
                );
                self.problems.error(service.place("network_mode"), message);
                NetworkMode::None
            }
        }
    }

    fn endpoints(&mut self, name: &str, service: &Service) -> BTreeMap<String, Endpoint> {
        let mut endpoints = BTreeMap::new();
        for (key, declared) in &service.networks {
            let Some(network) = self.project.networks.get(key) else { continue };
            if network.external {
                self.grant(AccessKind::HostNetwork, name, format!("network {}", network.name));
            }
            let mut endpoint = declared.as_ref().map(endpoint).unwrap_or_default();
            endpoint.aliases.insert(name.to_owned());
            if !service.container_name.is_empty() {
                endpoint.aliases.insert(service.container_name.clone());
            }
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
