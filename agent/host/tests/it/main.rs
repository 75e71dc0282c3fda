//! Folders of apps on real file systems: the one that tests run on, and loop-mounted btrfs and ext4. Images on loop devices.

mod borders;
mod data;
mod flash;
mod full_disk;
mod hostile;
mod import;
mod odd_files;
mod sandbox;
mod sequences;
mod snapshots;
mod support;
mod volumes;
