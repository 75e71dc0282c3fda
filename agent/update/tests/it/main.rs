//! What needs more than memory: real slots on a loop device, written by the real systemd-sysupdate.

mod cuts;
mod device;
mod slot;
