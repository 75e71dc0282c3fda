use axum::http::HeaderMap;
use hearth_gateway::cookie;

use super::Token;

/// Cookies of that name that are looked at in one request. A page of an app can add some, with a longer path, and they
/// come first; the owner's own must not be lost among them.
const LOOKED_AT: usize = 8;

/// Returns the session tokens that a request carries.
pub(crate) fn tokens(headers: &HeaderMap) -> impl Iterator<Item = Token> {
    cookie::values(headers).filter_map(|value| value.parse().ok()).take(LOOKED_AT)
}
