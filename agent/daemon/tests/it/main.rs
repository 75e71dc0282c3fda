//! The whole API over a real database, as a client sees it.

mod api;
mod cli;
mod harness;
mod service;
