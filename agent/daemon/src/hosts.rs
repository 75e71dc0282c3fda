//! The names by which this box may be asked.
//!
//! A page of anybody's can have its own name point at this box (DNS rebinding), and is then of the same origin as what answers
//! there. So only names that nobody else can have are answered: addresses, the names of this host, and those that its owner
//! lists in the settings.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::api;
use crate::auth::Peer;
use crate::hearth::Hearth;

/// Ends of names that are only given inside of a home: nobody can register them
/// ([RFC 6762](https://www.rfc-editor.org/rfc/rfc6762), [RFC 8375](https://www.rfc-editor.org/rfc/rfc8375),
/// [`.internal`](https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en)).
const INSIDE: [&str; 6] = ["local", "lan", "home", "home.arpa", "internal", "localdomain"];
/// Names of the host for containers.
const FOR_CONTAINERS: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];
/// Where the host's resolver keeps the home's own ending, such as `fritz.box`.
const RESOLVER: &str = "/etc/resolv.conf";

/// Returns a router that answers only to names of this box.
pub fn guard(router: Router, hearth: Hearth) -> Router {
    router.layer(from_fn_with_state(hearth, check))
}

async fn check(State(hearth): State<Hearth>, request: Request, next: Next) -> Response {
    if let Some(Peer::LocalUser(_)) = request.extensions().get::<Peer>() {
        return next.run(request).await;
    }
    // Both, as a request that names its target in full need not say the same in `Host`.
    let in_line = request.uri().authority().map(ToString::to_string);
    let in_header =
        request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default().to_owned());
    for host in in_line.into_iter().chain(in_header) {
        if !is_ours(&hearth, &host).await {
            return refusal(&host, request.uri().path());
        }
    }
    // Browsers always name a host; what does not is no page.
    next.run(request).await
}

async fn is_ours(hearth: &Hearth, host: &str) -> bool {
    let Some(name) = name_of(host) else { return false };
    let own = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if is_of_this_host(&name, &own) || hearth.in_force().desired.settings.names.contains(&name) {
        return true;
    }
    if name.ends_with(".onion") {
        let published = hearth.published.borrow().apps.clone();
        return published.values().any(|app| app.onion.as_deref() == Some(name.as_str()));
    }
    let resolver = tokio::fs::read_to_string(RESOLVER).await.unwrap_or_default();
    is_in_the_home(&name, &own, &resolver)
}

/// Returns the name in a `Host` header without its port, in small letters; `None` when it is not one.
fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// Tells whether nobody but this host can have a name, whatever the owner has set.
fn is_of_this_host(name: &str, own: &str) -> bool {
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
fn is_in_the_home(name: &str, own: &str, resolver: &str) -> bool {
    let label = own.split('.').next().unwrap_or(own);
    let Some(ending) = name.strip_prefix(label).and_then(|rest| rest.strip_prefix('.')) else { return false };
    resolver.lines().any(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("search" | "domain"))
            && words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(ending))
    })
}

fn refusal(host: &str, path: &str) -> Response {
    let shown: String = host.chars().filter(|character| !character.is_control()).take(100).collect();
    let detail = format!(
        "this box does not answer to the name `{shown}`. Open it by its address; if the name is yours, add it there under \
         Settings, \"Other names\", and use it from then on"
    );
    if path.starts_with(api::PREFIX) {
        return api::misdirected(detail);
    }
    (StatusCode::MISDIRECTED_REQUEST, format!("{detail}.\n")).into_response()
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
