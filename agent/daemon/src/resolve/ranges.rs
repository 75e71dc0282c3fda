use hearth_model::condition::ReasonCode;
use hearth_model::subnet::Route;
use hearth_model::{AppSpec, Reason, Subnet};

/// Drivers whose networks are the home network itself, and have its addresses.
const AT_HOME: [&str; 2] = ["macvlan", "ipvlan"];

/// Refuses networks of an app with addresses that the host reaches over a network of its own: from then on the host would
/// send there what is meant for its router, or for a neighbour.
///
/// # Errors
/// The reason for the owner.
pub(super) fn check(spec: &AppSpec, routes: &[Route], name: &str) -> Result<(), Reason> {
    let own = spec
        .networks
        .values()
        .filter(|network| !network.external && !AT_HOME.contains(&network.driver.as_str()));
    for range in own.flat_map(|network| &network.ipam).filter_map(|pool| pool.subnet.as_deref()) {
        if let Some(route) = in_the_way(range, routes) {
            return Err(taken(name, range, route));
        }
    }
    Ok(())
}

/// Returns a route of the host to some of these addresses.
pub(super) fn in_the_way<'a>(range: &str, routes: &'a [Route]) -> Option<&'a Route> {
    let range: Subnet = range.parse().ok()?;
    routes.iter().find(|route| route.subnet.overlaps(range))
}

/// Says whose addresses an app asks for.
pub(super) fn taken(name: &str, range: &str, route: &Route) -> Reason {
    let Route { interface, subnet } = route;
    Reason::new(
        ReasonCode::NameTaken,
        format!(
            "{name} needs the addresses {range} for its containers, and this box reaches {subnet} over {interface}. Give that network other addresses, in your router if it is your home network, and {name} starts by itself."
        ),
    )
}

#[cfg(test)]
mod tests {
    use hearth_model::spec::{IpamPool, NetworkSpec};

    use super::*;

    fn app(driver: &str, subnet: &str) -> AppSpec {
        let pool = IpamPool { subnet: Some(subnet.to_owned()), ..IpamPool::default() };
        let network = NetworkSpec { driver: driver.to_owned(), ipam: vec![pool], ..NetworkSpec::default() };
        let mut spec: AppSpec = serde_json::from_value(serde_json::json!({
            "app": "demo", "version": "1", "package_digest": hearth_model::Digest::of(b""), "services": {},
            "networks": {}, "volumes": {},
        }))
        .unwrap();
        spec.networks.insert("demo_n".to_owned(), network);
        spec
    }

    #[test]
    fn addresses_that_the_host_reaches_otherwise_are_refused() {
        let routes = [Route { interface: "eth0".to_owned(), subnet: "192.168.1.0/24".parse().unwrap() }];
        let reason = check(&app("", "192.168.0.0/16"), &routes, "Demo").unwrap_err();
        assert!(reason.message.contains("192.168.1.0/24 over eth0"), "{reason:?}");
        assert_eq!(check(&app("", "172.31.255.0/29"), &routes, "Demo"), Ok(()));
        let mut tor = app("", "10.21.0.0/16");
        tor.networks.values_mut().for_each(|network| network.shared = true);
        let at_home = [Route { interface: "eth0".to_owned(), subnet: "10.21.0.0/24".parse().unwrap() }];
        assert!(check(&tor, &at_home, "Tor").is_err(), "a shared network takes them just the same");
        assert_eq!(check(&app("macvlan", "192.168.1.0/24"), &routes, "Demo"), Ok(()), "it is that network");
    }
}
