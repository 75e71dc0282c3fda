//! The service that keeps a box equal to what its owner declared.
//!
//! The only crate that knows all others: it ties the decisions of `hearth-planner` to the engine, the host, the
//! database and the HTTP API. In reading order:

/// The HTTP API.
pub mod api;
/// The dashboard's files.
pub mod assets;
/// Who may speak to Hearth.
pub mod auth;
/// What the stores offer.
pub mod catalog;
/// The database.
pub mod db;
/// What went wrong, for the owner.
pub mod error;
/// Ties the gateway to sessions and apps.
mod gateway;
/// The core: every question and every change.
pub mod hearth;
/// The names by which this box may be asked.
pub mod hosts;
/// Apps of another box.
pub(crate) mod import;
/// Deletes what was removed.
pub(crate) mod janitor;
/// What apps write.
pub(crate) mod logs;
/// Onion services' keys and addresses.
mod onion;
/// Ties updates of the operating system to the database and the core.
mod os;
/// The loop: observe, plan, execute, publish.
pub(crate) mod reconcile;
/// From what is wanted to what an app is made of.
pub(crate) mod resolve;
/// Scripts of packages.
pub(crate) mod scripts;
/// The service: listeners, start and stop.
pub mod serve;

pub use resolve::{missing_needs, rehearse};
pub use scripts::calls::{SOCKET as SCRIPTS_SOCKET, wire};
