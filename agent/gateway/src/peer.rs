use std::net::{IpAddr, Ipv6Addr};

use tokio::net::UnixStream;

/// Who is at the other end of a connection, as the operating system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the network, who must sign in.
    Address(IpAddr),
    /// The Unix user of this host, by name, who has the right to the socket and needs no password.
    LocalUser(String),
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Address(address) => write!(f, "{}", address.to_canonical()),
            Peer::LocalUser(name) => write!(f, "{name} on the box itself"),
        }
    }
}

/// Returns the network that an address is counted under: whoever has one IPv6 address has the 2^64 of its network as well.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Returns who is at the other end, by the kernel's word
/// ([`SO_PEERCRED`](https://man7.org/linux/man-pages/man7/unix.7.html)): root and the service's own user may speak
/// without a password; the uid of anybody else is the error.
pub(crate) fn of(stream: &UnixStream) -> std::io::Result<Result<Peer, u32>> {
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Ok(Err(uid));
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Ok(Ok(Peer::LocalUser(name_of(&users, uid).unwrap_or_else(|| format!("uid {uid}")))))
}

/// Finds a name in the text of [`/etc/passwd`](https://man7.org/linux/man-pages/man5/passwd.5.html).
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found = fields.nth(1)?.parse::<u32>().ok()?;
        (found == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_uid() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 1000).as_deref(), Some("ada"));
        assert_eq!(name_of(users, 7), None);
    }

    #[tokio::test]
    async fn this_process_may_speak_with_itself() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert!(matches!(of(&ours).unwrap(), Ok(Peer::LocalUser(_))));
    }
}
