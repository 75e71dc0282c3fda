use std::net::Ipv4Addr;

use hearth_model::Subnet;

use crate::wire;

/// Where networks find room when the engine's own pools are used up: of the addresses for private use
/// ([RFC 1918](https://datatracker.ietf.org/doc/html/rfc1918#section-3)), far from what home routers give out. These are the
/// two numbers that they all begin with.
const RANGE: [u8; 2] = [10, 213];

/// A network of this length holds 254 addresses.
const LENGTH: u8 = 24;

/// Returns the subnets that none of these networks touches, and none of those that the host reaches otherwise, lowest first.
pub(super) fn free(networks: &[wire::Network], routes: &[Subnet]) -> impl Iterator<Item = Subnet> + use<> {
    let pools = networks.iter().flat_map(|network| &network.ipam.config);
    // What is no network of IP addresses takes none.
    let taken: Vec<Subnet> =
        pools.filter_map(|pool| pool.subnet.parse().ok()).chain(routes.iter().copied()).collect();
    let [one, two] = RANGE;
    (0..=u8::MAX)
        .filter_map(move |three| Subnet::around(Ipv4Addr::new(one, two, three, 0), LENGTH))
        .filter(move |part| !taken.iter().any(|taken| taken.overlaps(*part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(subnets: &[&str]) -> Vec<wire::Network> {
        let network =
            |subnet: &&str| serde_json::json!({ "Name": "n", "IPAM": { "Config": [{ "Subnet": subnet }] } });
        subnets.iter().map(|subnet| serde_json::from_value(network(subnet)).unwrap()).collect()
    }

    fn first_free(subnets: &[&str]) -> Option<String> {
        free(&networks(subnets), &[]).next().map(|subnet| subnet.to_string())
    }

    #[test]
    fn the_lowest_free_subnet_comes_first() {
        assert_eq!(first_free(&[]).as_deref(), Some("10.213.0.0/24"));
        assert_eq!(first_free(&["10.213.0.0/24", "172.17.0.0/16"]).as_deref(), Some("10.213.1.0/24"));
        assert_eq!(first_free(&["10.213.1.0/24"]).as_deref(), Some("10.213.0.0/24"));
    }

    #[test]
    fn a_subnet_of_another_length_takes_all_that_it_touches() {
        assert_eq!(first_free(&["10.213.0.128/25"]).as_deref(), Some("10.213.1.0/24"));
        assert_eq!(first_free(&["10.213.0.0/22"]).as_deref(), Some("10.213.4.0/24"));
        assert_eq!(first_free(&["10.0.0.0/8"]), None);
        assert_eq!(first_free(&["0.0.0.0/0"]), None);
    }

    #[test]
    fn what_is_no_ipv4_network_takes_nothing() {
        assert_eq!(first_free(&["fd00::/64", "", "10.213.0.0/99"]).as_deref(), Some("10.213.0.0/24"));
    }

    #[test]
    fn what_the_host_reaches_otherwise_is_not_taken() {
        let routes = ["10.213.0.0/23", "192.168.1.0/24"].map(|route| route.parse().unwrap());
        assert_eq!(
            free(&[], &routes).next().map(|subnet| subnet.to_string()).as_deref(),
            Some("10.213.2.0/24")
        );
    }

    #[test]
    fn there_are_256_of_them() {
        assert_eq!(free(&[], &[]).count(), 256);
    }
}
