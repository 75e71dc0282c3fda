use axum::http::{HeaderMap, header};

use hearth_gateway::SESSION_COOKIE;

use super::Token;

/// Cookies of that name that are looked at in one request. A page of an app can add some, with a longer path, and they
/// come first; the owner's own must not be lost among them.
const LOOKED_AT: usize = 8;

/// Returns the session tokens that a request carries.
pub(crate) fn tokens(headers: &HeaderMap) -> impl Iterator<Item = Token> {
    // In bytes: a browser sends all cookies in one line, and those of apps need not be text.
    let pairs = headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let values = pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(SESSION_COOKIE.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    });
    values.take(LOOKED_AT)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(cookies: &[u8]) -> Vec<Token> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(cookies).expect("a valid header"));
        tokens(&headers).collect()
    }

    /// An app may set one, and the browser sends all of them in one line: nobody would be signed in any more.
    #[test]
    fn a_cookie_that_is_no_ascii_does_not_hide_the_session() {
        let token = crate::auth::token::Key::new().expect("randomness").token();
        let session = format!("{SESSION_COOKIE}={}", token.to_cookie());
        for others in ["name=J\u{fc}rgen; ".as_bytes(), b"name=\xff; my_hearth_session=x; "] {
            let cookies = [others, session.as_bytes(), b"; b=\xfe"].concat();
            assert_eq!(found(&cookies).len(), 1, "{cookies:?}");
        }
    }
}
