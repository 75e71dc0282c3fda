use super::*;

const VISITOR: Origin =
    Origin { peer: Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7))), trusted: false };

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn only_pages_of_the_same_host_and_port_are_from_here() {
    let check = |pairs: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        is_from_here(&headers)
    };
    for (host, origin, expected) in [
        ("box.local:8401", "http://box.local:8401", true),
        ("BOX.local:8401", "http://box.LOCAL:8401", true),
        ("box.local", "http://box.local:80", true),
        ("box.local:80", "http://box.local", true),
        ("box.local", "https://box.local", true),
        ("box.local:8401", "http://box.local:8402", false),
        ("box.local:8401", "http://box.local", false),
        ("box.local", "http://box.local:443", false),
        ("box.local:8401", "http://evil.example", false),
        ("box.local:8401", "null", false),
        ("box.local:8401", "", false),
    ] {
        assert_eq!(check(&[("host", host), ("origin", origin)]), expected, "{host} {origin}");
    }
    assert!(check(&[("host", "box.local:8401")]), "a program that is no browser");
    let proxied = [
        ("host", "127.0.0.1:8401"),
        ("x-forwarded-host", "cloud.example"),
        ("origin", "https://cloud.example"),
    ];
    assert!(check(&proxied), "a proxy of the owner's");
}

#[test]
fn the_app_never_gets_the_session_and_keeps_its_own_cookies() {
    for (sent, got) in [
        ("hearth_session=x", None),
        ("a=1; hearth_session=x; b=2", Some("a=1; b=2")),
        ("hearth_session=x;b=2", Some("b=2")),
        ("hearth_session=x; hearth_session=y", None),
        (" hearth_session =x; b=2", Some("b=2")),
        ("hearth_session; b", Some("b")),
        ("my_hearth_session=1; hearth_session2=2", Some("my_hearth_session=1; hearth_session2=2")),
        ("=hearth_session=x", Some("=hearth_session=x")),
    ] {
        let mut headers = map(&[("cookie", sent)]);
        to_app(&mut headers, VISITOR);
        assert_eq!(headers.get("cookie").map(|value| value.to_str().unwrap()), got, "{sent}");
    }
    let mut headers = map(&[("cookie", "a=1"), ("cookie", "hearth_session=x"), ("cookie", "b=2")]);
    to_app(&mut headers, VISITOR);
    assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
}

#[test]
fn an_app_cannot_set_or_clear_the_session() {
    let mut headers = map(&[
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "hearth_session=x; Path=/"),
        ("set-cookie", "hearth_session=; Max-Age=0"),
        ("set-cookie", " hearth_session =x"),
        ("set-cookie", "=hearth_session=x"),
        ("set-cookie", "hearth_session"),
        ("set-cookie", "b=hearth_session=x"),
        ("clear-site-data", "\"cache\", \"cookies\""),
    ]);
    to_visitor(&mut headers, false);
    assert_eq!(lines(&headers), ["set-cookie: a=1; Path=/", "set-cookie: b=hearth_session=x"]);
    let mut headers = map(&[("clear-site-data", "\"cache\"")]);
    to_visitor(&mut headers, false);
    assert_eq!(lines(&headers), ["clear-site-data: \"cache\""]);
}

#[test]
fn the_app_hears_where_a_request_came_from_and_nothing_that_is_made_up() {
    let sent = [
        ("host", "hearth.local:3000"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/x"),
        ("x-real-ip", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
    ];
    let mut headers = map(&sent);
    to_app(&mut headers, VISITOR);
    assert_eq!(
        lines(&headers),
        [
            "host: hearth.local:3000",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: hearth.local:3000",
            "x-forwarded-proto: http"
        ]
    );
    let mut headers = map(&sent);
    to_app(&mut headers, Origin { trusted: true, ..VISITOR });
    assert_eq!(headers, map(&sent));
    let mut headers = map(&[]);
    to_app(&mut headers, Origin { peer: Some("::ffff:192.0.2.7".parse().unwrap()), trusted: false });
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
}

#[test]
fn what_is_about_one_connection_stays_there() {
    let sent = [
        ("connection", "keep-alive, X-Own, host, content-length"),
        ("keep-alive", "timeout=5"),
        ("x-own", "1"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "x"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("host", "h"),
        ("content-length", "5"),
        ("accept", "*/*"),
    ];
    let mut headers = map(&sent);
    to_app(&mut headers, Origin { trusted: true, ..VISITOR });
    assert_eq!(lines(&headers), ["accept: */*", "content-length: 5", "host: h"]);
    let mut headers = map(&[("connection", "close, upgrade"), ("upgrade", "x"), ("a", "b")]);
    to_visitor(&mut headers, false);
    assert_eq!(lines(&headers), ["a: b"]);
}

#[test]
fn an_upgrade_is_asked_for_and_granted() {
    for connection in ["Upgrade", "keep-alive, Upgrade", "UPGRADE"] {
        let mut headers = map(&[("connection", connection), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&headers).unwrap(), "websocket");
        to_app(&mut headers, Origin { trusted: true, ..VISITOR });
        assert_eq!(lines(&headers), ["connection: upgrade", "upgrade: websocket"]);
        to_visitor(&mut headers, true);
        assert_eq!(lines(&headers), ["connection: upgrade", "upgrade: websocket"]);
    }
    assert_eq!(upgrade(&map(&[("upgrade", "websocket")])), None);
    assert_eq!(upgrade(&map(&[("connection", "upgrade")])), None);
}
