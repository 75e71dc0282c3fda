use std::net::IpAddr;

use axum::http::uri::Authority;

/// Ends of names that are only given inside of a home: nobody can register them
/// ([RFC 6762](https://www.rfc-editor.org/rfc/rfc6762), [RFC 8375](https://www.rfc-editor.org/rfc/rfc8375),
/// [`.internal`](https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en)).
const INSIDE: [&str; 6] = ["local", "lan", "home", "home.arpa", "internal", "localdomain"];
/// Names of the host for containers.
const FOR_CONTAINERS: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// Returns the name in a `Host` header without its port, in small letters; `None` when it is not one.
pub fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// Tells whether nobody but this host can have a name, whatever the owner has set.
pub fn is_of_this_host(name: &str, own: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    // A zone may follow: `fe80::1%25eth0`.
    if address.split('%').next().is_some_and(|address| address.parse::<IpAddr>().is_ok()) {
        return true;
    }
    let label = own.split('.').next().unwrap_or(own);
    let is_inside = |ending: &str| INSIDE.contains(&ending);
    name == "localhost"
        || name.ends_with(".localhost")
        || FOR_CONTAINERS.contains(&name)
        || name == own
        || name == label
        || name.strip_prefix(label).and_then(|rest| rest.strip_prefix('.')).is_some_and(is_inside)
}

/// Tells whether a name is this host's with an ending that the home's router gave out.
pub fn is_in_the_home(name: &str, own: &str, resolver: &str) -> bool {
    let label = own.split('.').next().unwrap_or(own);
    let Some(ending) = name.strip_prefix(label).and_then(|rest| rest.strip_prefix('.')) else { return false };
    resolver.lines().any(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("search" | "domain"))
            && words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(host: &str) -> bool {
        name_of(host).is_some_and(|name| {
            is_of_this_host(&name, "attic")
                || is_in_the_home(&name, "attic", "nameserver 127.0.0.53\nsearch fritz.box corp.example.\n")
        })
    }

    #[test]
    fn names_that_nobody_else_can_have_are_answered() {
        for host in [
            "192.168.1.5",
            "192.168.1.5:8080",
            "[fd00::1]:3000",
            "[::1]",
            "localhost:8080",
            "box.localhost",
            "attic",
            "ATTIC:80",
            "attic.local",
            "attic.local.",
            "attic.lan",
            "attic.home.arpa",
            "attic.fritz.box",
            "attic.corp.example",
            "host.docker.internal:3000",
        ] {
            assert!(allows(host), "{host}");
        }
    }

    #[test]
    fn names_that_somebody_can_point_here_are_not() {
        for host in [
            "evil.example",
            "attic.evil.example",
            "attic.example",
            "notattic.local",
            "other.local",
            "local",
            "192.168.1.5.evil.example",
            "localhost.evil.example",
            "evil.example@localhost",
            "abc.onion",
            "",
            ":80",
            "a b",
        ] {
            assert!(!allows(host), "{host}");
        }
    }
}
