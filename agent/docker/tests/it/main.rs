//! Against the real engine of this machine, with images made of Debian's `busybox-static` and a registry on loopback.
//!
//! Every test has its own box id and its own names, and takes away what it made, also when it fails.

mod attach;
mod containers;
mod contract;
mod crowd;
mod events;
mod images;
mod logs;
mod networks;
mod observe;
mod registry;
mod support;
mod unreachable;
mod volumes;
