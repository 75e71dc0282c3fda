use std::net::IpAddr;

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};

use crate::cookie::COOKIE;

/// Headers that are about one connection and never forwarded
/// ([RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The visitor's address.
    pub peer: Option<IpAddr>,
    /// Whether another proxy's word on that is passed on.
    pub trusted: bool,
}

/// Returns the protocol that a request wants to change to, `websocket` most of the time.
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers.get_all(header::CONNECTION).into_iter().any(|value| names(value, "upgrade"));
    headers.get(header::UPGRADE).filter(|_| asks).cloned()
}

/// Tells whether a request was made by a page of the very host and port that it asks, or by no page at all: browsers send
/// `Origin` with every request that could change something, and with each WebSocket.
///
/// A proxy of the owner's may ask by another name than the visitor's, and says that one in `X-Forwarded-Host`, which no page
/// can send to another site.
pub fn is_from_here(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or_default();
    let (origin, port) = match origin.split_once("://") {
        Some(("http", rest)) => (rest, ":80"),
        Some(("https", rest)) => (rest, ":443"),
        _ => return false,
    };
    let asked = headers.get_all(header::HOST).into_iter().chain(headers.get_all(FORWARDED_HOST));
    let same = |host: &str| {
        let plain = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
        plain(host.trim()) == plain(origin)
    };
    asked.into_iter().filter_map(|host| host.to_str().ok()).any(same)
}

/// Makes a visitor's headers those for the app.
///
/// `Host` stays, since apps write links with it. Hearth's session goes, and the other cookies stay.
pub fn to_app(headers: &mut HeaderMap, origin: Origin) {
    let upgrade = upgrade(headers);
    remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
    // The visitor was told to go on as soon as the body was asked for.
    headers.remove(header::EXPECT);
    remove_session(headers);
    if origin.trusted {
        return;
    }
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    let peer = origin.peer.and_then(|peer| HeaderValue::from_str(&peer.to_canonical().to_string()).ok());
    if let Some(peer) = peer {
        headers.insert(FORWARDED_FOR, peer);
    }
}

/// Makes an app's headers those for the visitor; `is_upgrade` when the answer is that the protocol changes.
///
/// What would change Hearth's own session in the browser goes.
pub fn to_visitor(headers: &mut HeaderMap, is_upgrade: bool) {
    let upgrade = headers.get(header::UPGRADE).filter(|_| is_upgrade).cloned();
    remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).into_iter().cloned().collect();
    if cookies.iter().any(sets_session) {
        headers.remove(header::SET_COOKIE);
        for cookie in cookies.into_iter().filter(|cookie| !sets_session(cookie)) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    // Browsers clear the cookies of the host, not of the port.
    let clears =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("cookies") || text.contains('*'));
    if headers.get_all(CLEAR_SITE_DATA).into_iter().any(clears) {
        headers.remove(CLEAR_SITE_DATA);
    }
}

/// Tells whether a header says of a request where it came from, which only a proxy in front may.
fn is_claim(name: &HeaderName) -> bool {
    name == header::FORWARDED || name.as_str().starts_with("x-forwarded-") || name.as_str() == "x-real-ip"
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Which host is meant is not about one connection, whatever a request claims.
        .filter(|name| name != header::HOST && name != header::CONTENT_LENGTH)
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Tells whether a list of words holds one, in any case of its letters.
fn names(value: &HeaderValue, word: &str) -> bool {
    value.to_str().is_ok_and(|list| list.split(',').any(|name| name.trim().eq_ignore_ascii_case(word)))
}

fn remove_session(headers: &mut HeaderMap) {
    let cookies: Vec<HeaderValue> = headers.get_all(header::COOKIE).into_iter().cloned().collect();
    if cookies.is_empty() {
        return;
    }
    headers.remove(header::COOKIE);
    for cookie in cookies {
        let kept: Vec<&[u8]> =
            cookie.as_bytes().split(|byte| *byte == b';').filter(|pair| !is_session(pair)).collect();
        let kept = kept.join(&b';');
        let kept = kept.trim_ascii();
        if let Some(value) = HeaderValue::from_bytes(kept).ok().filter(|_| !kept.is_empty()) {
            headers.append(header::COOKIE, value);
        }
    }
}

/// Tells whether this is the session's cookie, `name=value` or a name alone.
fn is_session(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.trim_ascii() == COOKIE.as_bytes()
}

/// Tells whether a browser that takes this cookie would send it as the session: by its name, or without a name and with
/// that at the beginning of its value
/// ([RFC 6265bis, section 5.8.3](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.8.3)).
fn sets_session(cookie: &HeaderValue) -> bool {
    let pair = cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    is_session(pair.strip_prefix(b"=").unwrap_or(pair))
}

#[cfg(test)]
mod tests;
