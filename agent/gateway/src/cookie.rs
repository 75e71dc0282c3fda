use axum::http::{HeaderMap, header};

/// The name of the session's cookie. A browser sends it to every port of the host; see [`crate::headers`] for what keeps it
/// from apps.
pub const COOKIE: &str = "hearth_session";

/// Returns the values of the cookies of that name, in the order in which they were sent.
pub fn values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    // In bytes: a browser sends all cookies in one line, and those of apps need not be text.
    let pairs = headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(cookies: &[&[u8]]) -> Vec<String> {
        let sent = cookies.iter().map(|cookies| (header::COOKIE, HeaderValue::from_bytes(cookies).unwrap()));
        let mut headers = HeaderMap::new();
        headers.extend(sent);
        values(&headers).map(str::to_owned).collect()
    }

    #[test]
    fn the_session_is_found_among_cookies_of_apps() {
        assert_eq!(found(&[b"a=1; hearth_session=x; b=2"]), ["x"]);
        assert_eq!(found(&[b"hearth_session=x;hearth_session=y"]), ["x", "y"]);
        assert!(
            found(&[b"my_hearth_session=x; hearth_session2=x; hearth_session; =hearth_session=x"]).is_empty()
        );
    }

    /// An app may set one, and the browser sends all of them in one line: nobody would be signed in any more.
    #[test]
    fn a_cookie_that_is_no_ascii_does_not_hide_the_session() {
        assert_eq!(found(&["name=J\u{fc}rgen; hearth_session=x".as_bytes()]), ["x"]);
        assert_eq!(found(&[b"name=\xff; hearth_session=x; b=\xfe"]), ["x"]);
    }
}
