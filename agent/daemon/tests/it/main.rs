//! The whole API over a real database, as a client sees it.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod api;
mod harness;
