use axum::http::{HeaderMap, header};

use hearth_gateway::SESSION_COOKIE;

use super::Token;

/// Cookies of that name that are looked at in one request. A page of an app can add some, with a longer path, and they
/// come first; the owner's own must not be lost among them.
const LOOKED_AT: usize = 8;

/// Returns the session tokens that a request carries.
pub(crate) fn tokens(headers: &HeaderMap) -> impl Iterator<Item = Token> {
    let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|cookies| cookies.split(';'));
    pairs
        .filter_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('=')?.parse().ok())
        .take(LOOKED_AT)
}
