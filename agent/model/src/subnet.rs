use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range of IP addresses that begin alike, `10.21.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    /// Its first address.
    first: IpAddr,
    /// How many bits all its addresses begin with.
    length: u8,
}

/// A text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range of IP addresses; write it like 172.30.0.0/24")]
pub struct InvalidSubnet(String);

/// What this host reaches without a gateway of ours: an interface and the addresses behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The interface, `eth0`.
    pub interface: String,
    /// The addresses.
    pub subnet: Subnet,
}

/// Addresses for private use ([RFC 1918](https://datatracker.ietf.org/doc/html/rfc1918#section-3),
/// [RFC 4193](https://datatracker.ietf.org/doc/html/rfc4193#section-3)).
const PRIVATE: [Subnet; 4] = [
    Subnet { first: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), length: 8 },
    Subnet { first: IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), length: 12 },
    Subnet { first: IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), length: 16 },
    Subnet { first: IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), length: 7 },
];

impl Subnet {
    /// Returns the range of this length that an address lies in; `None` when no address has so many bits.
    pub fn around(address: impl Into<IpAddr>, length: u8) -> Option<Self> {
        let first = match address.into() {
            IpAddr::V4(address) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { first, length })
    }

    /// Tells whether some address lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        let (one, two) = (Self::around(self.first, length), Self::around(other.first, length));
        one.is_some() && one == two
    }

    /// Tells whether every address of the range is for private use.
    pub fn is_private(self) -> bool {
        PRIVATE.iter().any(|range| range.length <= self.length && range.overlaps(self))
    }

    /// Tells whether this is every address there is, as of a default route.
    pub fn is_everything(self) -> bool {
        self.length == 0
    }
}

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        let read = || {
            let (address, length) = text.split_once('/')?;
            Self::around(address.parse::<IpAddr>().ok()?, length.parse().ok()?)
        };
        read().ok_or_else(|| InvalidSubnet(text.to_owned()))
    }
}

impl TryFrom<String> for Subnet {
    type Error = InvalidSubnet;

    fn try_from(text: String) -> Result<Self, InvalidSubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_overlap_when_one_holds_the_other() {
        for (one, other, expected) in [
            ("10.21.0.0/16", "10.21.5.0/24", true),
            ("10.21.0.0/16", "10.0.0.0/8", true),
            ("10.21.0.0/16", "10.22.0.0/16", false),
            ("10.21.0.0/16", "0.0.0.0/0", true),
            ("fd00::/64", "fd00::1/128", true),
            ("fd00::/64", "10.0.0.0/8", false),
            ("0.0.0.0/0", "::/0", false),
        ] {
            assert_eq!(subnet(one).overlaps(subnet(other)), expected, "{one} {other}");
            assert_eq!(subnet(other).overlaps(subnet(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn private_ranges_are_told_from_those_of_others() {
        for private in ["10.0.0.0/8", "172.31.255.0/29", "192.168.1.0/24", "fd12:3456::/64"] {
            assert!(subnet(private).is_private(), "{private}");
        }
        for public in
            ["9.9.9.0/24", "172.32.0.0/16", "10.0.0.0/7", "0.0.0.0/0", "2001:db8::/32", "100.64.0.0/10"]
        {
            assert!(!subnet(public).is_private(), "{public}");
        }
    }

    #[test]
    fn a_range_is_written_with_its_first_address() {
        assert_eq!(subnet("10.21.7.9/16").to_string(), "10.21.0.0/16");
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "x/8", "10.0.0.0/x"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }
}
