//! A request: its path in the first line, a header in each further one. Whatever it says, no app gets the session, no app and
//! no visitor is told what only a proxy may say, and a path that another program reads as a guarded one is not open.

use std::net::{IpAddr, Ipv4Addr};

use hearth_gateway::access::is_open;
use hearth_gateway::headers::{Origin, is_from_here, to_app, to_visitor, upgrade};
use hearth_gateway::sign_in::{OwnAddress, dashboard, location};
use hearth_gateway::{cookie, names};
use hearth_model::conventions::Gate;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use url::{Host, Url};

/// The name of the box.
const OWN_NAME: &str = "attic";

pub fn read(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in lines.take(40) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    check_path(path);
    check_host(&headers);
    check_request(headers.clone());
    check_answer(headers);
}

/// An open path is under the open folder for every program that reads it, and never in the guarded one.
fn check_path(path: &[u8]) {
    let Some(path) = Uri::try_from(path).ok().and_then(|uri| uri.into_parts().path_and_query) else { return };
    let gate = Gate {
        sign_in: true,
        open_paths: vec!["/open/*".to_owned()],
        guarded_paths: vec!["/open/private/*".to_owned()],
        trust_upstream: false,
    };
    let is_open_here = is_open(&gate, path.path());
    let rules = vec![path.as_str().to_owned()];
    let _ = is_open(&Gate { open_paths: rules.clone(), guarded_paths: rules, ..gate }, path.path());
    if !is_open_here {
        return;
    }
    // As browsers and Node read it (<https://url.spec.whatwg.org/#path-state>).
    let Ok(url) = Url::parse(&format!("http://app{}", path.path())) else { return };
    for reading in [url.path().to_owned(), decoded(url.path()), decoded(path.path())] {
        // Many routers take letters of any case. A rule for what is in a folder does not mean the folder itself.
        let reading = reading.strip_suffix('/').unwrap_or(&reading).to_lowercase();
        assert!(!reading.starts_with("/open/private/"), "{path} is open, and guarded as {reading}");
        assert!(reading.starts_with("/open/"), "{path} is open, and is {reading}");
    }
}

/// Undoes one layer of percent-encoding, as a form does for a name without the characters that are special in forms.
fn decoded(path: &str) -> String {
    let name = path.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(name.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A name that is answered as the box's own is an address, or ends as only names inside of a home do.
fn check_host(headers: &HeaderMap) {
    for host in headers.get_all(header::HOST).into_iter().filter_map(|host| host.to_str().ok()) {
        let Some(name) = names::name_of(host) else { continue };
        let is_ours = names::is_of_this_host(&name, OWN_NAME);
        let _ = names::is_in_the_home(&name, OWN_NAME, "search fritz.box\n");
        // What a browser cannot be sent to, no page can have asked for.
        let Ok(url) = Url::parse(&format!("http://{host}/")) else { continue };
        if let (true, Some(Host::Domain(domain))) = (is_ours, url.host()) {
            let domain = domain.trim_end_matches('.');
            let inside = ["local", "lan", "home", "home.arpa", "internal", "localdomain"];
            let is_inside = domain.strip_prefix("attic.").is_some_and(|ending| inside.contains(&ending))
                || ["attic", "localhost", "host.docker.internal", "gateway.docker.internal"]
                    .contains(&domain)
                || domain.ends_with(".localhost");
            assert!(is_inside, "{host} is answered");
        }
    }
    let own = OwnAddress { address: "[fd00::1]:8080".parse().expect("an address"), onion_port: 2000 };
    let app = "wiki".parse().expect("an app id");
    let to = location(&dashboard(headers, own), &app, "/a?b=/../c");
    let Ok(url) = Url::parse(&to) else { return };
    assert_eq!(url.path(), "/open/wiki/%2Fa%3Fb%3D%2F..%2Fc", "{to}");
    assert!(url.query().is_none() && url.username().is_empty(), "{to}");
}

/// What the app gets holds no session, and nothing that the visitor made up about where it came from.
fn check_request(mut headers: HeaderMap) {
    let _ = (is_from_here(&headers), cookie::values(&headers).count());
    to_app(&mut headers, Origin { peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), trusted: false });
    assert_eq!(cookie::values(&headers).count(), 0, "the session is in {headers:?}");
    for cookie in headers.get_all(header::COOKIE) {
        for pair in cookie.as_bytes().split(|byte| *byte == b';') {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            assert_ne!(name.trim_ascii(), cookie::COOKIE.as_bytes(), "the session is in {headers:?}");
        }
    }
    let said: Vec<_> = headers.get_all("x-forwarded-for").into_iter().collect();
    assert_eq!(said, ["127.0.0.1"]);
    assert!(!headers.contains_key(header::FORWARDED) && !headers.contains_key("x-real-ip"));
    assert!(!headers.contains_key(header::TRANSFER_ENCODING) && !headers.contains_key("keep-alive"));
    assert_eq!(headers.contains_key(header::CONNECTION), upgrade(&headers).is_some());
    let mut again = headers.clone();
    to_app(&mut again, Origin { peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), trusted: false });
    assert_eq!(headers, again, "what is passed on once is passed on twice");
}

/// What the visitor gets sets no cookie that would come back as the session.
fn check_answer(mut headers: HeaderMap) {
    to_visitor(&mut headers, false);
    for cookie in headers.get_all(header::SET_COOKIE) {
        let pair = cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()),
            None => (&b""[..], pair),
        };
        // What a browser would send.
        let sent = if name.is_empty() { value.to_vec() } else { [name, b"=", value].concat() };
        if let Ok(value) = HeaderValue::from_bytes(&sent) {
            let mut back = HeaderMap::new();
            back.insert(header::COOKIE, value);
            assert_eq!(cookie::values(&back).count(), 0, "an app sets the session by {cookie:?}");
        }
    }
    assert!(!headers.contains_key(header::CONNECTION) && !headers.contains_key(header::UPGRADE));
}
