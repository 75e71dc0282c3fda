//! The built command against a service without an engine, as a person or a script runs it.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod command;
mod flash;
mod service;
