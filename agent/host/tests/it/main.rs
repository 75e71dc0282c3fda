//! Folders of apps on real file systems: the one that tests run on, and loop-mounted btrfs and ext4.

mod data;
mod full_disk;
mod hostile;
mod import;
mod sandbox;
mod snapshots;
mod support;
