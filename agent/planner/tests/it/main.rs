//! From one release of the operating system to the next, and back, on a simulated box with two slots.

/// A box with two slots, in memory.
mod os_box;
/// From one release of the operating system to the next, and back.
mod os_update;
