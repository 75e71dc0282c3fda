//! What black-box tests stand on: a machine of its own for each test, with an engine, a registry, Hearth as a process and
//! Chromium. It knows Hearth's command line and HTTP API and nothing of what is behind them.
//!
//! In reading order:

/// Chromium.
pub mod browser;
/// Hearth's API.
pub mod client;
/// Disks of a chosen size and file system.
pub mod disk;
/// A Docker engine of its own.
pub mod engine;
/// Git repositories.
pub mod git;
/// Hearth as a process.
pub mod hearth;
/// A network and mounts of its own for the test's thread, and a folder.
pub mod machine;
/// A box with Hearth's own image.
pub mod os;
/// Where things are in this checkout.
pub mod paths;
/// A process that ends with its owner.
pub mod process;
/// A container registry and images in it.
pub mod registry;
/// Folders of packages.
pub mod store;
/// Tar archives, also dishonest ones.
pub mod tarball;
/// Waiting for something to become true.
pub mod wait;
/// An HTTP server.
pub mod web;
