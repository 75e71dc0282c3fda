//! The network, as far as the kernel says it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use hearth_model::Subnet;
use hearth_model::subnet::Route;

/// The route is usable, and leads over a gateway
/// ([route.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/route.h)).
const UP_OVER_A_GATEWAY: u32 = 0x3;

/// The route is usable.
const UP: u32 = 0x1;
/// What is meant for the route is refused.
const REFUSED: u32 = 0x200;

/// Returns the network cards over which there is a way out of the home network, by IPv4 or IPv6: hardware address, and what
/// the kernel calls it now. Another release may call the same card something else. `root` is `/` on a device.
pub fn ways_out(root: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(root.join("proc/self/net").join(name)).unwrap_or_default();
    let (four, six) = (read("route"), read("ipv6_route"));
    let named = ipv4(&four).chain(ipv6(&six));
    named.map(|name| (hardware_address(root, name), name.to_owned())).collect()
}

/// Returns the addresses that this host reaches over networks of its own, and over which interface, default routes and
/// the engine's bridges left out, and of IPv6 what every link has. A network of containers with any of these addresses would take them from the host, its
/// router's among them. `root` is `/` on a device.
pub fn routes(root: &Path) -> Vec<Route> {
    let read = |name: &str| fs::read_to_string(root.join("proc/self/net").join(name)).unwrap_or_default();
    let (four, six) = (read("route"), read("ipv6_route"));
    let mut routes: Vec<Route> =
        four.lines().skip(1).filter_map(route).chain(six.lines().filter_map(route_v6)).collect();
    routes.retain(|route| !route.subnet.is_everything() && !is_bridge_of_docker(&route.interface));
    routes.sort();
    routes.dedup();
    routes
}

/// Reads a line of [`/proc/net/route`](https://man7.org/linux/man-pages/man5/proc_pid_net.5.html); addresses are numbers
/// in the order of bytes that the processor has.
fn route(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [interface, destination, _, flags, _, _, _, mask, ..] = fields.as_slice() else { return None };
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    number(flags).filter(|flags| flags & UP != 0)?;
    let address = Ipv4Addr::from(number(destination)?.to_ne_bytes());
    let length = u8::try_from(number(mask)?.count_ones()).ok()?;
    Some(Route { interface: (*interface).to_owned(), subnet: Subnet::around(address, length)? })
}

/// Reads a line of [`/proc/net/ipv6_route`](https://man7.org/linux/man-pages/man5/proc_pid_net.5.html). What the host refuses
/// to reach is no route.
fn route_v6(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, .., flags, interface] = fields.as_slice() else { return None };
    u32::from_str_radix(flags, 16).ok().filter(|flags| flags & (UP | REFUSED) == UP)?;
    let address = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
    let length = u8::from_str_radix(length, 16).ok()?;
    (!is_on_every_link(address) && !address.is_loopback())
        .then_some(Route { interface: (*interface).to_owned(), subnet: Subnet::around(address, length)? })
}

/// Every link has these, so they say nothing about which one it is.
const fn is_on_every_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_multicast()
}

/// Tells whether an address is one that Docker gives to containers: it lies in the network of a bridge of Docker's. `root` is
/// `/` on a device.
pub fn is_of_a_container(root: &Path, address: IpAddr) -> bool {
    let read = |name: &str| fs::read_to_string(root.join("proc/self/net").join(name)).unwrap_or_default();
    match address.to_canonical() {
        IpAddr::V4(address) => bridges_v4(&read("route")).any(|(network, mask)| address & mask == network),
        IpAddr::V6(address) => {
            bridges_v6(&read("ipv6_route")).any(|(network, mask)| address & mask == network)
        }
    }
}

/// Networks of Docker's bridges, and their masks.
fn bridges_v4(table: &str) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
    // The kernel prints the bytes of an address as one number of this machine.
    let address = |hex: &str| Some(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes()));
    table.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, network, _, _, _, _, _, mask, ..] = fields.as_slice() else { return None };
        is_bridge_of_docker(name).then_some((address(network)?, address(mask)?))
    })
}

fn bridges_v6(table: &str) -> impl Iterator<Item = (Ipv6Addr, Ipv6Addr)> {
    table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [network, length, .., name] = fields.as_slice() else { return None };
        let network = Ipv6Addr::from(u128::from_str_radix(network, 16).ok()?);
        let length = u32::from_str_radix(length, 16).ok().filter(|length| (1..=128).contains(length))?;
        let mask = Ipv6Addr::from(u128::MAX << (128 - length));
        (is_bridge_of_docker(name) && !is_on_every_link(network)).then_some((network, mask))
    })
}

/// Docker's default bridge, and those of networks, which it calls by the beginning of their id.
fn is_bridge_of_docker(name: &str) -> bool {
    let is_id = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(name, "docker0" | "docker_gwbridge") || name.strip_prefix("br-").is_some_and(is_id)
}

/// Of a card; its name where it has none, as a tunnel has not.
fn hardware_address(root: &Path, name: &str) -> String {
    let address =
        fs::read_to_string(root.join("sys/class/net").join(name).join("address")).unwrap_or_default();
    let address = address.trim();
    if address.is_empty() { name.to_owned() } else { address.to_owned() }
}

/// Columns: interface, destination, gateway, flags, three counters, mask …
fn ipv4(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            [name, "00000000", _, flags, _, _, _, "00000000", ..] if is_usable(flags) => Some(*name),
            _ => None,
        }
    })
}

/// Columns: destination, its length, source, its length, gateway, three counters, flags, interface.
fn ipv6(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, .., flags, name] = fields.as_slice() else { return None };
        let is_way_out = *length == "00" && destination.bytes().all(|byte| byte == b'0') && is_usable(flags);
        is_way_out.then_some(*name)
    })
}

fn is_usable(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & UP_OVER_A_GATEWAY == UP_OVER_A_GATEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn addresses_of_containers_are_known_by_dockers_bridges() {
        let root = tempfile::tempdir().unwrap();
        let net = root.path().join("proc/self/net");
        fs::create_dir_all(&net).unwrap();
        let line = |name: &str, network: [u8; 4], mask: [u8; 4]| {
            let hex = |bytes| format!("{:08X}", u32::from_ne_bytes(bytes));
            format!("{name}\t{}\t00000000\t0001\t0\t0\t0\t{}\t0\t0\t0\n", hex(network), hex(mask))
        };
        let table = [
            line("eth0", [0, 0, 0, 0], [0, 0, 0, 0]),
            line("eth0", [192, 168, 1, 0], [255, 255, 255, 0]),
            // A bridge of the owner's own, over which the home network comes.
            line("br-lan", [192, 168, 2, 0], [255, 255, 255, 0]),
            line("docker0", [172, 17, 0, 0], [255, 255, 0, 0]),
            line("br-0123456789ab", [10, 213, 4, 0], [255, 255, 255, 0]),
        ];
        fs::write(net.join("route"), format!("{HEAD}{}", table.concat())).unwrap();
        let six = |network: &str, length: &str, name: &str| {
            let zero = "0".repeat(32);
            format!("{network} {length} {zero} 00 {zero} 00000100 00000001 00000000 00000001 {name}\n")
        };
        let table = [
            six("fd00000000000000000000000000000a", "80", "eth0"),
            six("fd120000000000000000000000000000", "40", "br-0123456789ab"),
            six("fe800000000000000000000000000000", "40", "br-0123456789ab"),
        ];
        fs::write(net.join("ipv6_route"), table.concat()).unwrap();
        for (address, expected) in [
            ("172.17.0.2", true),
            ("10.213.4.200", true),
            ("::ffff:10.213.4.200", true),
            ("fd12::5", true),
            ("10.213.5.1", false),
            ("192.168.1.20", false),
            ("192.168.2.20", false),
            ("127.0.0.1", false),
            ("203.0.113.9", false),
            ("fd00::a", false),
            ("fe80::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_of_a_container(root.path(), address.parse().unwrap()), expected, "{address}");
        }
        let nothing = tempfile::tempdir().unwrap();
        assert!(!is_of_a_container(nothing.path(), "172.17.0.2".parse().unwrap()));
    }

    #[test]
    fn a_way_out_is_told_from_a_network_of_ones_own() {
        let own = "eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
        let out = "eth0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        assert_eq!(ipv4("").count() + ipv4(HEAD).count() + ipv4(&format!("{HEAD}{own}")).count(), 0);
        assert_eq!(ipv4(&format!("{HEAD}{own}{out}")).collect::<Vec<_>>(), ["eth0"]);

        let zero = "0".repeat(32);
        let unreachable =
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n");
        let out =
            format!("{zero} 00 {zero} 00 fe800000000000000000000000000001 00000064 1 0 00000003     wlan0\n");
        assert_eq!(ipv6(&unreachable).count(), 0);
        assert_eq!(ipv6(&format!("{unreachable}{out}")).collect::<Vec<_>>(), ["wlan0"]);
    }

    #[test]
    fn routes_of_the_host_are_told_from_those_of_the_engine() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/self/net")).unwrap();
        // 10.21.0.0/24 at home, behind it 10.21.8.0/21 by a gateway, and what the engine has.
        let table = "eth0\t00000000\t0100150A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                     eth0\t0000150A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
                     eth0\t0008150A\t0100150A\t0003\t0\t0\t100\t00F8FFFF\t0\t0\t0\n\
                     wlan0\t0000A8C0\t00000000\t0000\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     br-0123456789ab\t0000150A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     br-lan\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        fs::write(root.path().join("proc/self/net/route"), format!("{HEAD}{table}")).unwrap();
        // The same for IPv6: a network at home and one behind it; the way out, what every link has, an address of the host's
        // own, what is refused, a bridge of the engine's.
        let zero = "0".repeat(32);
        let six = |network: &str, length: &str, flags: &str, name: &str| {
            format!("{network:0<32} {length} {zero} 00 {zero} 00000100 00000001 00000000 {flags} {name}\n")
        };
        let table = [
            six("fd120034", "40", "00000001", "eth0"),
            six("fd120035", "30", "00000003", "eth0"),
            six("", "00", "00000003", "eth0"),
            six("fe80", "40", "00000001", "eth0"),
            six("ff00", "08", "00000001", "eth0"),
            six("00000000000000000000000000000001", "80", "80200001", "lo"),
            six("fd990000", "40", "00200200", "lo"),
            six("fd450000", "40", "00000001", "br-0123456789ab"),
        ];
        fs::write(root.path().join("proc/self/net/ipv6_route"), table.concat()).unwrap();
        let found: Vec<String> =
            routes(root.path()).iter().map(|route| format!("{} {}", route.interface, route.subnet)).collect();
        let four = ["br-lan 10.0.1.0/24", "eth0 10.21.0.0/24", "eth0 10.21.8.0/21"];
        assert_eq!(found, [&four[..], &["eth0 fd12:34::/64", "eth0 fd12:35::/48"]].concat());
        assert!(routes(Path::new("/does/not/exist")).is_empty());
    }

    #[test]
    fn a_card_is_known_by_its_address_and_a_tunnel_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let out = |name: &str| format!("{name}\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
        write("proc/self/net/route", &format!("{HEAD}{}{}", out("enp1s0"), out("wg0")));
        write("sys/class/net/enp1s0/address", "52:54:00:12:34:56\n");
        let found = ways_out(root.path());
        assert_eq!(found["52:54:00:12:34:56"], "enp1s0");
        assert_eq!(found["wg0"], "wg0");
        assert!(ways_out(Path::new("/does/not/exist")).is_empty());
    }
}
