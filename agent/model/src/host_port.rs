use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::container::Protocol;
use crate::id::ServiceName;

/// The host's addresses that a port is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostAddress {
    /// All of them, IPv4 and IPv6.
    Any,
    /// One, or all of its family when it is the unspecified one: `0.0.0.0` is every IPv4 address and no IPv6 address.
    ///
    /// The engine binds a published port in this way
    /// ([`host_ip`](https://docs.docker.com/reference/compose-file/services/#ports)).
    Ip(IpAddr),
}

impl HostAddress {
    /// Reads the address of a published port. None stands for all, and so does what is no address: it may be any.
    pub fn of(host_ip: Option<&str>) -> Self {
        host_ip.and_then(|ip| ip.parse::<IpAddr>().ok()).map_or(Self::Any, Self::from)
    }

    /// Tells whether some address of the host is one of both.
    pub fn overlaps(self, other: Self) -> bool {
        let (Self::Ip(one), Self::Ip(other)) = (self, other) else { return true };
        one.is_ipv4() == other.is_ipv4() && (one == other || one.is_unspecified() || other.is_unspecified())
    }

    /// Tells whether this is all addresses, or all of one family.
    pub fn is_wide(self) -> bool {
        match self {
            Self::Any => true,
            Self::Ip(ip) => ip.is_unspecified(),
        }
    }
}

impl From<IpAddr> for HostAddress {
    fn from(ip: IpAddr) -> Self {
        // `::ffff:127.0.0.1` is how an IPv6 socket has an IPv4 address.
        Self::Ip(ip.to_canonical())
    }
}

/// A port of the host, on one of its addresses or on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostSocket {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// Where it is taken.
    pub address: HostAddress,
}

impl HostSocket {
    /// Tells whether only one of the two can be had at a time.
    pub fn overlaps(self, other: Self) -> bool {
        self.protocol == other.protocol && self.port == other.port && self.address.overlaps(other.address)
    }
}

/// The address as a sentence goes on with it, ` on 127.0.0.1`; nothing for all addresses.
impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => f.write_str(" on all IPv4 addresses"),
            Self::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => f.write_str(" on all IPv6 addresses"),
            Self::Ip(ip) => write!(f, " on {ip}"),
        }
    }
}

/// A port of the host that an app takes while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// The service that answers there.
    pub service: &'a ServiceName,
    /// The port, and where it is taken.
    pub socket: HostSocket,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: [&str; 6] = ["127.0.0.1", "127.0.0.53", "192.168.1.2", "::1", "fe80::1", "2001:db8::7"];

    fn any_address() -> impl Strategy<Value = HostAddress> {
        let texts = HOST.into_iter().chain(["0.0.0.0", "::", "", "::ffff:127.0.0.1"]);
        let texts: Vec<Option<&str>> = texts.map(Some).chain([None]).collect();
        prop::sample::select(texts).prop_map(HostAddress::of)
    }

    /// The addresses of a host that has those of [`HOST`] and no other.
    fn on_host(address: HostAddress) -> Vec<IpAddr> {
        let all = HOST.map(|text| text.parse::<IpAddr>().expect("an address"));
        let is_in = |ip: &IpAddr| match address {
            HostAddress::Any => true,
            HostAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => ip.is_ipv4(),
            HostAddress::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => ip.is_ipv6(),
            HostAddress::Ip(one) => one == *ip,
        };
        all.into_iter().filter(is_in).collect()
    }

    proptest! {
        #[test]
        fn addresses_overlap_when_they_share_one_of_the_hosts(one in any_address(), other in any_address()) {
            let shared = on_host(one).iter().any(|ip| on_host(other).contains(ip));
            prop_assert_eq!(one.overlaps(other), shared);
            prop_assert_eq!(one.overlaps(other), other.overlaps(one));
        }
    }

    #[test]
    fn ports_and_protocols_are_apart() {
        let socket = |protocol, port| HostSocket { protocol, port, address: HostAddress::Any };
        assert!(socket(Protocol::Tcp, 53).overlaps(socket(Protocol::Tcp, 53)));
        assert!(!socket(Protocol::Tcp, 53).overlaps(socket(Protocol::Udp, 53)));
        assert!(!socket(Protocol::Tcp, 53).overlaps(socket(Protocol::Tcp, 54)));
    }
}
