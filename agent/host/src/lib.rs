//! The host that Hearth runs on. It knows nothing of the engine, the network or the database, and decides nothing:
//! it does what a step says, and tells what there is. Every call blocks, some for long; call them off the runtime.

/// Folders of apps and their snapshots.
pub mod data;
/// What the host has.
pub mod facts;
/// The operating system's image, onto a disk.
pub mod flash;
/// Ways out of the network.
pub mod network;
/// Which operating system runs.
pub mod os;
/// Who listens on the host's ports.
pub mod ports;
/// Scripts of packages.
pub mod sandbox;
/// Units, and the restart of the box.
pub mod systemd;
