//! The network, as far as the kernel says it.

use std::fs;
use std::path::Path;

/// The route is usable, and leads over a gateway
/// ([route.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/route.h)).
const UP_OVER_A_GATEWAY: u32 = 0x3;

/// Tells whether there is a way out of the networks that this box is in, by IPv4 or IPv6. `root` is `/` on a device.
pub fn has_default_route(root: &Path) -> bool {
    let read = |name: &str| fs::read_to_string(root.join("proc/self/net").join(name)).unwrap_or_default();
    ipv4(&read("route")) || ipv6(&read("ipv6_route"))
}

/// Columns: interface, destination, gateway, flags, three counters, mask …
fn ipv4(table: &str) -> bool {
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields.as_slice(), [_, "00000000", _, flags, _, _, _, "00000000", ..] if is_usable(flags))
    })
}

/// Columns: destination, its length, source, its length, gateway, three counters, flags, interface.
fn ipv6(table: &str) -> bool {
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, .., flags, _] = fields.as_slice() else { return false };
        *length == "00" && destination.bytes().all(|byte| byte == b'0') && is_usable(flags)
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
        assert!(!ipv4("") && !ipv4(HEAD) && !ipv4(&format!("{HEAD}{own}")));
        assert!(ipv4(&format!("{HEAD}{own}{out}")));

        let zero = "0".repeat(32);
        let unreachable =
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n");
        let out =
            format!("{zero} 00 {zero} 00 fe800000000000000000000000000001 00000064 1 0 00000003     eth0\n");
        assert!(!ipv6(&unreachable));
        assert!(ipv6(&format!("{unreachable}{out}")));
    }

    #[test]
    fn a_box_without_tables_has_no_way_out() {
        assert!(!has_default_route(Path::new("/does/not/exist")));
    }
}
