//! The service that keeps a box equal to what its owner declared, and the `hearth` command.
//!
//! The only crate that knows all others: it ties the decisions of `hearth-planner` to the engine, the host, the
//! database and the HTTP API. In reading order:

/// What went wrong, for the owner.
pub mod error;
/// The database.
pub mod db;
/// What the stores offer.
pub mod catalog;
/// From what is wanted to what an app is made of.
pub(crate) mod resolve;
/// The core: every question and every change.
pub mod hearth;
/// The loop: observe, plan, execute, publish.
pub(crate) mod reconcile;
/// What apps write.
pub(crate) mod logs;
/// Who may speak to Hearth.
pub mod auth;
/// The HTTP API.
pub mod api;
/// The dashboard's files.
pub mod assets;
/// The service: listeners, start and stop.
pub mod serve;
/// The `hearth` command.
pub mod cli;
