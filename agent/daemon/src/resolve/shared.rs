use std::collections::BTreeMap;

use hearth_model::AppSpec;
use hearth_model::container::{Endpoint, NetworkMode};
use hearth_model::spec::{IpamPool, NetworkSpec};

/// The network that apps which talk to each other share. Packages of umbrelOS name fixed addresses in it.
pub(super) const NAME: &str = "hearth_shared";
/// [Its range and gateway on umbrelOS](https://github.com/getumbrel/umbrel): packages rely on both.
pub(super) const SUBNET: &str = "10.21.0.0/16";
pub(super) const GATEWAY: &str = "10.21.0.1";
/// Addresses for containers that name none: apart from 10.21.21.0 and 10.21.22.0, where packages name theirs.
const FREE_RANGE: &str = "10.21.128.0/17";

/// Connects an app's services to the shared network, beside their own: there other apps reach them by the names of their
/// containers. Fixed addresses move there from the app's own network, which has no such range. Names of services stay
/// known to the app alone, since two apps may both have a `web`.
pub(super) fn join(spec: &mut AppSpec) {
    let own = format!("{}_default", spec.app);
    let mut joined = false;
    for service in spec.services.values_mut() {
        let NetworkMode::Networks(endpoints) = &mut service.container.network else { continue };
        let address = endpoints.get_mut(&own).and_then(|endpoint| endpoint.ipv4_address.take());
        let endpoint = Endpoint { ipv4_address: address, ..Endpoint::default() };
        endpoints.insert(NAME.to_owned(), endpoint);
        joined = true;
    }
    if joined {
        spec.networks.insert(NAME.to_owned(), network());
    }
}

fn network() -> NetworkSpec {
    NetworkSpec {
        ipam: vec![IpamPool {
            subnet: Some(SUBNET.to_owned()),
            ip_range: Some(FREE_RANGE.to_owned()),
            gateway: Some(GATEWAY.to_owned()),
            aux_addresses: BTreeMap::new(),
        }],
        shared: true,
        ..NetworkSpec::default()
    }
}
