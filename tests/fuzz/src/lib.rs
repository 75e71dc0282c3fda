//! What strangers send, read as Hearth reads it. Each module has one `read`, which takes any bytes: a fuzzer makes them up, and
//! the tests of the workspace read the seeds (`tests/seeds.rs`), so that what is here always compiles.

/// Packages of other stores.
pub mod adapters;
/// Archives.
pub mod archives;
/// Compose files.
pub mod compose;
/// Requests.
pub mod gateway;
/// Files of a channel, one by one.
pub mod releases;
/// A whole channel, signed.
pub mod tuf;

/// Returns the parts of a text that has a line `=== NAME` before each.
fn parts(data: &[u8]) -> Option<impl Iterator<Item = (&str, &str)>> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split("=== ").skip(1).take(20).map(|part| part.split_once('\n').unwrap_or((part, ""))))
}
