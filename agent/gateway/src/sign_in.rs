use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use hearth_model::AppId;

/// Longest path that a visitor comes back to after the sign-in, in bytes; from a longer one the way leads to the app's
/// first page.
const LONGEST_WAY_BACK: usize = 4096;

/// Where Hearth itself answers.
#[derive(Debug, Clone, Copy)]
pub struct OwnAddress {
    /// On the home network.
    pub address: SocketAddr,
    /// The port at onion addresses of apps.
    pub onion_port: u16,
}

/// Returns Hearth's own address, by the name that the visitor has for this host.
pub fn dashboard(headers: &HeaderMap, own: OwnAddress) -> String {
    let OwnAddress { address, onion_port } = own;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let host = match (host, address.ip()) {
        (Some(host), _) if !host.host().is_empty() => host.host().to_owned(),
        (_, IpAddr::V4(address)) => address.to_string(),
        (_, IpAddr::V6(address)) => format!("[{address}]"),
    };
    match address.port() {
        // At an onion address the app has port 80.
        _ if host.ends_with(".onion") => format!("http://{host}:{onion_port}"),
        80 => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

/// Returns the address of Hearth's sign-in, from where a visitor comes back to a path of an app.
///
/// The way back holds the app and a path, never a host: it cannot lead anywhere else.
pub fn location(dashboard: &str, app: &AppId, path: &str) -> String {
    let path = if path.len() > LONGEST_WAY_BACK { "/" } else { path };
    format!("{dashboard}/open/{app}/{}", encode(path))
}

/// Percent-encodes everything but the unreserved characters of
/// [RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(address: &str) -> OwnAddress {
        OwnAddress { address: address.parse().unwrap(), onion_port: 2000 }
    }

    #[test]
    fn the_way_to_the_sign_in_keeps_the_visitors_name_of_the_host() {
        for (host, expected) in [
            (Some("hearth.local:3000"), "http://hearth.local:8080"),
            (Some("[fe80::1]:3000"), "http://[fe80::1]:8080"),
            (Some("192.168.1.5"), "http://192.168.1.5:8080"),
            (Some("user@evil.example/x"), "http://0.0.0.0:8080"),
            (Some("abc.onion"), "http://abc.onion:2000"),
            (None, "http://0.0.0.0:8080"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(header::HOST, host.parse().unwrap());
            }
            assert_eq!(dashboard(&headers, own("0.0.0.0:8080")), expected, "{host:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "box:3000".parse().unwrap());
        assert_eq!(dashboard(&headers, own("0.0.0.0:80")), "http://box");
        assert_eq!(dashboard(&HeaderMap::new(), own("[fd00::1]:8080")), "http://[fd00::1]:8080");
        headers.insert(header::HOST, ":3000".parse().unwrap());
        assert_eq!(dashboard(&headers, own("192.168.1.5:8080")), "http://192.168.1.5:8080");
    }

    #[test]
    fn a_path_is_one_word_of_the_way_back() {
        assert_eq!(encode("/a b?c=/d&e=%2F"), "%2Fa%20b%3Fc%3D%2Fd%26e%3D%252F");
    }
}
