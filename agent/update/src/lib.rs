//! Releases of the operating system: what a channel serves, whether it can be trusted, and how a box gets what it lacks.
//!
//! A channel is a folder of static files: TUF metadata, and targets that it names by hash. [`trust`] says which release it
//! offers; [`download`] puts its files together from what the box has and what it fetches; [`slot`] writes them, in a
//! process of its own. Everything blocks, and nothing is decided here but whether bytes are what was signed.

/// Content-defined chunks.
pub mod chunk;
/// Puts the files of a release together.
pub mod download;
/// What went wrong.
mod error;
/// Which chunks a file is made of.
pub mod index;
/// What a channel says about a release.
pub mod release;
/// The slots and the boot loader's entries.
pub mod slot;
/// Where a channel is.
pub mod source;
/// Whether a channel can be trusted.
pub mod trust;
/// Hash trees of root file systems.
pub mod verity;

pub use error::{Error, Result};
