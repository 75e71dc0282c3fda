//! A box with Hearth's own image, as far as the agent sees of it: a folder that stands for the root, a signed channel on a web
//! server, and a bus on which the units of the slots do to the boot partition what they do on a device.

/// The box and its channel.
pub mod device;
/// systemd and logind.
pub mod systemd;
