//! The network, as far as the kernel says it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The route is usable, and leads over a gateway
/// ([route.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/route.h)).
const UP_OVER_A_GATEWAY: u32 = 0x3;

/// Returns the network cards over which there is a way out of the home network, by IPv4 or IPv6: hardware address, and what
/// the kernel calls it now. Another release may call the same card something else. `root` is `/` on a device.
pub fn ways_out(root: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(root.join("proc/self/net").join(name)).unwrap_or_default();
    let (four, six) = (read("route"), read("ipv6_route"));
    let named = ipv4(&four).chain(ipv6(&six));
    named.map(|name| (hardware_address(root, name), name.to_owned())).collect()
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
