use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use hearth_model::container::Protocol;
use hearth_model::host_port::{HostAddress, HostSocket};

/// Stands for a process whose name cannot be read.
const UNKNOWN: &str = "another program";

/// The engine's own process that holds the port of a container.
const ENGINE_PROXY: &str = "docker-proxy";

/// Sockets that listen, in [`/proc/net/tcp`](https://man7.org/linux/man-pages/man5/proc_pid_net.5.html).
const TCP_LISTEN: u8 = 0x0A;
/// Sockets that take datagrams from anybody, in `/proc/net/udp`.
const UDP_UNCONNECTED: u8 = 0x07;

/// Returns the ports that something listens on, by address, with the name of the process.
///
/// The engine's own proxies are there under their name, `docker-proxy`; when another program shares a port and an
/// address with one, that one is named. Names of processes of other users need root. Fails when `/proc` cannot be read.
pub fn listening() -> io::Result<BTreeMap<HostSocket, String>> {
    listening_in(Path::new("/proc"), |_| true)
}

/// Returns those of the ports `wanted` that something listens on, as [`listening`] does, and much quicker where there are
/// none: who listens takes a walk over all processes.
pub fn listening_on(wanted: &BTreeSet<(Protocol, u16)>) -> io::Result<BTreeMap<HostSocket, String>> {
    if wanted.is_empty() {
        // The tables alone take the kernel a while: it goes over every connection there could be.
        return Ok(BTreeMap::new());
    }
    listening_in(Path::new("/proc"), |port| wanted.contains(&port))
}

fn listening_in(
    proc: &Path,
    wanted: impl Fn((Protocol, u16)) -> bool,
) -> io::Result<BTreeMap<HostSocket, String>> {
    let look = || -> io::Result<Vec<Socket>> {
        let mut sockets = sockets(proc)?;
        sockets.retain(|Socket { at, .. }| wanted((at.protocol, at.port)));
        Ok(sockets)
    };
    let sockets = look()?;
    if sockets.is_empty() {
        return Ok(BTreeMap::new());
    }
    // In this order: who is in neither walk and still there afterwards was there all the time.
    named(sockets, owners(proc)?, || Ok((owners(proc)?, look()?)))
}

/// Names who has each port. Where nobody does, the process may have ended since its socket was seen, or may have been given
/// it since the walk: then owners and sockets are looked at once more.
fn named(
    mut sockets: Vec<Socket>,
    mut owners: HashMap<u64, String>,
    look_again: impl Fn() -> io::Result<(HashMap<u64, String>, Vec<Socket>)>,
) -> io::Result<BTreeMap<HostSocket, String>> {
    if sockets.iter().any(|socket| !owners.contains_key(&socket.inode)) {
        let (more, still) = look_again()?;
        owners.extend(more);
        let still: BTreeSet<u64> = still.iter().map(|socket| socket.inode).collect();
        sockets.retain(|socket| still.contains(&socket.inode));
    }
    let mut ports: BTreeMap<HostSocket, String> = BTreeMap::new();
    for Socket { at, inode } in sockets {
        let owner = owners.get(&inode).map_or(UNKNOWN, String::as_str);
        let named = ports.entry(at).or_insert_with(|| owner.to_owned());
        if named == ENGINE_PROXY || (named == UNKNOWN && owner != ENGINE_PROXY) {
            owner.clone_into(named);
        }
    }
    Ok(ports)
}

/// Reads the kernel's tables of sockets that wait for somebody.
fn sockets(proc: &Path) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for (file, protocol, state) in [
        ("tcp", Protocol::Tcp, TCP_LISTEN),
        ("tcp6", Protocol::Tcp, TCP_LISTEN),
        ("udp", Protocol::Udp, UDP_UNCONNECTED),
        ("udp6", Protocol::Udp, UDP_UNCONNECTED),
    ] {
        match fs::read_to_string(proc.join("net").join(file)) {
            Ok(table) => sockets.extend(table.lines().filter_map(|line| socket(line, protocol, state))),
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.ends_with('6') => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sockets)
}

#[derive(Clone, Copy)]
struct Socket {
    at: HostSocket,
    inode: u64,
}

/// Reads a line such as `0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 …`.
fn socket(line: &str, protocol: Protocol, wanted_state: u8) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    let inode = fields.nth(5)?.parse().ok()?;
    let address = address_of(address)?;
    let at = HostSocket { protocol, port, address };
    (state == wanted_state && port != 0).then_some(Socket { at, inode })
}

/// Reads an address as the kernel writes it: words of four bytes in hexadecimal, each in the byte order of the machine.
fn address_of(text: &str) -> Option<HostAddress> {
    let mut bytes = Vec::new();
    for word in text.as_bytes().chunks(8) {
        let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(ipv4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(HostAddress::from(IpAddr::from(ipv4)));
    }
    let ipv6 = Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
    // A socket on `::` takes IPv4 as well unless its program asked it not to, which the table does not say.
    Some(if ipv6.is_unspecified() { HostAddress::Any } else { HostAddress::from(IpAddr::V6(ipv6)) })
}

/// Returns the names of processes by the inodes of their sockets. Processes that end meanwhile are passed over.
fn owners(proc: &Path) -> io::Result<HashMap<u64, String>> {
    let mut owners = HashMap::new();
    for entry in fs::read_dir(proc)?.flatten() {
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else { continue };
        let mut name = None;
        for descriptor in descriptors.flatten() {
            let Some(inode) = fs::read_link(descriptor.path()).ok().and_then(|link| socket_inode(&link))
            else {
                continue;
            };
            let name = name.get_or_insert_with(|| {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                if name.trim().is_empty() { UNKNOWN.to_owned() } else { name.trim().to_owned() }
            });
            owners.insert(inode, name.clone());
        }
    }
    Ok(owners)
}

fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn own_sockets_are_found_by_name() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let tcp6 = TcpListener::bind("[::1]:0").expect("a free port");
        let udp = UdpSocket::bind("0.0.0.0:0").expect("a free port");
        let ports = listening().expect("/proc is there");
        let comm = fs::read_to_string("/proc/self/comm").expect("own name");
        for (protocol, address) in [
            (Protocol::Tcp, tcp.local_addr()),
            (Protocol::Tcp, tcp6.local_addr()),
            (Protocol::Udp, udp.local_addr()),
        ] {
            let address = address.expect("bound");
            let (port, address) = (address.port(), HostAddress::from(address.ip()));
            let socket = HostSocket { protocol, port, address };
            assert_eq!(ports.get(&socket).map(String::as_str), Some(comm.trim()), "{socket:?}");
        }
    }

    #[test]
    fn only_the_ports_that_were_asked_for_are_told() {
        let one = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = |socket: &TcpListener| (Protocol::Tcp, socket.local_addr().expect("bound").port());
        let ports = listening_on(&BTreeSet::from([port(&one)])).expect("/proc is there");
        let ports: Vec<_> = ports.into_keys().map(|socket| (socket.protocol, socket.port)).collect();
        assert_eq!(ports, [port(&one)]);
        drop(other);
        assert_eq!(listening_on(&BTreeSet::new()).expect("/proc is there"), BTreeMap::new());
    }

    #[test]
    fn who_ended_since_the_first_look_has_no_port_any_more() {
        let at = HostSocket { protocol: Protocol::Tcp, port: 8093, address: HostAddress::Any };
        let seen = vec![Socket { at, inode: 7 }];
        let ports = |owners: &[(u64, &str)], still: &[Socket]| {
            let owners = owners.iter().map(|(inode, name)| (*inode, (*name).to_owned())).collect();
            named(seen.clone(), HashMap::new(), || Ok((HashMap::clone(&owners), still.to_vec())))
                .expect("looked")
        };
        let held_by = |name: &str| BTreeMap::from([(at, name.to_owned())]);
        assert_eq!(ports(&[], &[]), BTreeMap::new());
        assert_eq!(ports(&[], &seen), held_by(UNKNOWN));
        assert_eq!(ports(&[(7, ENGINE_PROXY)], &seen), held_by(ENGINE_PROXY));
    }

    #[test]
    fn a_connection_is_no_listener() {
        let established = "1: 0100007F:0277 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 0 0 7 1";
        assert!(socket(established, Protocol::Tcp, TCP_LISTEN).is_none());
        assert!(socket("  sl  local_address rem_address   st tx_queue", Protocol::Tcp, TCP_LISTEN).is_none());
        let listens = established.replace(" 01 ", " 0A ");
        assert_eq!(
            socket(&listens, Protocol::Tcp, TCP_LISTEN).map(|socket| (socket.at.port, socket.inode)),
            Some((631, 7))
        );
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let ip = |text: &str| HostAddress::from(text.parse::<IpAddr>().expect("an address"));
        if cfg!(target_endian = "little") {
            assert_eq!(address_of("3500007F"), Some(ip("127.0.0.53")));
            assert_eq!(address_of("B80D0120000000000000000007000000"), Some(ip("2001:db8::7")));
            assert_eq!(address_of("0000000000000000FFFF00000100007F"), Some(ip("127.0.0.1")));
        }
        assert_eq!(address_of("00000000"), Some(ip("0.0.0.0")));
        assert_eq!(address_of(&"0".repeat(32)), Some(HostAddress::Any));
        assert_eq!(address_of("local_address"), None);
    }
}
