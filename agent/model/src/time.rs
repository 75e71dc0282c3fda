#[cfg(target_family = "wasm")]
use std::fmt;

#[cfg(target_family = "wasm")]
use serde::{Deserialize, Serialize};

/// A moment, UTC; in JSON as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it.
#[cfg(not(target_family = "wasm"))]
pub use jiff::Timestamp;

/// A moment, UTC, as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it.
///
/// In the browser it stays the text that the box sent: the browser reads and words times by itself, and jiff would be a
/// tenth of what it loads.
#[cfg(target_family = "wasm")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

#[cfg(target_family = "wasm")]
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
