use std::net::Ipv4Addr;

use crate::wire;

/// Where networks find room when the engine's own pools are used up: of the addresses for private use
/// ([RFC 1918](https://datatracker.ietf.org/doc/html/rfc1918#section-3)), far from what home routers give out.
const RANGE: Subnet = Subnet { first: u32::from_be_bytes([10, 213, 0, 0]), length: 16 };

/// A network of this length holds 254 addresses.
const LENGTH: u8 = 24;

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    /// Its first address.
    first: u32,
    /// How many bits are the network's.
    length: u8,
}

impl Subnet {
    /// Reads `10.213.4.0/24`; what is not an IPv4 network is `None`.
    fn read(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let length: u8 = length.parse().ok().filter(|length| *length <= 32)?;
        Some(Self { first: u32::from(address) & mask(length), length })
    }

    fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.length.min(other.length));
        self.first & shorter == other.first & shorter
    }

    /// Returns the networks of [`LENGTH`] within this one.
    fn parts(self) -> impl Iterator<Item = Self> {
        let size = 1_u32 << (32 - LENGTH);
        (0..1_u32 << (LENGTH - self.length))
            .map(move |number| Self { first: self.first + number * size, length: LENGTH })
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.length)
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// Returns the subnets that none of these networks touches, lowest first.
pub(super) fn free(networks: &[wire::Network]) -> impl Iterator<Item = Subnet> + use<> {
    let taken: Vec<Subnet> = networks
        .iter()
        .flat_map(|network| &network.ipam.config)
        .filter_map(|pool| Subnet::read(&pool.subnet))
        .collect();
    RANGE.parts().filter(move |part| !taken.iter().any(|taken| taken.overlaps(*part)))
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
        free(&networks(subnets)).next().map(|subnet| subnet.to_string())
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
    fn there_are_256_of_them() {
        assert_eq!(free(&[]).count(), 256);
    }
}
