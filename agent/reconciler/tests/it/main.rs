//! The shipped loop against the simulator: scenarios as text, and properties that hold from any state.

/// Order, findings, differences and states, in words.
mod answers;
/// Random apps, and random faults of a new version.
mod any;
/// Where the agent listens for apps.
mod doors;
/// The loop on a simulated box, step by step under paused time.
mod driver;
/// Specs in few words.
mod fixture;
/// Scripts of packages.
mod hooks;
/// Apps that do not run although their containers do, and waits that end.
mod liveness;
/// From any state to the desired one.
mod properties;
/// Each rule finds the plan that breaks it.
mod rules;
/// Installing, changing, stopping, removing.
mod scenarios;
/// Shutdowns end in time.
mod shutdown;
/// What goes wrong, and what the owner reads.
mod trouble;
/// From one version to the next, and back.
mod updates;
/// The simulated box as the loop's world.
mod world;
